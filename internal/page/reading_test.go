package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/page/pagetest"
)

func named(probes []page.Probe, n int, what func(int, page.Probe) page.Probe) []page.Probe {
	var out []page.Probe
	for i := range n {
		p := probes[i%len(probes)]
		p.Status.Name = fmt.Sprintf("%s-%02d", p.Status.Name, i)
		out = append(out, what(i, p))
	}
	return out
}

func as(_ int, p page.Probe) page.Probe { return p }

func TestAVerdictOfManyProbesCanBeReadAtOnce(t *testing.T) {
	healthy, failing := pagetest.Healthy().Overview(), pagetest.Failing().Overview()
	verdict := func(o page.Overview) string {
		_, text, _ := strings.Cut(string(render(t, overview(o))), `aria-label="Verdict`)
		text, _, _ = strings.Cut(text, "</section>")
		return plain("<" + text)
	}
	all := healthy
	all.Probes = named(healthy.Probes[:4], 64, as)
	if got := verdict(all); !strings.HasSuffix(got, "Good: 64 probes") {
		t.Errorf("all are good: %s", got)
	}
	all.Probes = named(failing.Probes[:1], 64, as)
	if got := verdict(all); !strings.Contains(got, "join-04 and 59 more failing: MC is unavailable") || strings.Contains(got, "join-05") {
		t.Errorf("all fail in the same way: %s", got)
	}
	all.Probes = named(failing.Probes[:1], 64, func(n int, p page.Probe) page.Probe {
		p.Marks = slices.Clone(p.Marks)
		for i := range p.Marks {
			p.Marks[i].Outcome = flows.Failed
			p.Marks[i].Failure = &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Step: flows.Step(fmt.Sprint("step_", n))}
		}
		return p
	})
	if got := verdict(all); !strings.HasSuffix(got, "56 more probes that are not good") || strings.Count(got, "failing:") != 8 {
		t.Errorf("each fails in its own way: %s", got)
	}
}

func TestWhatIsWrongComesFirst(t *testing.T) {
	o := pagetest.Failing().Overview()
	slices.Reverse(o.Probes)
	text := string(render(t, overview(o)))
	at := -1
	for _, name := range []string{"join", "media", "reconnect-clean", "sign-in", "reconnect-abrupt"} { // the last is informational
		next := strings.Index(text, `id="probe-`+name+`"`)
		if next < at {
			t.Errorf("%s comes too early", name)
		}
		at = next
	}
	good := pagetest.Healthy().Overview()
	slices.Reverse(good.Probes[:4])
	if text := string(render(t, overview(good))); strings.Index(text, `id="probe-sign-in"`) > strings.Index(text, `id="probe-join"`) {
		t.Error("where nothing is wrong, the order is not that of the configuration")
	}
}

func TestARunThatWorkedIsNotGreenWhenItIsShortOfAnObjective(t *testing.T) {
	run := func(change func(*page.RunPage)) string {
		p := runPage(pagetest.Failing().Last("media", flows.Success)) // it lost 13 of 100 frames on one way
		change(&p)
		return string(render(t, writeRun(p)))
	}
	if text := run(func(*page.RunPage) {}); !strings.Contains(text, `<section class="verdict warn">`) ||
		!strings.Contains(plain(text), "It worked, but is short of delivery ratio ≥ 99.5 % (media-delivery_ratio).") {
		t.Error("it is not said")
	}
	if text := run(func(p *page.RunPage) { p.Objectives[2].Role = "inform" }); !strings.Contains(text, `<section class="verdict good">`) {
		t.Error("an objective that only informs makes it look bad")
	}
	if text := run(func(p *page.RunPage) { p.Run.Outcome = flows.Failed }); !strings.Contains(text, `<section class="verdict bad">`) {
		t.Error("a failed run does not look bad")
	}
}

func TestFailuresThatAreAlikeAreSaidOnce(t *testing.T) {
	var runs []flows.Run
	for n := range 200 {
		r := pagetest.Failing().Last("join", flows.Failed).Run
		f := *r.Failure
		r.ID, f.Detail = fmt.Sprint(n), fmt.Sprintf("no answer within %d ms", 1000+n)
		if n%2 == 1 {
			f.Hop, f.Reason, f.Step = flows.GC, flows.Timeout, flows.StepGCJoin
		}
		if n >= 140 {
			f.Step = flows.Step(fmt.Sprintf("step_%d", n))
		}
		r.Failure, r.Started = &f, pagetest.Now.Add(time.Duration(n)*time.Second)
		runs = append(runs, r)
	}
	text := string(render(t, writeReport(page.Report{Verdict: page.Fail, At: pagetest.Now, Runs: runs})))
	_, list, _ := strings.Cut(text, `<ol class="troubles">`)
	list, _, _ = strings.Cut(list, "</section>")
	if got := strings.Count(list, "</strong>"); got != 12 {
		t.Errorf("%d kinds", got)
	}
	for _, want := range []string{"MC unavailable at mc_connect in 70 runs such as: no answer within 1000 ms", "GC timeout at gc_join in 70 runs such as: no answer within 1001 ms",
		"and 65 more", "50 further runs went wrong in other ways"} {
		if !strings.Contains(plain(strings.ReplaceAll(list, "\n", " ")), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if !strings.Contains(list, `href="#run-0"`) || strings.Contains(list, `href="#run-149"`) {
		t.Error("links lead to runs that are not drawn, or not to those that are")
	}
}

func TestAReportClaimsNoPercentileThatItsRunsDoNotCarry(t *testing.T) {
	joins := pagetest.Passed().Runs[:20]
	for n, want := range map[int]string{19: "", 20: "p95"} {
		text := plain(string(render(t, writeReport(page.Report{Verdict: page.Pass, Runs: joins[:n]}))))
		if got := strings.Contains(text, "p95"); got != (want != "") {
			t.Errorf("%d runs, p95: %v", n, got)
		}
	}
}

func TestWhatDecidesNothingIsInTheReport(t *testing.T) {
	text := plain(string(render(t, writeReport(pagetest.Failed()))))
	_, aside, _ := strings.Cut(text, "Objectives that decide nothing here")
	for _, want := range []string{"join-time_to_media", "11 of 15 runs bad", "872/1000 frames good"} {
		if !strings.Contains(aside, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if !strings.Contains(plain(string(render(t, writeReport(pagetest.Ungated())))), "threshold 2 s") {
		t.Error("without a gate no threshold is drawn")
	}
}

func TestProofAndWhatIsSaidBesideItDoNotRunTogether(t *testing.T) {
	text := string(render(t, writeReport(pagetest.Failed())))
	if !strings.Contains(text, `that it is missed <span class="besides">`) || !strings.Contains(text, `nothing <span class="besides">`) {
		t.Error("what is said besides has no line of its own")
	}
}
