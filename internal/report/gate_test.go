package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/slo"
)

// judged is what a case comes to when it sees runs.
func judged(t *testing.T, o slo.Objective, runs []flows.Run) slo.Finding {
	t.Helper()
	c, err := slo.NewCase(o, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		c.Observe(r)
	}
	return c.Finding()
}

func availability(runs int) slo.Objective {
	return slo.Objective{Name: "join-availability", Probe: "join", Flow: flows.Join, SLI: config.Availability, Target: 0.99, EventsPerRun: 1,
		Gate: &config.Gate{Prove: 0.9, Runs: runs, Confidence: 0.95}}
}

func timeToMedia(runs int) slo.Objective {
	return slo.Objective{Name: "join-time-to-media", Probe: "join", Flow: flows.Join, SLI: config.TimeToMedia, Target: 0.95, Threshold: 2 * time.Second,
		EventsPerRun: 1, Gate: &config.Gate{Prove: 0.85, Runs: runs, Confidence: 0.95}}
}

// series is n runs of join, of which the given ones are replaced.
func series(n int, instead map[int]flows.Run) []flows.Run {
	var out []flows.Run
	for i := range n {
		r := joined(1, ms)
		r.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		r.TimeToMedia = new(time.Duration(900+i) * ms)
		if other, ok := instead[i]; ok {
			r = other
		}
		out = append(out, r)
	}
	return out
}

func unreachable() flows.Run {
	return failed(flows.Failed, &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Detail: "no answer from MC within 15s ]]> \x01 <b>&"})
}

func cutOff() flows.Run {
	return failed(flows.Inconclusive, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseNetwork, Detail: "nothing answers, the reference does not either"})
}

// slowRelay is n runs of media with frames on time, of which some are late in the given
// ones.
func slowRelay(n int, late map[int]int) []flows.Run {
	var out []flows.Run
	for i := range n {
		r := talked()
		r.ID = fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
		r.Pairs = []flows.Pair{{Sent: 100, Delivered: 100}}
		for k := range 100 {
			d := 20 * ms
			if k < late[i] {
				d = 220 * ms
			}
			r.Pairs[0].Samples = append(r.Pairs[0].Samples, flows.Sample{Latency: d})
		}
		out = append(out, r)
	}
	return out
}

func latency(runs int) slo.Objective {
	return slo.Objective{Name: "media-one-way-latency", Probe: "media", Flow: flows.Media, SLI: config.OneWayLatency, Target: 0.99, Threshold: 150 * ms,
		EventsPerRun: 100, Gate: &config.Gate{Prove: 0.8, Runs: runs, Confidence: 0.95}}
}

type judgement struct {
	runs []flows.Run
	j    report.Judgement
	code int
}

// judgements are one of each kind.
func judgements(t *testing.T) map[string]judgement {
	out := make(map[string]judgement)
	add := func(name string, runs []flows.Run, objectives ...slo.Objective) report.Judgement {
		var findings []slo.Finding
		for _, o := range objectives {
			findings = append(findings, judged(t, o, runs))
		}
		j := report.Judge(findings)
		j.Took = 90 * time.Second
		out[name] = judgement{runs, j, j.ExitCode()}
		return j
	}
	change := func(name string, how func(*report.Judgement)) {
		g := out[name]
		how(&g.j)
		out[name] = judgement{g.runs, g.j, g.j.ExitCode()}
	}
	late := make(map[int]int)
	for i := range 22 {
		late[i] = 30
	}
	cut := series(8, map[int]flows.Run{1: cutOff(), 2: cutOff(), 3: cutOff(), 4: cutOff(), 5: cutOff(), 6: cutOff(), 7: cutOff()})

	add("pass", append(series(61, nil), slowRelay(22, map[int]int{3: 1})...), availability(61), timeToMedia(61), latency(22))
	change("pass", func(j *report.Judgement) { j.WarmUp = &report.WarmUp{Runs: 3, Took: 41 * time.Second, Ready: true} })
	change("pass", func(j *report.Judgement) {
		o, none := timeToMedia(61), latency(22)
		o.Name, o.Gate, o.Threshold, none.Name, none.Probe = "join-quick", nil, 950*ms, "other-latency", "other"
		j.Aside = []slo.Finding{slo.Aside(o, out["pass"].runs), slo.Aside(none, out["pass"].runs)}
	})
	add("fail", append(series(61, map[int]flows.Run{3: unreachable(), 4: unreachable(), 9: unreachable(), 11: unreachable()}), slowRelay(22, late)...),
		availability(61), timeToMedia(61), latency(22))
	change("fail", func(j *report.Judgement) {
		j.WarmUp = &report.WarmUp{Runs: 12, Took: 2 * time.Minute, Last: "gc_join at gc (rejected): 401"}
	})
	add("slow", series(61, map[int]flows.Run{0: slow(), 1: slow(), 2: slow()}), availability(61), timeToMedia(61))
	add("inconclusive", series(3, nil), availability(3), timeToMedia(3))
	add("between", series(46, map[int]flows.Run{7: unreachable(), 8: unreachable()}), availability(46))
	add("open-pass", series(3, nil), availability(3))
	change("open-pass", func(j *report.Judgement) { j.TakenFor = slo.Pass })
	add("open-fail", series(3, nil), availability(3))
	change("open-fail", func(j *report.Judgement) { j.TakenFor = slo.Fail })
	add("unable", series(6, map[int]flows.Run{0: cutOff(), 1: cutOff(), 2: cutOff(), 3: cutOff(), 4: cutOff(), 5: cutOff()}), availability(61))
	change("unable", func(j *report.Judgement) { j.TakenFor = slo.Fail })
	add("cut-off", cut, availability(3))
	aborted := unreachable()
	aborted.Outcome, aborted.Failure = flows.Aborted, &flows.Failure{Step: flows.StepFirstMedia, Hop: flows.Prober, Reason: flows.Self, Detail: "the prober is shutting down"}
	add("interrupted", append(append(series(20, nil), aborted), slowRelay(22, nil)...), availability(61), latency(22))
	change("interrupted", func(j *report.Judgement) { j.Interrupted = true })
	add("nothing", nil)
	return out
}

