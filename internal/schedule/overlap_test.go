package schedule_test

import (
	"context"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestAProbeNeverOverlapsItselfAndSkippedSlotsInherit(t *testing.T) {
	for _, tc := range []struct {
		name  string
		run   flows.Run
		heirs string
	}{
		{"a failure", failed(), "2 of join/1 failure"},
		{"a success", flows.Run{Outcome: flows.Success}, "2 of join/1 success"},
		{"what could not be judged", flows.Run{Outcome: flows.Inconclusive}, "2 of join/1 inconclusive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, 0, bySlot(map[int64]play{1: ends(25*time.Second, tc.run)}), func(t *testing.T, w *world) {
				w.slots(5, every)
				expect(t, "slots", w.fate("join"), "run run overlap overlap run")
				expect(t, "inherited", w.heirs(), tc.heirs)
			}, probe("join"))
		})
	}
}

func TestOverlappedSlotsInheritWhenTheRunHasEndedAndNotBefore(t *testing.T) {
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: ends(25*time.Second, failed())}), func(t *testing.T, w *world) {
		w.slots(1, every)
		due := w.runs("join")[0].Due
		w.pass(time.Until(due.Add(25*time.Second - 1)))
		expect(t, "inherited while it goes", w.heirs(), "")
		if st := w.status(t, "join"); st.Overlapped != 2 || !st.Running.Equal(due) {
			t.Errorf("status: %d slots wait for a run since %v", st.Overlapped, st.Running)
		}
		w.pass(1)
		expect(t, "inherited at the end", w.heirs(), "2 of join/0 failure")
	}, probe("join"))
}

func TestARunByHandOverlapsToo(t *testing.T) {
	byHand := func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Trigger == flows.OnDemand {
			return takes(12*time.Second)(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}
	in(t, schedule.Options{}, 0, byHand, func(t *testing.T, w *world) {
		w.slots(1, every)
		w.pass(time.Second)
		run, err := w.Now(t.Context(), "join")
		if err != nil || run.Trigger != flows.OnDemand {
			t.Fatalf("%+v, %v", run, err)
		}
		w.slots(4, every)
		expect(t, "inherited", w.heirs(), "1 of join/-1 success")
		expect(t, "slots", w.fate("join"), "run by-hand overlap run run")
	}, probe("join"))
}

func TestARunThatIgnoresItsDeadlineDoesNotStopTheOthers(t *testing.T) {
	deaf := func(_ context.Context, s schedule.Start) flows.Run {
		if s.Probe == "deaf" {
			time.Sleep(100*every - 1)
		}
		return flows.Run{Outcome: flows.Success}
	}
	in(t, schedule.Options{}, 0, deaf, func(t *testing.T, w *world) {
		w.slots(100, every)
		if got := len(w.runs("join")); got != 100 {
			t.Errorf("the other probe has run %d times, want 100", got)
		}
		st, runs := w.status(t, "deaf"), w.runs("deaf")
		if len(runs) != 1 || !st.Running.Equal(runs[0].Due) || st.Overlapped != 99 {
			t.Errorf("%d runs; status: since %v, %d slots", len(runs), st.Running, st.Overlapped)
		}
		w.slots(101, every)
		expect(t, "inherited", w.heirs(), "99 of deaf/0 success")
		if got := len(w.runs("deaf")); got != 2 {
			t.Errorf("%d runs after it has ended, want 2", got)
		}
	}, probe("deaf"), probe("join"))
}
