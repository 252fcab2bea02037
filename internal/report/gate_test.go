package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
		out[name] = judgement{runs, j, j.ExitCode(report.ExitInconclusive)}
		return j
	}
	add("pass", series(61, map[int]flows.Run{17: unreachable()}), availability(61), timeToMedia(61))
	add("fail", series(61, map[int]flows.Run{3: unreachable(), 4: unreachable(), 9: unreachable(), 11: unreachable()}), availability(61), timeToMedia(61))
	add("inconclusive", series(3, nil), availability(3), timeToMedia(3))
	add("unable", series(6, map[int]flows.Run{0: cutOff(), 1: cutOff(), 2: cutOff(), 3: cutOff(), 4: cutOff(), 5: cutOff()}), availability(61))
	warm := out["pass"]
	warm.j.WarmUp = &report.WarmUp{Runs: 3, Took: 41 * time.Second, Ready: true}
	out["pass"] = warm
	cold := out["fail"]
	cold.j.WarmUp = &report.WarmUp{Runs: 12, Took: 2 * time.Minute}
	out["fail"] = cold
	out["nothing"] = judgement{nil, report.Judge(nil), report.ExitInconclusive}
	return out
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
				"txt":  func(b *bytes.Buffer) error { return report.Text{}.Judgement(b, g.j, g.runs) },
				"xml":  func(b *bytes.Buffer) error { return report.JUnit(b, g.runs, &g.j) },
				"md":   func(b *bytes.Buffer) error { return report.Markdown(b, g.runs, &g.j, g.code) },
				"json": func(b *bytes.Buffer) error { _, err := b.Write(report.Termination(g.runs, &g.j, g.code)); return err },
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
	for name, want := range map[string]int{"pass": report.ExitOK, "fail": report.ExitFailed, "inconclusive": report.ExitInconclusive,
		"unable": report.ExitProber, "nothing": report.ExitInconclusive} {
		if g := judgements(t)[name]; g.code != want {
			t.Errorf("%s: exit code %d, want %d: %s", name, g.code, want, g.j.Line())
		}
	}
}

func TestJUnitIsReadBackByALibraryOfOthers(t *testing.T) {
	for name, want := range map[string]junit.Totals{
		"pass":         {Tests: 2, Passed: 2},
		"fail":         {Tests: 2, Failed: 1, Passed: 1},
		"inconclusive": {Tests: 2, Skipped: 2},
		"unable":       {Tests: 1, Error: 1},
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
	few := series(58, nil)
	if text := report.Sentence(judged(t, timeToMedia(60), few), few); strings.Contains(text, "p95") {
		t.Errorf("58 runs: %s", text)
	}
	enough := series(60, nil)
	if text := report.Sentence(judged(t, timeToMedia(60), enough), enough); !strings.Contains(text, "p95 <= 958 ms (needs < 2.00 s)") && !strings.Contains(text, "p95 <= 959 ms (needs < 2.00 s)") {
		t.Errorf("60 runs: %s", text)
	}
}
