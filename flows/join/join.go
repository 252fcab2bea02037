// Package join is the flow of a person who opens the link of a meeting: from
// asking GC until the first frame of somebody else is heard.
package join

import (
	"cmp"
	"context"
	"sync"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// Seats is how many accounts a lane of this flow needs.
const Seats = 2

// Flow is the join flow on one lane. Its runs must not overlap.
type Flow struct {
	Stage *people.Stage
	// Resident keeps the anchor in the meeting between runs. GC's full assignment
	// path is then taken only when the anchor had to be brought in.
	Resident bool
	// Frames are what a resident anchor says and hears before it leaves with a run, and
	// the next one brings it in anew: its records grow for as long as it stays. 32768
	// when 0.
	Frames int

	mu     sync.Mutex // protects all following fields
	anchor *people.Person
	seen   selfwatch.Reading // when the anchor was last known to be there
}

// Run has an anchor join the empty meeting first, and be ready to talk. The
// measured person, already signed in, then asks to join; the clock runs from
// there to the first frame that verifies and decrypts.
func (f *Flow) Run(ctx context.Context, run *flows.Recorder) error {
	cast, err := f.Stage.NewCast(run, Seats)
	if err != nil {
		return err
	}
	anchor, err := f.bringAnchor(ctx, run, cast)
	if err != nil {
		return err
	}
	person, err := cast.Cast(flows.ActorPerson, 1)
	if err != nil {
		return err
	}
	if err := person.SignIn(ctx); err != nil {
		return err
	}
	if err := person.Arrive(ctx, flows.StepGCJoin); err != nil {
		return err
	}
	if err := person.Subscribe(ctx, anchor); err != nil {
		return err
	}
	heard, err := person.HearFirst(ctx, anchor)
	if err != nil {
		return err
	}
	run.Record(func(r *flows.Run) {
		for _, s := range r.Steps {
			if s.Step == flows.StepGCJoin {
				r.TimeToMedia = new(heard.At.Sub(s.Started))
			}
		}
	})
	return nil
}

// bringAnchor has the anchor in the meeting, listening and ready to talk.
func (f *Flow) bringAnchor(ctx context.Context, run *flows.Recorder, cast *people.Cast) (*people.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slept := run.DisturbedSince(f.seen)
	f.seen = run.Clock()
	if anchor := f.anchor; anchor != nil && slept {
		// Its connections may be gone without anybody having been told, and a
		// meeting that was left is not to be entered again at once.
		f.anchor = nil
		cast.Adopt(anchor, flows.ActorAnchor)
		cast.SeeOff(anchor)
		return nil, &flows.Failure{Actor: flows.ActorAnchor, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLag,
			Detail: "the machine slept, or its clock was set, while the anchor was in the meeting: it leaves, and the next run brings it in anew"}
	}
	if f.anchor != nil {
		if f.anchor.Dead() == nil && f.anchor.LostRecords() == 0 {
			anchor := f.anchor
			cast.Adopt(anchor, flows.ActorAnchor)
			if anchor.SentStats().Built+anchor.ReceivedStats().Received >= cmp.Or(f.Frames, 1<<15) {
				f.anchor = nil
				cast.SeeOff(anchor) // with this run, so that the lane rests
			}
			return anchor, nil
		}
		f.anchor.GoHome()
		f.anchor = nil
	}
	anchor, err := cast.Guest(flows.ActorAnchor, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if f.anchor != anchor { // not to stay, or not arrived: nobody else sees to it
			cast.SeeOff(anchor)
		}
	}()
	if err := anchor.SignIn(ctx); err != nil {
		return nil, err
	}
	if err := anchor.Arrive(ctx, flows.StepGCAssign); err != nil {
		return nil, err
	}
	if err := anchor.Ready(ctx); err != nil {
		return nil, err
	}
	if f.Resident {
		f.anchor = anchor
	}
	return anchor, nil
}

// Close has a resident anchor leave.
func (f *Flow) Close(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.anchor == nil {
		return nil
	}
	defer func() { f.anchor.Release(); f.anchor = nil }()
	return f.anchor.Leave(ctx)
}
