package history_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
)

// conversation is a media run as the default configuration makes it: two people,
// ten seconds, fifty frames a second, with every step, phase and connection.
func conversation(n int) history.Finished {
	r := flows.Run{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Probe: "media", Flow: flows.Media, Outcome: flows.Success,
		TraceID: fmt.Sprintf("%032x", n), SpanID: fmt.Sprintf("%016x", n), Started: start, Duration: 13 * time.Second}
	for who := range 2 {
		for _, step := range flows.StepsOf(flows.Media) {
			r.Steps = append(r.Steps, flows.StepResult{Step: step, Actor: flows.Actor(who + 1), SpanID: fmt.Sprintf("%016x", who),
				Phases: []flows.Phase{{Name: "connect"}, {Name: "tls"}, {Name: "first_byte"}, {Name: "rest"}}})
		}
		for range 3 {
			r.Connections = append(r.Connections, flows.Connection{Actor: flows.Actor(who + 1), Hop: flows.MH, Dialect: "legacy"})
		}
		r.Pairs = append(r.Pairs, flows.Pair{From: flows.Actor(who + 1), To: flows.Actor(2 - who), Samples: make([]flows.Sample, 500)})
	}
	var log []string
	for i := range 20 {
		log = append(log, fmt.Sprintf(`{"timestamp":"2026-03-01T12:00:00Z","level":"INFO","target":"prober.media","fields":{"n":%d,"message":%q}}`, i, strings.Repeat("x", 80)))
	}
	return history.Finished{Run: r, Log: log}
}

// BenchmarkBytesPerRun says what a kept run takes of the heap.
func BenchmarkBytesPerRun(b *testing.B) {
	const keep = 1000
	var perRun float64
	for b.Loop() {
		s := history.New(keep)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for n := range keep {
			s.Add(conversation(n))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		perRun = float64(after.HeapAlloc-before.HeapAlloc) / keep
		runtime.KeepAlive(s)
	}
	b.ReportMetric(perRun, "bytes/run")
}

func BenchmarkRecent(b *testing.B) {
	s := history.New(1000)
	for n := range 1000 {
		s.Add(conversation(n))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Recent(history.Query{Limit: 50})
	}
}
