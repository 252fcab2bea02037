package slo

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

// Count returns how many events of the objective a run has, and how many of them are
// bad. It looks at nothing but the run: which runs count (scheduled ones for the
// daemon's budgets, those of a check for its verdict) is the caller's decision. A run
// of another probe has no events.
func (o Objective) Count(run flows.Run) (events, bad uint64) {
	if run.Probe != o.Probe || run.Outcome != flows.Success && run.Outcome != flows.Failed {
		return 0, 0
	}
	failed := run.Outcome == flows.Failed
	switch o.SLI {
	case config.Availability:
		return one(failed)
	case config.RunDuration:
		return o.timed(run, &run.Duration)
	case config.TimeToMedia:
		return o.timed(run, run.TimeToMedia)
	case config.TimeToRestore:
		if r := run.Restoration; r != nil && r.Restored {
			return o.timed(run, &r.TimeToRestore)
		}
		return o.timed(run, nil)
	case config.TraceContinuity:
		return continuity(run)
	case config.OneWayLatency:
		return o.latency(run)
	case config.DeliveryRatio:
		return delivery(run)
	case config.RelayShare:
		return o.relayShare(run)
	case config.Jitter:
		return o.jitter(run)
	case config.LongestSilence:
		return o.silence(run)
	}
	if hop, ok := hopOf(o.SLI); ok {
		return reached(run, hop)
	}
	if step, ok := stepOf(o.SLI); ok {
		return o.step(run, step)
	}
	return 0, 0
}

// CountInherited returns the events of slots that were skipped because of run and
// share its outcome: while the prober stays away as it was asked to (503), an outage
// must not thin out its own samples. What a run says as a whole is said once more for
// each slot. Frames, pairs and traces that nobody sent are no events, however many
// slots there are.
func (o Objective) CountInherited(run flows.Run, slots int) (events, bad uint64) {
	if slots <= 0 || !o.PerRun() {
		return 0, 0
	}
	events, bad = o.Count(run)
	return events * uint64(slots), bad * uint64(slots)
}

// PerRun reports whether the SLI is about a run as a whole or one of its steps,
// rather than about the media or the traces in it.
func (o Objective) PerRun() bool {
	switch o.SLI {
	case config.OneWayLatency, config.DeliveryRatio, config.RelayShare, config.Jitter, config.LongestSilence, config.TraceContinuity:
		return false
	}
	return true
}

// Duration is how long what the objective is about took in a run, where that is one
// duration.
func (o Objective) Duration(run flows.Run) (time.Duration, bool) {
	switch {
	case run.Outcome != flows.Success:
		return 0, false
	case o.SLI == config.RunDuration:
		return run.Duration, true
	case o.SLI == config.TimeToMedia && run.TimeToMedia != nil:
		return *run.TimeToMedia, true
	case o.SLI == config.TimeToRestore && run.Restoration != nil && run.Restoration.Restored:
		return run.Restoration.TimeToRestore, true
	}
	step, _ := stepOf(o.SLI)
	for _, s := range run.Steps {
		if s.Step == step && s.Measured && s.After == (step == flows.StepRestore) && s.Failure == nil {
			return s.Duration, true
		}
	}
	return 0, false
}

func one(bad bool) (events, b uint64) {
	if bad {
		return 1, 1
	}
	return 1, 0
}

// timed judges a duration of the whole run. A failed run is slow. A success without
// the duration says nothing.
func (o Objective) timed(run flows.Run, d *time.Duration) (events, bad uint64) {
	switch {
	case run.Outcome == flows.Failed:
		return 1, 1
	case d == nil:
		return 0, 0
	}
	return o.within(*d, run.Self.MaxLag)
}

// within judges a duration that was measured by somebody who may have been late.
// Lateness only ever lengthens: what is within the threshold is good. What is over it
// by no more than the lateness is nobody's, and whoever is later than the threshold
// itself cannot judge at all.
func (o Objective) within(d, lag time.Duration) (events, bad uint64) {
	switch {
	case lag > o.Threshold:
		return 0, 0
	case d <= o.Threshold:
		return 1, 0
	case d-lag <= o.Threshold:
		return 0, 0
	}
	return 1, 1
}

// reached judges the runs that got to a service: good when one of its steps was done
// and the run did not fail there. Of a service whose steps were begun and failed
// somebody else nothing is known.
func reached(run flows.Run, hop flows.Hop) (events, bad uint64) {
	if run.Outcome == flows.Failed && run.Failure != nil && run.Failure.Hop == hop {
		return 1, 1
	}
	for _, s := range run.Steps {
		if s.Step.Owner() == hop && s.Failure == nil {
			return 1, 0
		}
	}
	return 0, 0
}

// step judges the measured steps of one name, before the cut: what comes after it is
// part of the restoration, which is a step of its own. The step that a run failed at
// is slow, also when it was the anchor's, whose times are not measured: an outage
// hits whoever comes first.
func (o Objective) step(run flows.Run, step flows.Step) (events, bad uint64) {
	after := step == flows.StepRestore
	blamed := false
	for _, s := range run.Steps {
		if s.Step != step || s.After != after || !s.Measured {
			continue
		}
		if s.Failure != nil {
			if s.Failure.Outcome() == flows.Failed {
				events, bad, blamed = events+1, bad+1, true
			}
			continue
		}
		e, b := o.within(s.Duration, run.Self.MaxLag)
		events, bad = events+e, bad+b
	}
	f := run.Failure
	if run.Outcome == flows.Failed && !blamed && f != nil && f.Step == step && f.After == after {
		events, bad = events+1, bad+1
	}
	return events, bad
}

// continuity judges answers that carry a trace; a platform that does not trace
// answers with none, which is no event.
func continuity(run flows.Run) (events, bad uint64) {
	for _, c := range run.Continuity {
		switch c.Result {
		case flows.TraceContinued, flows.TraceLinked: // from either, one finds the other
			events++
		case flows.TraceBroken:
			events, bad = events+1, bad+1
		}
	}
	return events, bad
}
