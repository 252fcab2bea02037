package metrics

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

// conversation is a media run of two people who talk for 10 s: two ordered pairs of
// 500 frames each.
func conversation() flows.Run {
	run := talked()
	p := run.Pairs[0]
	p.Samples = make([]flows.Sample, 500)
	for i := range p.Samples {
		p.Samples[i] = flows.Sample{Latency: time.Duration(20+i%60) * time.Millisecond, Tainted: i%100 == 0}
	}
	run.Pairs = []flows.Pair{p, p}
	return run
}

func TestAFrameAllocatesNothing(t *testing.T) {
	m := fresh(one()...)
	run := conversation()
	h := m.probes["media"].latencies.oneWay
	if n := testing.AllocsPerRun(100, func() { observeFrames(h, run.Pairs[0].Samples, 7) }); n != 0 {
		t.Errorf("%v allocations for 500 frames", n)
	}
	short := conversation()
	for i := range short.Pairs {
		short.Pairs[i].Samples = short.Pairs[i].Samples[:5]
	}
	for _, sampled := range []bool{false, true} {
		long := testing.AllocsPerRun(100, func() { m.Observe(run, sampled) })
		if brief := testing.AllocsPerRun(100, func() { m.Observe(short, sampled) }); long != brief {
			t.Errorf("a run of 1000 frames takes %v allocations, one of 10 %v", long, brief)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	h := fresh(one()...).probes["media"].latencies.oneWay
	samples := conversation().Pairs[0].Samples
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(samples) {
		observeFrames(h, samples[:min(len(samples), b.N-i)], -1)
	}
}

func BenchmarkRun(b *testing.B) {
	for name, run := range map[string]flows.Run{"join": joined(), "failed join": failed(joined(), timeout), "media of 1000 frames": conversation()} {
		for _, sampled := range []bool{false, true} {
			name := name
			if sampled {
				name += ", sampled"
			}
			b.Run(name, func(b *testing.B) {
				m := fresh(one()...)
				b.ReportAllocs()
				for b.Loop() {
					m.Observe(run, sampled)
				}
			})
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	for name, accept := range map[string]string{"text": asText, "OpenMetrics": asOpenMetrics, "protobuf": asProtobuf} {
		b.Run(name, func(b *testing.B) {
			m := fresh(shipped(b)...)
			handler := m.Handler()
			b.ReportAllocs()
			for b.Loop() {
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
				r.Header.Set("Accept", accept)
				handler.ServeHTTP(w, r)
				b.ReportMetric(float64(w.Body.Len()), "bytes")
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	probes := shipped(b)
	b.Run("from nothing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fresh(probes...)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		m := fresh(probes...)
		b.ReportAllocs()
		for b.Loop() {
			m.Apply(probes)
		}
	})
}