func slow() flows.Run {
	r := joined(1, ms)
	r.TimeToMedia = new(2310 * ms)
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func TestTheGateIsToldInEveryForm(t *testing.T) {
	for name, g := range judgements(t) {
		t.Run(name, func(t *testing.T) {
			for form, write := range map[string]func(*bytes.Buffer) error{
				"txt":      func(b *bytes.Buffer) error { return report.Text{}.Judgement(b, g.j, g.runs) },
				"xml":      func(b *bytes.Buffer) error { return report.JUnit(b, g.runs, &g.j) },
				"md":       func(b *bytes.Buffer) error { return report.Markdown(b, g.runs, &g.j, g.code) },
				"pod.json": func(b *bytes.Buffer) error { _, err := b.Write(report.Termination(g.runs, &g.j, g.code)); return err },
				"json":     func(b *bytes.Buffer) error { return report.JSON(b, nil, &g.j, g.code) },
			} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				golden(t, "gate-"+name+"."+form, b.Bytes())
			}
		})
	}
}

func TestExitCodesOfAGate(t *testing.T) {
	for name, want := range map[string]int{"pass": report.ExitOK, "fail": report.ExitFailed, "slow": report.ExitFailed, "inconclusive": report.ExitInconclusive,
		"between": report.ExitInconclusive, "open-pass": report.ExitOK, "open-fail": report.ExitFailed, "unable": report.ExitProber, "cut-off": report.ExitProber,
		"interrupted": report.ExitInterrupted, "nothing": report.ExitInconclusive} {
		if g := judgements(t)[name]; g.code != want {
			t.Errorf("%s: exit code %d, want %d: %s", name, g.code, want, g.j.Line())
		}
	}
}

// TestWhatAPersonReadsFitsATerminal: what is wrapped is what we say; a failure is told
// in one line, however long, so that it can be searched for.
func TestWhatAPersonReadsFitsATerminal(t *testing.T) {
	for name, g := range judgements(t) {
		var b bytes.Buffer
		if err := (report.Text{}).Judgement(&b, g.j, nil); err != nil {
			t.Fatal(err)
		}
		verdict, rest, _ := strings.Cut(b.String(), "\n")
		if verdict != g.j.Line() {
			t.Errorf("%s: the first line is %q", name, verdict)
		}
		for line := range strings.Lines(rest) {
			if len(strings.TrimRight(line, "\n")) > 80 && !strings.Contains(line, "[trace ") && !strings.HasPrefix(line, "warm-up: ") {
				t.Errorf("%s: %d columns: %s", name, len(line), line)
			}
		}
	}
}

// TestNumbersStayWithTheirUnits wherever a sentence is wrapped.
func TestNumbersStayWithTheirUnits(t *testing.T) {
	torn := regexp.MustCompile(`(?m)^ +%|[<>]=$`)
	for name, g := range judgements(t) {
		var b strings.Builder
		for pad := range 30 { // so that it is wrapped everywhere
			for i := range g.j.Findings {
				g.j.Findings[i].Objective.Name = strings.Repeat("x", 20+pad)
			}
			if err := (report.Text{}).Judgement(&b, g.j, g.runs); err != nil {
				t.Fatal(err)
			}
		}
		if at := torn.FindStringIndex(b.String()); at != nil {
			t.Errorf("%s: %q", name, b.String()[max(at[0]-80, 0):at[1]])
		}
	}
}

