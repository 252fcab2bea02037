package schedule_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

// tally is what is known of one probe at the end of the day.
type tally struct {
	interval, takes time.Duration
	busy            atomic.Bool

	mu     sync.Mutex // protects all following fields
	first  time.Time  // due time of slot 0
	next   int64      // slot
	runs   int64
	skips  int64
	heirs  int
	faults []string
}

func (y *tally) slot(slot int64, due time.Time) {
	if y.next == 0 {
		y.first = due
	}
	if want := y.first.Add(time.Duration(y.next) * y.interval); slot != y.next || !due.Equal(want) {
		y.fault("slot %d, due %v; want slot %d, due %v", slot, due, y.next, want)
	}
	y.next = slot + 1
}

func (y *tally) fault(format string, args ...any) {
	if len(y.faults) < 3 {
		y.faults = append(y.faults, fmt.Sprintf(format, args...))
	}
}

// day is the observer and the runs of all probes.
type day map[string]*tally

func (d day) run(_ context.Context, s schedule.Start) flows.Run {
	y := d[s.Probe]
	if y.busy.Swap(true) {
		y.mu.Lock()
		y.fault("slot %d overlaps", s.Slot)
		y.mu.Unlock()
	}
	time.Sleep(y.takes)
	y.busy.Store(false)
	return flows.Run{Probe: s.Probe, Outcome: flows.Success}
}

func (d day) Started(s schedule.Start) {
	y := d[s.Probe]
	y.mu.Lock()
	defer y.mu.Unlock()
	y.runs++
	y.slot(s.Slot, s.Due)
	if !time.Now().Equal(s.Due) || s.Delay != 0 {
		y.fault("slot %d was started %v late", s.Slot, time.Since(s.Due))
	}
}

func (d day) Skipped(s schedule.Skip) {
	y := d[s.Probe]
	y.mu.Lock()
	defer y.mu.Unlock()
	y.skips++
	y.slot(s.Slot, s.Due)
	if s.Reason != schedule.Overlap {
		y.fault("slot %d was skipped: %s", s.Slot, s.Reason)
	}
}

func (d day) Inherited(run flows.Run, slots int) {
	y := d[run.Probe]
	y.mu.Lock()
	defer y.mu.Unlock()
	y.heirs += slots
}

func (d day) Finished(schedule.Start, flows.Run)         {}
func (d day) BackedOff(string, time.Time, time.Duration) {}

// TestAThousandProbesForADay: no drift, no overlap, no slot unaccounted for.
func TestAThousandProbesForADay(t *testing.T) {
	mix := []struct {
		probes   int
		interval time.Duration
	}{{1, time.Second}, {2, 5 * time.Second}, {10, 15 * time.Second}, {60, time.Minute}, {300, 5 * time.Minute}, {627, 10 * time.Minute}}
	synctest.Test(t, func(t *testing.T) {
		const length = 24 * time.Hour
		d := make(day)
		var probes []schedule.Probe
		for _, m := range mix {
			for n := range m.probes {
				y := &tally{interval: m.interval, takes: m.interval*3/10 + 1}
				if n%10 == 9 { // every second slot overlaps
					y.takes = m.interval*3/2 + 1
				}
				name := fmt.Sprintf("probe-%s-%d", m.interval, n)
				d[name] = y
				probes = append(probes, schedule.Probe{Name: name, Interval: m.interval, Participants: 2, DatagramsPerSecond: 100,
					Lanes: []schedule.Lane{{Name: name + "-a", Rest: m.interval / 10}, {Name: name + "-b", Rest: m.interval / 10}}})
			}
		}
		s := schedule.New(schedule.Options{Instance: "a", FirstRun: firstRun, Run: d.run, Observer: d})
		s.Apply(probes, schedule.Budget{Participants: 2000, DatagramsPerSecond: 100_000})
		began := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), length)
		defer stop()
		s.Run(ctx, time.Hour)

		var slots, runs, skips int64
		for name, y := range d {
			for _, fault := range y.faults {
				t.Errorf("%s: %s", name, fault)
			}
			if since := y.first.Sub(began); since < firstRun || since >= firstRun+y.interval {
				t.Errorf("%s: first due after %v", name, since)
			}
			if want := int64((length-1-y.first.Sub(began))/y.interval) + 1; y.next != want || y.runs+y.skips != want {
				t.Errorf("%s: %d runs and %d skips of %d slots, want %d", name, y.runs, y.skips, y.next, want)
			}
			overlapped := int64(0)
			if y.takes > y.interval {
				overlapped = y.next / 2
			}
			if y.skips != overlapped || int64(y.heirs) != overlapped {
				t.Errorf("%s: %d slots were skipped and %d inherit, want %d", name, y.skips, y.heirs, overlapped)
			}
			slots, runs, skips = slots+y.next, runs+y.runs, skips+y.skips
		}
		t.Logf("%d probes, %d slots: %d runs, %d skipped", len(d), slots, runs, skips)
		if len(d) != 1000 {
			t.Errorf("%d probes", len(d))
		}
	})
}
