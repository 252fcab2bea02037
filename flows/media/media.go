// Package media is the flow of people who hear each other for a while: one-way
// latency of every frame, loss by leg, jitter and silence for each ordered pair.
package media

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/darktower/media"
)

// MinSeats is how many people a conversation needs at least.
const MinSeats = 2

// tail is how long everybody goes on sending past the window, so that its last
// frames lie between received ones.
const tail = 500 * time.Millisecond

// deafening is the silence of an ordered pair that fails a run.
const deafening = 2 * time.Second

// Flow is the media flow on one lane. Its runs must not overlap.
type Flow struct {
	Stage    *people.Stage
	Seats    int           // people, 2 when 0
	Duration time.Duration // of the measured window; 10 s when 0
	Settle   time.Duration // after its hand-over a frame may still arrive on time; 1 s when 0
}

// Run has everybody join, hear everybody else, and talk for the window.
func (f *Flow) Run(ctx context.Context, run *flows.Recorder) error {
	seats := max(f.Seats, MinSeats)
	cast, err := f.Stage.NewCast(run, seats)
	if err != nil {
		return err
	}
	everybody := make([]*people.Person, seats)
	for i := range everybody {
		if everybody[i], err = cast.Cast(flows.Actor(i+1), i); err != nil {
			return err
		}
		if err := everybody[i].SignIn(ctx); err != nil {
			return err
		}
	}
	for i, p := range everybody {
		ask := flows.StepGCJoin
		if i == 0 {
			ask = flows.StepGCAssign
		}
		if err := p.Arrive(ctx, ask); err != nil {
			return err
		}
	}
	if err := people.Converse(ctx, everybody...); err != nil {
		return err
	}
	return f.talk(ctx, run, cast, everybody)
}

// talk measures one window of conversation. Only a pair that is silent for 2 s
// or more while it should be heard fails it: anything less is evidence.
func (f *Flow) talk(ctx context.Context, run *flows.Recorder, cast *people.Cast, everybody []*people.Person) error {
	duration := cmp.Or(f.Duration, 10*time.Second)
	settle := cmp.Or(f.Settle, time.Second)
	return run.As(flows.ActorPerson).Step(ctx, flows.StepTalk, func(ctx context.Context) error {
		window := media.Pair{From: time.Now(), Settle: settle}
		window.To = window.From.Add(duration)
		vigil := cast.Watch(ctx)
		pause := people.Sleep(ctx, duration+tail, everybody...)
		vigil.Stop()
		for _, p := range everybody {
			p.Quiet()
		}
		if pause == nil {
			pause = people.Sleep(ctx, settle, everybody...)
		}
		vigil.End()
		window.Until = time.Now()
		if pause != nil && window.Until.Before(window.To) {
			window.To = window.Until // the talk was cut short
		}
		silent := people.Pairs(everybody, func(listener, talker *people.Person) error {
			pair := listener.Evidence(talker, window)
			run.Record(func(r *flows.Run) { r.Pairs = append(r.Pairs, pair) })
			if err := deaf(vigil, listener, talker, people.Span{From: window.From, To: window.To}); err != nil {
				return err
			}
			return listener.NothingToHear(talker, pair)
		})
		switch {
		case silent != nil && (pause == nil || people.Faded(pause)):
			return silent
		case pause != nil:
			return pause
		}
		for _, p := range everybody {
			if err := p.Dead(); err != nil {
				return err // too late to be heard as a silence
			}
		}
		return nil
	})
}

// deaf returns why a listener did not hear a talker for so long that it is a
// failure: although MC had them hear each other, or since MC does not any more. A
// pause in the routing that has ended is evidence, and no failure.
func deaf(vigil *people.Vigil, listener, talker *people.Person, window people.Span) error {
	why := listener.WhySilent
	silence := listener.LongestSilence(talker, window)
	if lost, ok := listener.Lost(talker, window); ok && lost.Len() >= deafening && silence.Len() < deafening {
		silence, why = lost, listener.WhyLost
	}
	if silence.Len() < deafening {
		return nil
	}
	return vigil.Judge(silence, why(talker, silence, fmt.Errorf("%s was silent for %v: %w",
		talker.Part().Actor(), silence.Len().Round(time.Millisecond), people.ErrSilence)))
}