func TestVerdictsHaveColours(t *testing.T) {
	for name, want := range map[string]string{"pass": "\x1b[32mPASS", "fail": "\x1b[31mFAIL", "inconclusive": "\x1b[33mINCONCLUSIVE", "interrupted": "\x1b[33mINTERRUPTED"} {
		g := judgements(t)[name]
		var b bytes.Buffer
		if err := (report.Text{Color: true}).Judgement(&b, g.j, g.runs); err != nil || !strings.HasPrefix(b.String(), want) {
			t.Errorf("%s begins with %.30q", name, b.String())
		}
	}
}

func TestJUnitIsReadBackByALibraryOfOthers(t *testing.T) {
	for name, want := range map[string]junit.Totals{
		"pass":         {Tests: 3, Passed: 3},
		"fail":         {Tests: 3, Failed: 2, Passed: 1},
		"inconclusive": {Tests: 2, Skipped: 2},
		"open-pass":    {Tests: 1, Skipped: 1},
		"open-fail":    {Tests: 1, Error: 1},
		"unable":       {Tests: 1, Error: 1},
		"cut-off":      {Tests: 1, Error: 1},
		"interrupted":  {Tests: 2, Error: 1, Passed: 1},
		"nothing":      {},
	} {
		t.Run(name, func(t *testing.T) {
			g := judgements(t)[name]
			var b bytes.Buffer
			if err := report.JUnit(&b, g.runs, &g.j); err != nil {
				t.Fatal(err)
			}
			suites, err := junit.Ingest(b.Bytes())
			if err != nil {
				t.Fatalf("%v:\n%s", err, b.Bytes())
			}
			var got junit.Totals
			for _, s := range suites {
				got.Tests += s.Totals.Tests
				got.Passed += s.Totals.Passed
				got.Skipped += s.Totals.Skipped
				got.Failed += s.Totals.Failed
				got.Error += s.Totals.Error
			}
			if got.Duration = 0; got != want {
				t.Errorf("totals %+v, want %+v\n%s", got, want, b.Bytes())
			}
		})
	}
}

func TestJUnitWithoutAGateHasTheRuns(t *testing.T) {
	runs := []flows.Run{joined(1, ms), unreachable(), cutOff(), informational(unreachable())}
	var b bytes.Buffer
	if err := report.JUnit(&b, runs, nil); err != nil {
		t.Fatal(err)
	}
	suites, err := junit.Ingest(b.Bytes())
	if err != nil || len(suites) != 1 {
		t.Fatalf("%d suites, %v", len(suites), err)
	}
	if got := suites[0].Totals; got.Tests != 4 || got.Passed != 1 || got.Failed != 1 || got.Error != 1 || got.Skipped != 1 {
		t.Errorf("totals %+v\n%s", got, b.Bytes())
	}
}

func TestTheMessageOfAPodFitsIntoIt(t *testing.T) {
	g := judgements(t)["fail"]
	for len(g.j.Findings) < 200 {
		g.j.Findings = append(g.j.Findings, g.j.Findings[0])
	}
	message := report.Termination(g.runs, &g.j, g.code)
	if len(message) > 4096 {
		t.Errorf("%d bytes", len(message))
	}
	var short struct{ Verdict, Line string }
	if err := json.Unmarshal(message, &short); err != nil || short.Verdict != "fail" || short.Line == "" {
		t.Errorf("%v: %s", err, message)
	}
}

func TestASummaryStaysSmall(t *testing.T) {
	g := judgements(t)["fail"]
	for len(g.j.Findings) < 2000 {
		g.j.Findings = append(g.j.Findings, g.j.Findings[0])
	}
	var b bytes.Buffer
	if err := report.Markdown(&b, g.runs, &g.j, g.code); err != nil || b.Len() > 80<<10 || !strings.Contains(b.String(), "(cut)") {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

func TestNoPercentileIsClaimedThatTheRunsCannotCarry(t *testing.T) {
	for n, want := range map[int]string{58: "", 60: "; time_to_media p95 <= 959 ms (needs <= 2 s)"} {
		text := report.Sentence(judged(t, timeToMedia(60), series(n, nil)))
		if want == "" && strings.Contains(text, "p95") || !strings.Contains(text, want) {
			t.Errorf("%d runs: %s", n, text)
		}
	}
}
