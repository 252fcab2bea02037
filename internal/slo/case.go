package slo

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo/blocks"
)

// Case judges one objective by the runs of a check. It is not safe for concurrent
// use.
type Case struct {
	objective Objective
	plan      Plan
	trial     *Trial      // of objectives with one event in a run
	block     *BlockTrial // of the others
	finding   Finding     // counts only
	gaveUp    bool

	// Of every run, those after the verdict as well: more of them carry more.
	durations []time.Duration
	slow      int // runs without one
}

// Finding is what a case has come to.
type Finding struct {
	Objective Objective
	Verdict   Verdict
	Plan      Plan
	// Blocks: several events in a run, so that a run counts by its share of good ones,
	// and the plan's PassUpTo and FailFrom do not apply.
	Blocks bool

	Judged  int // runs that say something
	Bad     int // of them, runs with a bad event
	Unknown int // runs that say nothing
	Spoilt  int // of them, those that the prober itself kept from it
	Events  uint64
	Errors  uint64      // bad events
	BadRuns []flows.Run // as many as Bad

	// Proves is the share of good events, or runs, that is proven at least; nil when no
	// run was judged.
	Proves *float64
	// Bound is what the percentile that the target is about is at most; nil where there
	// is not one duration to a run, or the runs cannot carry it. See PercentileBound.
	Bound *time.Duration
	// Needs is how many judged runs it would take to prove what is to be proven, if no
	// further one were bad; 0 when nothing is to be proven or it is not known.
	Needs int
	// Decided: the verdict stands, and more runs would not change it. An inconclusive
	// verdict that is not decided ran out of runs or was interrupted.
	Decided bool
	// CouldNotMeasure: there is no verdict, and there might be one without the runs that
	// the prober itself or its setup spoilt.
	CouldNotMeasure bool
}

// Gating returns the objectives that a check judges.
func Gating(objectives []Objective) []Objective {
	var out []Objective
	for _, o := range objectives {
		if o.Gate != nil && !o.Informational {
			out = append(out, o)
		}
	}
	return out
}

// Checked returns those that gate and that a check of all probes judges: as many as
// share their false fails.
func Checked(objectives []Objective) []Objective {
	return slices.DeleteFunc(Gating(objectives), func(o Objective) bool { return o.Unchecked })
}

// Blocks reports whether a run has several events of the objective, or can have.
func (o Objective) Blocks() bool { return o.EventsPerRun > 1 }

// GatePlan is how the objective is judged as one of several that gate together.
func (o Objective) GatePlan(gating int) (Plan, error) {
	if o.Gate == nil {
		return Plan{}, fmt.Errorf("objective %s does not gate", o.Name)
	}
	p, err := NewPlan(o.Target, float64(o.Gate.Prove), float64(o.Gate.Confidence), o.Gate.Runs)
	if err != nil {
		return Plan{}, fmt.Errorf("objective %s: %w", o.Name, err)
	}
	return p.Among(gating), nil
}

// NewCase opens the case of an objective that gates, as one of gating objectives.
func NewCase(o Objective, gating int) (*Case, error) {
	p, err := o.GatePlan(gating)
	if err != nil {
		return nil, err
	}
	c := &Case{objective: o, plan: p}
	if o.Blocks() {
		c.block = p.NewBlockTrial(p.Spare(), gating)
	} else {
		c.trial = p.NewTrial(p.Spare())
	}
	return c, nil
}

// Observe takes a run of the objective's probe; runs of others are passed over.
func (c *Case) Observe(run flows.Run) {
	if run.Probe != c.objective.Probe {
		return
	}
	events, bad := c.objective.Count(run)
	c.time(run, events)
	if c.Done() {
		return
	}
	c.tally(run, events, bad)
	switch {
	case c.block != nil:
		c.block.Add(events, bad)
	case events == 0:
		c.trial.Unknown()
	case bad > 0:
		c.trial.Bad()
	default:
		c.trial.Good()
	}
}

