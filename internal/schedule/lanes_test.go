package schedule_test

import (
	"context"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestLanesAreTakenInTurns(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(7, every)
		expect(t, "lanes", w.fate("join"), "a b c a b c a")
	}, laned("join", "a", "b", "c"))
}

func TestALaneThatHasNotRestedIsPassedOver(t *testing.T) {
	ghostly := ends(time.Second, unclean(flows.Run{Outcome: flows.Success}))
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{1: ghostly}), func(t *testing.T, w *world) {
		w.slots(9, every)
		// b rests from the end of slot 1 for 45 s.
		expect(t, "lanes", w.fate("join"), "a b c a c a b c a")
	}, laned("join", "a", "b", "c"))
}

func TestALaneRestsUntilItsMeetingIsEmpty(t *testing.T) {
	abrupt := flows.Run{Outcome: flows.Success, Restoration: &flows.Restoration{Disconnect: flows.CutAbrupt}}
	resumed := flows.Run{Outcome: flows.Success, Restoration: &flows.Restoration{Disconnect: flows.CutAbrupt, Resumed: true}}
	clean := flows.Run{Outcome: flows.Success, Restoration: &flows.Restoration{Disconnect: flows.CutClean}}
	stranger := flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane}}
	fixed := func(schedule.Lane, flows.Run) time.Duration { return 7 * time.Second }
	for _, tc := range []struct {
		name string
		run  flows.Run
		lane time.Duration
		rest func(schedule.Lane, flows.Run) time.Duration
		want time.Duration
	}{
		{"everybody has left", flows.Run{Outcome: flows.Success}, 5 * time.Second, nil, 5 * time.Second},
		{"a clean cut leaves nobody behind", clean, time.Second, nil, time.Second},
		{"somebody was cut off and given back", resumed, time.Second, nil, time.Second},
		{"somebody was cut off and replaced", abrupt, time.Second, nil, ghost},
		{"somebody did not leave cleanly", unclean(flows.Run{Outcome: flows.Success}), time.Second, nil, ghost},
		{"somebody else was there", stranger, time.Second, nil, ghost},
		{"the lane asks for more", abrupt, time.Minute, nil, time.Minute},
		{"the options decide", abrupt, time.Minute, fixed, 7 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe("join")
			p.Interval = 10 * time.Minute
			p.Lanes = []schedule.Lane{{Name: "a", Rest: tc.lane}}
			in(t, schedule.Options{Rest: tc.rest}, 0, ends(time.Second, tc.run), func(t *testing.T, w *world) {
				if _, err := w.Now(t.Context(), "join"); err != nil {
					t.Fatal(err)
				}
				until := w.status(t, "join").Lanes[0].Until
				if got := time.Until(until); got != tc.want {
					t.Errorf("rests for %v, want %v", got, tc.want)
				}
				w.pass(tc.want - 1)
				if _, err := w.Now(t.Context(), "join"); err == nil {
					t.Error("taken before it has rested")
				}
				w.pass(1)
				if _, err := w.Now(t.Context(), "join"); err != nil {
					t.Errorf("not taken when it has rested: %v", err)
				}
			}, p)
		})
	}
}

func TestSlotsAtWhichEveryLaneRestsInheritOnlyFromFailures(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		name        string
		lanes       []string
		plays       map[int64]play
		fate, heirs string
	}{
		{"the run that left somebody behind failed", []string{"a"},
			map[int64]play{0: ends(second, unclean(failed()))},
			"a resting resting resting resting a", "1 of join/0 failure, 1 of join/0 failure, 1 of join/0 failure, 1 of join/0 failure"},
		{"it succeeded", []string{"a"},
			map[int64]play{0: ends(second, unclean(flows.Run{Outcome: flows.Success}))},
			"a resting resting resting resting a", ""},
		{"it could not be judged", []string{"a"},
			map[int64]play{0: ends(second, unclean(flows.Run{Outcome: flows.Inconclusive}))},
			"a resting resting resting resting a", ""},
		{"all lanes were lost to failures: the last one counts", []string{"a", "b"},
			map[int64]play{0: ends(second, unclean(failed())), 1: ends(second, unclean(failed()))},
			"a b resting resting resting a", "1 of join/1 failure, 1 of join/1 failure, 1 of join/1 failure"},
		{"one lane was lost to something else", []string{"a", "b"},
			map[int64]play{0: ends(second, unclean(failed())), 1: ends(second, unclean(flows.Run{Outcome: flows.Success}))},
			"a b resting resting resting a", ""},
		{"a failure that left cleanly costs no slot", []string{"a"},
			map[int64]play{0: ends(second, failed())},
			"a a a a a a", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, 0, bySlot(tc.plays), func(t *testing.T, w *world) {
				w.slots(6, every)
				expect(t, "slots", w.fate("join"), tc.fate)
				expect(t, "inherited", w.heirs(), tc.heirs)
			}, laned("join", tc.lanes...))
		})
	}
}

func TestALaneThatMerelyRestsHandsNothingDown(t *testing.T) {
	p := probe("join")
	p.Lanes = []schedule.Lane{{Name: "a", Rest: 15 * time.Second}}
	in(t, schedule.Options{}, 0, ends(time.Second, failed()), func(t *testing.T, w *world) {
		w.slots(4, every)
		expect(t, "slots", w.fate("join"), "a resting a resting")
		expect(t, "inherited", w.heirs(), "")
	}, p)
}

func TestALaneIsNeverTakenTwice(t *testing.T) {
	// After a reload the lane belongs to another probe while the old one's run goes.
	in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Probe == "old" {
			return ends(70*time.Second, unclean(failed()))(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}, func(t *testing.T, w *world) {
		w.slots(1, every)
		w.Apply([]schedule.Probe{laned("new", "a")}, schedule.Budget{})
		began := w.runs("old")[0].Due
		time.Sleep(10 * time.Minute)
		first := w.runs("new")[0].Due.Sub(began)
		if free := 70*time.Second + ghost; first < free || first >= free+every {
			t.Errorf("taken %v after the run of the other probe began, want the first slot after %v", first, free)
		}
		expect(t, "inherited from the run of another probe", w.heirs(), "")
	}, laned("old", "a"))
}
