package flows

import (
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/selfwatch"
)

// clockTolerance is how far the machine's clocks may move against each other
// during a run: what keeps them right moves them by much less.
const clockTolerance = 500 * time.Millisecond

// disturbance is what happened to the machine's clocks since a run began.
type disturbance struct {
	slept, set time.Duration
}

func (r *Recorder) disturbed() (disturbance, bool) { return disturbed(r.began, r.clock()) }

// Clock reads the clocks that the run is judged by.
func (r *Recorder) Clock() selfwatch.Reading { return r.clock() }

// DisturbedSince reports whether the machine slept, or had its clock set, since a
// reading that may be of an earlier run: connections of that time may be gone
// without anybody having been told.
func (r *Recorder) DisturbedSince(then selfwatch.Reading) bool {
	_, yes := disturbed(then, r.clock())
	return yes
}

func disturbed(from, to selfwatch.Reading) (disturbance, bool) {
	var d disturbance
	d.slept, d.set = selfwatch.Shift(from, to)
	if d.slept < clockTolerance {
		d.slept = 0
	}
	if d.set.Abs() <= clockTolerance {
		d.set = 0
	}
	return d, d != disturbance{}
}

func (d disturbance) String() string {
	slept, set := d.slept.Round(time.Millisecond), d.set.Abs().Round(time.Millisecond)
	direction := "forward"
	if d.set < 0 {
		direction = "back"
	}
	switch {
	case d.set == 0:
		return fmt.Sprintf("the prober's machine slept for %v", slept)
	case d.slept > 0:
		return fmt.Sprintf("the prober's machine slept for %v and its clock was set %s by %v", slept, direction, set)
	case d.set > 0:
		return fmt.Sprintf("the clock of the prober's machine was set forward by %v, or the machine slept", set)
	}
	return fmt.Sprintf("the clock of the prober's machine was set back by %v", set)
}

// excuse makes what went wrong while the machine slept or its clock was set the
// prober's own: connections die of it and deadlines pass. A panic stays one.
func (d disturbance) excuse(f *Failure) *Failure {
	if f == nil {
		return &Failure{Hop: Prober, Reason: Self, Cause: CauseLag, Detail: d.String()}
	}
	if f.Cause == CausePanic || f.Hop == Prober && f.Cause == CauseLag {
		return f
	}
	out := *f
	out.Hop, out.Reason, out.Cause = Prober, Self, CauseLag
	out.Detail = fmt.Sprintf("%s; the run ended with: %s", d, f.Detail)
	return &out
}

// void takes from a run whatever could be counted as a measurement, and leaves
// what can be read.
func (d disturbance) void(run *Run) {
	run.Self.Slept, run.Self.ClockSet = d.slept, d.set
	if !slices.Contains(run.Self.Taints, CauseLag) {
		run.Self.Taints = append(run.Self.Taints, CauseLag)
	}
	steps := make([]StepResult, len(run.Steps))
	for i, s := range run.Steps {
		s.Measured = false
		if s.Failure.Outcome() == Failed {
			s.Failure = d.excuse(s.Failure)
		}
		steps[i] = s
	}
	run.Steps = steps
	run.Pairs, run.TimeToMedia, run.Restoration = nil, nil, nil
	if run.Outcome != Aborted {
		run.Failure = d.excuse(run.Failure)
		run.Outcome = run.Failure.Outcome()
	}
}
