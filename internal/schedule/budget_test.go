package schedule_test

import (
	"context"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

// sized is a probe whose runs take something of the budget.
func sized(name string, participants, datagrams int) schedule.Probe {
	p := probe(name)
	p.Participants, p.DatagramsPerSecond = participants, datagrams
	return p
}

func TestARunThatDoesNotFitIntoTheBudgetIsSkipped(t *testing.T) {
	for _, tc := range []struct {
		name   string
		budget schedule.Budget
		fits   bool
	}{
		{"room for both", schedule.Budget{Participants: 4, DatagramsPerSecond: 200}, true},
		{"too many participants", schedule.Budget{Participants: 3, DatagramsPerSecond: 200}, false},
		{"too many datagrams", schedule.Budget{Participants: 4, DatagramsPerSecond: 199}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{Budget: tc.budget}, 0, takes(every-1), func(t *testing.T, w *world) {
				w.slots(50, every)
				one, two := len(w.runs("one")), len(w.runs("two"))
				if fits := one == 50 && two == 50; fits != tc.fits {
					t.Errorf("%d and %d runs of 50", one, two)
				}
				if one+two+len(w.skips) != 100 {
					t.Errorf("%d and %d runs and %d skips of 100 slots", one, two, len(w.skips))
				}
				for _, s := range w.skips {
					if s.Reason != schedule.Saturated {
						t.Errorf("slot %d of %s: %s", s.Slot, s.Probe, s.Reason)
					}
				}
				expect(t, "inherited", w.heirs(), "")
			}, sized("one", 2, 100), sized("two", 2, 100))
		})
	}
}

func TestTheBudgetIsGivenBack(t *testing.T) {
	in(t, schedule.Options{Budget: schedule.Budget{Participants: 2, DatagramsPerSecond: 100}}, 0, takes(time.Millisecond), func(t *testing.T, w *world) {
		w.slots(100, every)
		if one, two := len(w.runs("one")), len(w.runs("two")); one != 100 || two != 100 {
			t.Errorf("%d and %d runs of 100", one, two)
		}
	}, sized("one", 2, 100), sized("two", 2, 100))
}

func TestAProbeBiggerThanTheBudgetIsSeen(t *testing.T) {
	in(t, schedule.Options{Budget: schedule.Budget{Participants: 2, DatagramsPerSecond: 100}}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(3, every)
		expect(t, "slots", w.fate("big"), "saturated saturated saturated")
		if st := w.status(t, "big"); !st.Oversized || st.Skipped != schedule.Saturated {
			t.Errorf("status: oversized %v, last slot %q", st.Oversized, st.Skipped)
		}
		if w.status(t, "fits").Oversized {
			t.Error("a probe that fits is called oversized")
		}
	}, sized("big", 3, 100), sized("fits", 2, 100))
}

func TestASmallerBudgetEndsNoRun(t *testing.T) {
	probes := []schedule.Probe{sized("big", 4, 200), probe("signs-in")}
	in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Probe == "big" {
			return takes(25*time.Second)(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}, func(t *testing.T, w *world) {
		w.slots(1, every)
		w.Apply(probes, schedule.Budget{Participants: 1, DatagramsPerSecond: 50})
		w.slots(5, every)
		expect(t, "big", w.fate("big"), "run overlap overlap saturated saturated")
		expect(t, "a probe that takes nothing", w.fate("signs-in"), "run run run run run")
		for _, run := range w.ended() {
			if run.Outcome != flows.Success {
				t.Errorf("a run of %s ended as %s", run.Probe, run.Outcome)
			}
		}
		w.Apply(probes, schedule.Budget{Participants: 4, DatagramsPerSecond: 200})
		w.slots(6, every)
		expect(t, "with room again", w.fate("big"), "run overlap overlap saturated saturated run")
	}, probes...)
}

func TestWhoStaysBetweenRunsTakesTheirShareOfTheBudget(t *testing.T) {
	staying := sized("stays", 1, 50)
	staying.Standing = schedule.Budget{Participants: 2, DatagramsPerSecond: 100}
	other := sized("other", 2, 100)
	for _, tc := range []struct {
		name   string
		budget int
		want   string
	}{
		{"room for all", 4, "run"},
		{"no room beside them", 3, "saturated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{Budget: schedule.Budget{Participants: tc.budget, DatagramsPerSecond: 1000}}, 0, takes(time.Millisecond), func(t *testing.T, w *world) {
				w.slots(1, every)
				expect(t, "other", w.fate("other"), tc.want)
				expect(t, "stays", w.fate("stays"), "run")
				if big := w.status(t, "other").Oversized; big != (tc.want == "saturated") {
					t.Errorf("oversized: %v", big)
				}
				w.Apply([]schedule.Probe{other}, schedule.Budget{Participants: tc.budget, DatagramsPerSecond: 1000})
				w.slots(2, every)
				expect(t, "other, when they have gone", w.fate("other"), tc.want+" run")
			}, staying, other)
		})
	}
}
