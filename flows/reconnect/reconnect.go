// Package reconnect is the flow of a person who drops and comes back: how long
// until both hear each other again, and whether the platform gave the same
// identity back.
package reconnect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/darktower/media"
)

// Seats is how many accounts a lane of this flow needs.
const Seats = 2

// Flow is the reconnect flow on one lane. Its runs must not overlap.
type Flow struct {
	Stage      *people.Stage
	Disconnect flows.Disconnect
	Steady     time.Duration // conversation before the cut, 500 ms when 0
	Detect     time.Duration // from the cut until the redial; 0: at once
	Patience   time.Duration // restore's deadline, from the cut; 15 s when 0
}

// Run has two people hear each other, cuts one of them off, and brings that
// one back. Time to restore runs from the cut to the later of two moments: the
// returner accepts a frame over a connection or path made after the cut, and
// the stayer accepts a frame that was sent after it.
func (f *Flow) Run(ctx context.Context, run *flows.Recorder) error {
	cast, err := f.Stage.NewCast(run, Seats)
	if err != nil {
		return err
	}
	stayer, err := cast.Cast(flows.ActorStayer, 0)
	if err != nil {
		return err
	}
	returner, err := cast.Cast(flows.ActorReturner, 1)
	if err != nil {
		return err
	}
	for _, p := range []*people.Person{stayer, returner} {
		if err := p.SignIn(ctx); err != nil {
			return err
		}
	}
	if err := stayer.Arrive(ctx, flows.StepGCAssign); err != nil {
		return err
	}
	if err := returner.Arrive(ctx, flows.StepGCJoin); err != nil {
		return err
	}
	if err := people.Converse(ctx, stayer, returner); err != nil {
		return err
	}
	if err := people.Sleep(ctx, cmp.Or(f.Steady, 500*time.Millisecond), stayer, returner); err != nil {
		return returner.Part().Blame(ctx, flows.StepFirstMedia, err) // it is no step of its own
	}
	return f.cutAndRestore(ctx, run, stayer, returner)
}

func (f *Flow) cutAndRestore(ctx context.Context, run *flows.Recorder, stayer, returner *people.Person) error {
	before := returner.SenderID()
	cut, err := f.cut(returner)
	if err != nil {
		return returner.Part().Blame(ctx, flows.StepRestore, uncut(err))
	}
	returner.AfterCut()
	result := flows.Restoration{Disconnect: f.Disconnect, Cut: cut}
	defer func() { run.Record(func(r *flows.Run) { r.Restoration = &result }) }()

	return returner.Part().Step(ctx, flows.StepRestore, func(ctx context.Context) error {
		flows.BeginAt(ctx, cut)
		ctx, cancel := context.WithDeadline(ctx, cut.Add(cmp.Or(f.Patience, 15*time.Second)))
		defer cancel()
		if err := people.Sleep(ctx, f.Detect); err != nil {
			return err
		}
		restored, err := f.comeBack(ctx, returner)
		if err != nil {
			return err
		}
		heard, err := returner.HearAgain(ctx, stayer, cut, func(r media.Received) bool { return returner.MadeAfterCut(r) })
		if err != nil {
			return err
		}
		reached, err := stayer.HearAgain(ctx, returner, cut, func(r media.Received) bool { return returner.SentAfter(r, cut) })
		if err != nil {
			return err
		}
		if f.Disconnect == flows.CutHandler {
			if err := returner.AwaitBound(ctx); err != nil {
				return err
			}
		}
		for _, at := range []time.Time{heard.At, reached.At} {
			if at.After(restored) {
				restored = at
			}
		}
		flows.EndAt(ctx, restored)
		result.Restored, result.TimeToRestore = true, restored.Sub(cut)
		result.Resumed = returner.SenderID() == before
		result.ReturnerSilence = heard.At.Sub(returner.LastBefore(stayer, cut))
		result.StayerSilence = reached.At.Sub(stayer.LastBefore(returner, cut))
		return nil
	})
}

// cut loses the returner in the configured way and says when.
func (f *Flow) cut(returner *people.Person) (time.Time, error) {
	switch f.Disconnect {
	case flows.CutClean:
		return returner.CutClean()
	case flows.CutAbrupt:
		return returner.CutAbrupt()
	case flows.CutHandler:
		return returner.CutHandler(returner.InboundHandler())
	case flows.CutMigrate:
		return returner.Migrate()
	}
	return time.Time{}, fmt.Errorf("unknown disconnect %q", f.Disconnect)
}

// uncut says whose fault it is that nothing could be cut: a connection that has
// gone already is its handler's, anything else this machine's.
func uncut(err error) error {
	f := &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseNetwork, Err: err}
	if errors.Is(err, media.ErrNoConnection) {
		f.Hop, f.Reason, f.Cause = flows.MH, flows.Closed, ""
	}
	return f
}

// comeBack does what the person does who has lost the connection, and returns
// the earliest moment at which that can have restored anything. After a lost
// handler only that one is dialed, after a change of address nothing is. Whoever
// left in the eyes of the platform asks GC again; whoever was merely lost goes
// straight back to MC.
func (f *Flow) comeBack(ctx context.Context, returner *people.Person) (time.Time, error) {
	switch f.Disconnect {
	case flows.CutMigrate:
		return time.Time{}, nil
	case flows.CutHandler:
		return returner.RedialHandler(ctx)
	case flows.CutClean:
		if err := returner.Ask(ctx, flows.StepGCJoin); err != nil {
			return time.Time{}, err
		}
	}
	for _, do := range []func(context.Context) error{returner.ConnectMC, returner.JoinMC, returner.ConnectHandlers, returner.Ready} {
		if err := do(ctx); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}
