package schedule_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestRunsStartWhenTheyAreDueAndNeverDrift(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(3*time.Second+7*time.Millisecond), func(t *testing.T, w *world) {
		w.slots(1000, every)
		runs := w.runs("join")
		if len(runs) != 1000 {
			t.Fatalf("%d runs, want 1000", len(runs))
		}
		for i, s := range runs {
			want := schedule.Start{Probe: "join", Slot: int64(i), Due: runs[0].Due.Add(time.Duration(i) * every), Trigger: flows.Scheduled}
			if s != want {
				t.Fatalf("start %d is %+v, want %+v", i, s, want)
			}
		}
	}, probe("join"))
}

func TestNoRunIsDueBeforeFirstRunAndAllWithinOneInterval(t *testing.T) {
	var probes []schedule.Probe
	for n := range 200 {
		probes = append(probes, probe(fmt.Sprint("probe-", n)))
	}
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(1, every)
		seconds := make(map[int]int)
		for _, p := range probes {
			runs := w.runs(p.Name)
			if len(runs) != 1 {
				t.Fatalf("%s was run %d times in its first interval", p.Name, len(runs))
			}
			since := runs[0].Due.Sub(w.epoch)
			if since < firstRun {
				t.Errorf("%s was due %v after the start", p.Name, since)
			}
			seconds[int(since/time.Second)]++
		}
		for s, n := range seconds {
			if n > 40 {
				t.Errorf("%d of 200 runs start in second %d", n, s)
			}
		}
	}, probes...)
}

func TestAProbeWithoutAnIntervalIsRunByHandOnly(t *testing.T) {
	p := probe("join")
	p.Interval = 0
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(10, every)
		expect(t, "slots", w.fate("join"), "")
		if _, err := w.Now(t.Context(), "join"); err != nil {
			t.Error(err)
		}
		if next := w.status(t, "join").NextDue; !next.IsZero() {
			t.Errorf("next due %v", next)
		}
	}, p)
}

func TestAPausedProbeSkipsItsSlots(t *testing.T) {
	p := probe("join")
	p.Paused = true
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(3, every)
		expect(t, "slots", w.fate("join"), "paused paused paused")
		expect(t, "inherited", w.heirs(), "")
		if _, err := w.Now(t.Context(), "join"); err != nil {
			t.Errorf("cannot be run by hand: %v", err)
		}
	}, p)
}

// slow holds the loop up when a slot of "slow" is skipped.
type slow struct {
	*world
	d time.Duration
}

func (o slow) Skipped(s schedule.Skip) {
	if s.Probe == "slow" {
		time.Sleep(o.d)
	}
	o.world.Skipped(s)
}

func TestSlotsThatWereSleptThroughAreCountedAndOnlyTheLastIsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{epoch: time.Now(), over: make(chan struct{}), fates: make(map[string][]string)}
		held := probe("slow")
		held.Paused, held.Interval = true, time.Hour
		s := schedule.New(schedule.Options{Instance: "a", Observer: slow{w, 35 * time.Second}, Run: takes(time.Millisecond)})
		s.Apply([]schedule.Probe{held, probe("join")}, schedule.Budget{})
		ctx, stop := contextWithStop(t)
		go func() { defer close(w.over); s.Run(ctx, 0) }()
		time.Sleep(2 * time.Hour)
		stop()
		<-w.over
		late := 0
		for _, k := range w.skips {
			if k.Probe == "join" && k.Reason != schedule.Late {
				t.Errorf("slot %d was skipped: %s", k.Slot, k.Reason)
			}
			if k.Reason == schedule.Late {
				late++
			}
		}
		// Twice the loop was held up for 35 s, over three or four slots each.
		if late < 4 || late > 6 {
			t.Errorf("%d slots are late", late)
		}
		if runs := len(w.runs("join")); runs+late != 720 {
			t.Errorf("%d runs and %d late, want 720 in all", runs, late)
		}
		delayed := 0
		for _, r := range w.runs("join") {
			if r.Delay >= every {
				t.Errorf("slot %d was started %v late, when the next one was due", r.Slot, r.Delay)
			}
			if r.Delay > 0 {
				delayed++
			}
		}
		if delayed != 2 {
			t.Errorf("%d runs were started late, want 2", delayed)
		}
		expect(t, "inherited", w.heirs(), "")
	})
}
