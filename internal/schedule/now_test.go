package schedule_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestNowIsReportedAsByHandAndLeavesTheScheduleAlone(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		asked := time.Now()
		run, err := w.Now(t.Context(), "join")
		if err != nil || run.Outcome != flows.Success || run.Trigger != flows.OnDemand || run.Lane != "a" {
			t.Fatalf("%+v, %v", run, err)
		}
		want := schedule.Start{Probe: "join", Lane: "a", Slot: -1, Due: asked, Trigger: flows.OnDemand}
		if got := w.runs("join")[0]; got != want {
			t.Errorf("started %+v, want %+v", got, want)
		}
		if got := w.ended(); len(got) != 1 || got[0].Trigger != flows.OnDemand {
			t.Errorf("finished %+v", got)
		}
		w.slots(3, every)
		expect(t, "slots", w.fate("join"), "by-hand b a b")
	}, laned("join", "a", "b"))
}

func TestNowWaitsForNothing(t *testing.T) {
	long := sized("long", 16, 0)
	rests := laned("rests", "a")
	rests.Interval = time.Hour
	in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Probe == "long" {
			return takes(time.Minute)(ctx, s)
		}
		return ends(0, unclean(failed()))(ctx, s)
	}, func(t *testing.T, w *world) {
		w.slots(1, every)
		if _, err := w.Now(t.Context(), "rests"); err != nil {
			t.Fatal(err)
		}
		rested := time.Now().Add(ghost)
		asked := time.Now()
		for _, tc := range []struct {
			probe string
			why   schedule.SkipReason
			until time.Time
		}{
			{"long", schedule.Overlap, time.Time{}},
			{"rests", schedule.Resting, rested},
			{"two", schedule.Saturated, time.Time{}},
		} {
			_, err := w.Now(t.Context(), tc.probe)
			var busy *schedule.BusyError
			if !errors.As(err, &busy) || busy.Why != tc.why || !busy.Until.Equal(tc.until) || busy.Probe != tc.probe {
				t.Errorf("%s: %v (%+v), want %s until %v", tc.probe, err, busy, tc.why, tc.until)
			}
		}
		if _, err := w.Now(t.Context(), "nobody"); !errors.Is(err, schedule.ErrUnknownProbe) {
			t.Errorf("unknown probe: %v", err)
		}
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("waited for %v", waited)
		}
	}, long, rests, func() schedule.Probe { p := sized("two", 2, 100); p.Interval = time.Hour; return p }())
}

func TestEveryReasonToBeBusyHasItsWords(t *testing.T) {
	said := make(map[string]bool)
	for _, why := range []schedule.SkipReason{schedule.Overlap, schedule.Throttled, schedule.Unavailable, schedule.Resting, schedule.Saturated} {
		text := (&schedule.BusyError{Probe: "join", Why: why}).Error()
		if len(text) < len("probe join cannot be run now: a") || said[text] {
			t.Errorf("%s: %q", why, text)
		}
		said[text] = true
	}
}

func TestWhoeverAskedMayGoAndTheRunIsCancelled(t *testing.T) {
	gone := errors.New("the client has gone")
	var cause error
	in(t, schedule.Options{}, 0, func(ctx context.Context, _ schedule.Start) flows.Run {
		<-ctx.Done()
		cause = context.Cause(ctx)
		time.Sleep(3 * time.Second) // taken down
		return flows.Run{Outcome: flows.Aborted}
	}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancelCause(t.Context())
		asked := time.Now()
		time.AfterFunc(2*time.Second, func() { cancel(gone) })
		if _, err := w.Now(ctx, "join"); !errors.Is(err, gone) {
			t.Errorf("returned %v", err)
		}
		if waited := time.Since(asked); waited != 2*time.Second {
			t.Errorf("returned after %v", waited)
		}
		w.pass(time.Second)
		if !errors.Is(cause, gone) || w.status(t, "join").Running.IsZero() {
			t.Errorf("cause %v; still being taken down: %v", cause, !w.status(t, "join").Running.IsZero())
		}
		w.pass(2 * time.Second)
		if runs := w.ended(); len(runs) != 1 || runs[0].Outcome != flows.Aborted || !w.status(t, "join").Running.IsZero() {
			t.Errorf("finished: %+v", runs)
		}
		if _, err := w.Now(ctx, "join"); !errors.Is(err, gone) || len(w.runs("join")) != 1 {
			t.Errorf("asked by somebody who has gone: %v, %d runs", err, len(w.runs("join")))
		}
	}, probe("join"))
}

func TestNowNeedsASchedulerThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := schedule.New(schedule.Options{Run: takes(time.Second)})
		s.Apply([]schedule.Probe{probe("join")}, schedule.Budget{})
		if _, err := s.Now(t.Context(), "join"); !errors.Is(err, schedule.ErrNotRunning) {
			t.Errorf("before: %v", err)
		}
		ctx, stop := contextWithStop(t)
		stop()
		s.Run(ctx, 0)
		if _, err := s.Now(t.Context(), "join"); !errors.Is(err, schedule.ErrNotRunning) {
			t.Errorf("after: %v", err)
		}
	})
}
