package slo

import (
	"reflect"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

func gating(sli config.SLI, perRun float64) Objective {
	return Objective{Name: "x", Probe: "p", SLI: sli, Target: 0.99, Threshold: 2 * time.Second, EventsPerRun: perRun,
		Gate: &config.Gate{Prove: 0.8, Runs: 22, Confidence: 0.95}}
}

func TestACaseIsJudgedByRuns(t *testing.T) {
	good, bad, lost := flows.Run{Probe: "p", Outcome: flows.Success}, flows.Run{Probe: "p", Outcome: flows.Failed}, flows.Run{Probe: "p", Outcome: flows.Inconclusive, Failure: &flows.Failure{Hop: flows.Prober}}
	throttled := flows.Run{Probe: "p", Outcome: flows.Inconclusive, Failure: &flows.Failure{Hop: flows.GC, Reason: flows.Throttled}}
	for _, tc := range []struct {
		name string
		runs []flows.Run
		want Finding
	}{
		{"no run", nil, Finding{Verdict: Inconclusive}},
		{"all good", many(22, good), Finding{Verdict: Pass, Judged: 21, Events: 21, Decided: true, Needs: 14}},
		{"an outage", many(22, bad), Finding{Verdict: Fail, Judged: 2, Bad: 2, Events: 2, Errors: 2, Decided: true, Needs: 30}},
		{"the prober could not measure", many(40, lost), Finding{Verdict: Inconclusive, Unknown: 27, Spoilt: 27, CouldNotMeasure: true}},
		{"the prober could hardly measure", append(many(26, lost), good), Finding{Verdict: Inconclusive, Unknown: 26, Spoilt: 26, Judged: 1, Events: 1, CouldNotMeasure: true}},
		{"the prober's network went away", append(many(10, good), many(30, lost)...), Finding{Verdict: Inconclusive, Unknown: 17, Spoilt: 17, Judged: 10, Events: 10, CouldNotMeasure: true}},
		{"the prober was late now and then", append(many(5, lost), many(40, good)...), Finding{Verdict: Pass, Judged: 21, Events: 21, Unknown: 5, Spoilt: 5, Decided: true}},
		{"the platform asked to be left alone", many(40, throttled), Finding{Verdict: Inconclusive, Unknown: 27}},
		{"the platform asked to be left alone, and the prober was late once", append(many(39, throttled), lost), Finding{Verdict: Inconclusive, Unknown: 27}},
		{"the prober was late once, and the platform asked to be left alone", append(many(1, lost), many(39, throttled)...), Finding{Verdict: Inconclusive, Unknown: 27, Spoilt: 1}},
		{"neither good enough nor bad enough, and the prober was late", append(many(2, lost), append(many(1, bad), many(30, good)...)...), Finding{Verdict: Pass, Judged: 22, Bad: 1, Events: 22, Errors: 1, Unknown: 2, Spoilt: 2, Decided: true, Needs: 22}},
		{"stopped half-way", many(10, good), Finding{Verdict: Inconclusive, Judged: 10, Events: 10, Needs: 14}},
		{"runs of another probe", many(30, flows.Run{Probe: "q", Outcome: flows.Failed}), Finding{Verdict: Inconclusive, Needs: 14}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := NewCase(gating(config.Availability, 1), 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range tc.runs {
				c.Observe(run)
			}
			f := c.Finding()
			if (f.Proves != nil) != (tc.want.Judged > 0) {
				t.Errorf("proves %v after %d runs", f.Proves, f.Judged)
			}
			if f.Objective.Name != "x" || f.Plan.Runs != 22 {
				t.Errorf("objective %+v, plan %+v", f.Objective, f.Plan)
			}
			if tc.want.Needs == 0 {
				tc.want.Needs = 14
			}
			if len(f.BadRuns) != tc.want.Bad {
				t.Errorf("%d runs are said to be bad", len(f.BadRuns))
			}
			f.Proves, f.Objective, f.Plan, f.BadRuns = nil, Objective{}, Plan{}, nil
			if !reflect.DeepEqual(f, tc.want) {
				t.Errorf("got  %+v\nwant %+v", f, tc.want)
			}
		})
	}
}

func many(n int, run flows.Run) []flows.Run {
	out := make([]flows.Run, n)
	for i := range out {
		out[i] = run
	}
	return out
}

func TestFramesGateByRuns(t *testing.T) {
	with := func(delivered int) flows.Run {
		return flows.Run{Probe: "p", Outcome: flows.Success, Pairs: []flows.Pair{{Sent: 1000, Delivered: delivered}}}
	}
	for _, tc := range []struct {
		name    string
		runs    []flows.Run
		verdict Verdict
		judged  int
	}{
		{"nothing lost", many(22, with(1000)), Pass, 16},
		{"lost within the budget", many(22, with(995)), Pass, 17},
		{"a steady loss", many(22, with(920)), Fail, 3},
		{"one bad run", append(many(10, with(1000)), append(many(1, with(500)), many(11, with(1000))...)...), Pass, 19},
		{"no frames", many(60, failed(flows.StepGCJoin, flows.GC)), Inconclusive, 0},
		{"too few runs", many(10, with(1000)), Inconclusive, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := NewCase(gating(config.DeliveryRatio, 1000), 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range tc.runs {
				run.Probe = "p"
				c.Observe(run)
			}
			f := c.Finding()
			if f.Verdict != tc.verdict || f.Judged != tc.judged || !f.Blocks || f.CouldNotMeasure {
				t.Errorf("%s after %d runs (%+v)", f.Verdict, f.Judged, f)
			}
			if f.Verdict == Pass && (f.Proves == nil || *f.Proves < 0.8) {
				t.Errorf("a pass proves %v", f.Proves)
			}
		})
	}
}

// TestAnOutageIsNotTheProbers: runs that failed before there was a frame say nothing of
// frames, and are nobody's inability to measure.
func TestAnOutageIsNotTheProbers(t *testing.T) {
	c, err := NewCase(gating(config.DeliveryRatio, 1000), 1)
	if err != nil {
		t.Fatal(err)
	}
	down := failed(flows.StepGCJoin, flows.GC)
	down.Probe = "p"
	c.Observe(flows.Run{Probe: "p", Outcome: flows.Inconclusive})
	if !c.Finding().CouldNotMeasure {
		t.Error("one run that the prober could not judge is a measurement")
	}
	c.Observe(down)
	if f := c.Finding(); f.CouldNotMeasure || f.Unknown != 2 || f.Spoilt != 1 {
		t.Errorf("%+v", f)
	}
}

// TestWhoseFaultItIsThatARunSaysNothing: a run may succeed and still say nothing of an
// objective.
func TestWhoseFaultItIsThatARunSaysNothing(t *testing.T) {
	success := func(self flows.SelfEvidence) flows.Run {
		return flows.Run{Probe: "p", Outcome: flows.Success, Self: self, Pairs: []flows.Pair{{Sent: 50, Samples: []flows.Sample{{Latency: ms, Tainted: true}}}}}
	}
	slow := success(flows.SelfEvidence{MaxLag: 100 * ms})
	slow.TimeToMedia = new(2050 * ms)
	untraced := gating(config.TraceContinuity, 2)
	untraced.Threshold = 0
	for _, tc := range []struct {
		name   string
		o      Objective
		run    flows.Run
		spoilt int
	}{
		{"every sample was taken while it was late", gating(config.OneWayLatency, 50), success(flows.SelfEvidence{TaintedFrames: 1, MaxLag: 6 * ms}), 1},
		{"it dropped datagrams", gating(config.DeliveryRatio, 50), success(flows.SelfEvidence{DroppedDatagrams: 1}), 1},
		{"over the threshold by less than it was late", gating(config.TimeToMedia, 1), slow, 1},
		{"the platform traces nothing", untraced, success(flows.SelfEvidence{MaxLag: 6 * ms}), 0},
		{"nobody had to sign in", gating("sign_in", 0.1), success(flows.SelfEvidence{MaxLag: 6 * ms}), 0},
		{"nobody came so far", gating(config.OneWayLatency, 50), failed(flows.StepGCJoin, flows.GC), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := NewCase(tc.o, 1)
			if err != nil {
				t.Fatal(err)
			}
			tc.run.Probe = "p"
			c.Observe(tc.run)
			if f := c.Finding(); f.Unknown != 1 || f.Spoilt != tc.spoilt || f.CouldNotMeasure != (tc.spoilt == 1) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestACaseThatIsGivenUpCouldNotBeMeasured(t *testing.T) {
	c, err := NewCase(gating(config.Availability, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	c.Observe(flows.Run{Probe: "p", Outcome: flows.Success})
	c.GiveUp()
	if c.Finding().CouldNotMeasure {
		t.Error("the prober is blamed, and spoilt nothing")
	}
	c.Observe(flows.Run{Probe: "p", Outcome: flows.Inconclusive, Failure: &flows.Failure{Hop: flows.Prober}})
	if !c.Finding().CouldNotMeasure {
		t.Error("given up after a run that the prober spoilt, and nobody is blamed")
	}
}

func TestAPercentileIsOfEveryRunThatWasMade(t *testing.T) {
	o := gating(config.TimeToMedia, 1)
	o.Target, o.Gate = 0.95, &config.Gate{Prove: 0.85, Runs: 61, Confidence: 0.95}
	took := func(d time.Duration) flows.Run { return flows.Run{Probe: "p", Outcome: flows.Success, TimeToMedia: &d} }
	observe := func(runs ...flows.Run) Finding {
		c, err := NewCase(o, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			c.Observe(r)
		}
		return c.Finding()
	}
	many := func(n int) (out []flows.Run) {
		for i := range n {
			out = append(out, took(time.Duration(900+i)*ms))
		}
		return out
	}
	if f := observe(many(58)...); f.Bound != nil || f.Verdict != Pass {
		t.Errorf("58 runs: %+v", f)
	}
	if f := observe(many(61)...); f.Bound == nil || *f.Bound != 960*ms || f.Judged >= 61 {
		t.Errorf("61 runs: %+v", f)
	}
	if f := observe(append(many(60), flows.Run{Probe: "p", Outcome: flows.Failed})...); f.Bound != nil || f.Verdict != Pass {
		t.Errorf("a run failed after the verdict: %+v", f)
	}
	late := took(2050 * ms)
	late.Self.MaxLag = 100 * ms
	if f := observe(append(many(60), late)...); f.Bound != nil {
		t.Errorf("a run that may have been slow is left out: %+v", f)
	}
}

// TestWhatDoesNotGateIsSeenAndNotJudged: counts of all runs, and a percentile only when
// it holds whenever a check ends.
func TestWhatDoesNotGateIsSeenAndNotJudged(t *testing.T) {
	o := gating(config.TimeToMedia, 1)
	o.Gate, o.Target = nil, 0.95
	runs := []flows.Run{{Probe: "q", Outcome: flows.Failed}}
	for i := range 70 {
		runs = append(runs, flows.Run{Probe: "p", Outcome: flows.Success, TimeToMedia: new(time.Duration(1950+i) * ms)})
	}
	f := Aside(o, runs)
	if f.Judged != 70 || f.Bad != 19 || f.Verdict != "" || f.Proves != nil || f.Bound == nil || *f.Bound != 2019*ms {
		t.Errorf("%+v", f)
	}
	if f := Aside(o, append(runs, flows.Run{Probe: "p", Outcome: flows.Failed})); f.Judged != 71 || f.Bound != nil {
		t.Errorf("a failed run has a percentile: %+v", f)
	}
	if f := Aside(o, runs[:59]); f.Bound != nil {
		t.Errorf("58 runs have a percentile: %+v", f)
	}
}

func TestRunsWithoutEventsEatUpWhatIsLeft(t *testing.T) {
	p, err := NewPlan(0.99, 0.8, 0.95, 16)
	if err != nil {
		t.Fatal(err)
	}
	trial := p.NewBlockTrial(2, 1)
	trial.Add(0, 0)
	trial.Add(0, 0)
	if trial.Left() != 16 || trial.Proves() > 1e-9 {
		t.Errorf("%d left, proves %v", trial.Left(), trial.Proves())
	}
	trial.Add(0, 0)
	if trial.Left() != 15 || trial.Done() {
		t.Errorf("%d left", trial.Left())
	}
	for range 15 {
		trial.Add(10, 0)
	}
	if trial.Left() != 0 || !trial.Done() || trial.Verdict() != Inconclusive {
		t.Errorf("%d left, %s", trial.Left(), trial.Verdict())
	}
}

func TestOnlyWhatGatesHasACase(t *testing.T) {
	o := gating(config.Availability, 1)
	informational, none := o, o
	informational.Informational, none.Gate = true, nil
	if g := Gating([]Objective{informational, o, none}); len(g) != 1 || g[0].Gate == nil {
		t.Errorf("%+v", g)
	}
	if _, err := NewCase(none, 1); err == nil {
		t.Error("an objective without a gate has a case")
	}
	o.Gate = &config.Gate{Prove: 0.995, Runs: 10, Confidence: 0.95}
	if _, err := NewCase(o, 1); err == nil {
		t.Error("a plan that cannot be has a case")
	}
}
