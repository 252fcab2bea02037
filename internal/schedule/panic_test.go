package schedule_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestAPanicIsAnInconclusiveRunAndLeaksNothing(t *testing.T) {
	p := laned("join", "a")
	p.Participants, p.Flow, p.Informational = 16, flows.Join, true
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: func(context.Context, schedule.Start) flows.Run {
		time.Sleep(2 * time.Second)
		panic("boom")
	}}), func(t *testing.T, w *world) {
		w.slots(7, every)
		// Nobody knows who was left behind: the lane rests for long, and the budget is there again.
		expect(t, "slots", w.fate("join"), "a resting resting resting resting a a")
		expect(t, "inherited", w.heirs(), "")
		run, start := w.ended()[0], w.runs("join")[0]
		if run.Outcome != flows.Inconclusive || run.Failure == nil || run.Failure.Hop != flows.Prober || run.Failure.Reason != flows.Self || run.Failure.Cause != flows.CausePanic {
			t.Fatalf("the run is %s: %+v", run.Outcome, run.Failure)
		}
		if !strings.Contains(run.Failure.Detail, "boom") || !strings.Contains(run.Failure.Detail, "panic_test.go") {
			t.Errorf("the detail does not say what and where: %s", run.Failure.Detail)
		}
		if run.ID == "" || run.Probe != "join" || run.Flow != flows.Join || !run.Informational || run.Lane != "a" || run.Trigger != flows.Scheduled ||
			!run.Started.Equal(start.Due) || run.Duration != 2*time.Second {
			t.Errorf("the run does not say what it was: %+v", run)
		}
	}, p)
}

func TestAPanicByHandIsReturned(t *testing.T) {
	in(t, schedule.Options{}, 0, func(context.Context, schedule.Start) flows.Run { panic("boom") }, func(t *testing.T, w *world) {
		run, err := w.Now(t.Context(), "join")
		if err != nil || run.Outcome != flows.Inconclusive || run.Failure.Cause != flows.CausePanic || run.Trigger != flows.OnDemand {
			t.Errorf("%+v, %v", run, err)
		}
	}, probe("join"))
}