// tally counts a run of the objective's probe.
func (c *Case) tally(run flows.Run, events, bad uint64) {
	f := &c.finding
	f.Events, f.Errors = f.Events+events, f.Errors+bad
	if events == 0 {
		f.Unknown++
		if c.objective.spoilt(run) {
			f.Spoilt++
		}
		return
	}
	f.Judged++
	if bad > 0 {
		f.Bad++
		f.BadRuns = append(f.BadRuns, run)
	}
}

// spoilt reports whether a run without an event has none because of the prober: it
// could not judge the run at all, or it was late or dropped datagrams in one that
// succeeded. A service that asks to be left alone, and a failure before there was
// anything to measure, are the platform's.
func (o Objective) spoilt(run flows.Run) bool {
	switch {
	case run.Outcome == flows.Inconclusive:
		return run.Failure == nil || run.Failure.Hop == flows.Prober
	case run.Outcome != flows.Success || o.EventsPerRun < 1: // most runs have none
		return false
	case o.Threshold > 0:
		return run.Self.MaxLag > 0 || run.Self.TaintedFrames > 0 || dropped(run)
	}
	return o.SLI == config.DeliveryRatio && dropped(run)
}

// time keeps how long a run took, where the objective is about one duration of each.
// What failed, and what was over the threshold and may have been the prober's, took
// for ever: a percentile that is too high claims too little.
func (c *Case) time(run flows.Run, events uint64) {
	if c.objective.Threshold == 0 || c.objective.Blocks() {
		return
	}
	d, ok := c.objective.Duration(run)
	switch {
	case ok && events > 0:
		c.durations = append(c.durations, d)
	case ok, events > 0:
		c.slow++
	}
}

// GiveUp says that there will be no more runs, because the prober spoils them.
func (c *Case) GiveUp() { c.gaveUp = true }

// Done reports that the case needs no more runs.
func (c *Case) Done() bool {
	if c.block != nil {
		return c.block.Done()
	}
	return c.trial.Done()
}

// Left is how many more runs the case may take.
func (c *Case) Left() int {
	if c.block != nil {
		return c.block.Left()
	}
	return c.trial.Left()
}

// Finding is what the case has come to so far.
func (c *Case) Finding() Finding {
	f := c.finding
	f.Objective, f.Plan, f.Blocks = c.objective, c.plan, c.block != nil
	prove, confidence := c.plan.Prove, c.plan.Confidence
	switch {
	case f.Blocks:
		f.Verdict, f.Decided = c.block.Verdict(), c.block.verdict != ""
		if f.Judged > 0 {
			f.Proves = new(c.block.Proves())
		}
		if prove > 0 {
			f.Needs = c.block.needs()
		}
	default:
		f.Verdict, f.Decided = c.trial.Verdict(), c.trial.verdict != ""
		if f.Judged > 0 {
			f.Proves = new(c.trial.Proves())
		}
		if n, ok := NeedRuns(prove, confidence, f.Bad); prove > 0 && ok && n < math.MaxInt32 {
			f.Needs = n
		}
		if d, ok := PercentileBound(c.durations, c.slow, c.plan.Runs-max(c.plan.PassUpTo, 0), c.plan.Target, confidence); ok {
			f.Bound = &d
		}
	}
	f.CouldNotMeasure = c.kept(f)
	return f
}

// kept reports whether the prober kept a case from its verdict: with the runs that it
// spoilt there would have been enough, or there was nothing else.
func (c *Case) kept(f Finding) bool {
	return f.Verdict == Inconclusive && !f.Decided && f.Spoilt > 0 &&
		(c.gaveUp || f.Judged+f.Spoilt >= c.plan.Runs || f.Spoilt == f.Unknown && f.Judged == 0)
}

// needs is how many runs would prove what is to be proven if none that is missing had
// a bad event; 0 when it would be absurdly many.
func (t *BlockTrial) needs() int {
	bet := blocks.AgainstAtMost(t.plan.Prove)
	for _, s := range t.shares {
		bet.Add(s)
	}
	const most = 100_000
	for n := len(t.shares); n < most; n++ {
		if bet.Refutes(1 - t.plan.Confidence) {
			return n
		}
		bet.Add(1)
	}
	return 0
}
