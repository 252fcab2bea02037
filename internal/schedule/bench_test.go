package schedule

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

// bench makes a scheduler with so many probes, whose loop the benchmark turns.
func bench(probes int, paused bool) *Scheduler {
	s := New(Options{Instance: "a", Run: func(context.Context, Start) flows.Run { return flows.Run{Outcome: flows.Success} }})
	var all []Probe
	for n := range probes {
		name := fmt.Sprint("probe-", n)
		all = append(all, Probe{Name: name, Interval: time.Minute, Paused: paused, Participants: 2, DatagramsPerSecond: 100, Lanes: []Lane{{Name: name}}})
	}
	s.Apply(all, Budget{1 << 20, 1 << 20})
	s.begin(context.Background())
	return s
}

// BenchmarkSlot is the cost of one slot among so many probes: computed, decided, and
// run or skipped, with everything that comes after an empty run.
func BenchmarkSlot(b *testing.B) {
	for _, probes := range []int{1, 10, 1000} {
		for _, paused := range []bool{false, true} {
			kind := map[bool]string{false: "run", true: "skipped"}[paused]
			b.Run(fmt.Sprintf("%s/%d", kind, probes), func(b *testing.B) {
				s := bench(probes, paused)
				var notices []notice
				b.ReportAllocs()
				for now := s.queue[0].due; b.Loop(); {
					now, notices = s.turn(now, notices[:0])
					s.runs.Wait()
				}
			})
		}
	}
}

// BenchmarkReload is the cost of a reload that changes nothing.
func BenchmarkReload(b *testing.B) {
	s := bench(1000, true)
	var same []Probe
	for _, e := range s.probes {
		same = append(same, e.Probe)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Apply(same, Budget{})
	}
}

// BenchmarkStatus is the cost of a look at everything.
func BenchmarkStatus(b *testing.B) {
	s := bench(1000, true)
	b.ReportAllocs()
	for b.Loop() {
		s.Status()
	}
}
