package tracing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
)

type script func(ctx context.Context, run *flows.Recorder) error

func (s script) Run(ctx context.Context, run *flows.Recorder) error { return s(ctx, run) }

// steps is a run of n steps, of which the last one fails with err.
func steps(n int, err error) script {
	return func(ctx context.Context, run *flows.Recorder) error {
		for range n - 1 {
			if err := run.Step(ctx, flows.StepGCJoin, func(context.Context) error { return nil }); err != nil {
				return err
			}
		}
		return run.Step(ctx, flows.StepMCJoin, func(context.Context) error { return err })
	}
}

var broken = &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Detail: "silence"}

// backend keeps which spans of which trace were exported.
type backend struct {
	mu     sync.Mutex // protects all following fields
	traces map[string]map[string]int
}

func (b *backend) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.traces == nil {
		b.traces = make(map[string]map[string]int)
	}
	for _, s := range spans {
		id := s.SpanContext().TraceID().String()
		if b.traces[id] == nil {
			b.traces[id] = make(map[string]int)
		}
		b.traces[id][s.Name()]++
	}
	return nil
}

func (b *backend) Shutdown(context.Context) error { return nil }

func TestEachRunIsExportedWholeOrNotAtAll(t *testing.T) {
	b := &backend{}
	tr := assemble(Options{KeepOneIn: 10}, resource.Empty(), b)
	type settled struct {
		run   flows.Run
		steps int
		kept  bool
		must  bool
	}
	var (
		mu   sync.Mutex
		all  []settled
		wg   sync.WaitGroup
		next = rand.New(rand.NewPCG(3, 4)) // under mu
	)
	for n := range 8 { // at the same time, two to a probe
		wg.Go(func() {
			for range 100 {
				mu.Lock()
				length, fails, notable, demand := next.IntN(12)+1, next.IntN(10) == 0, next.IntN(20) == 0, next.IntN(20) == 0
				mu.Unlock()
				spec := flows.Spec{Probe: fmt.Sprint("probe-", n/2), Flow: flows.Join, Tracer: tr.Tracer(), Trigger: flows.Scheduled}
				var err error
				if fails {
					err = broken
				}
				if demand {
					spec.Trigger = flows.OnDemand
				}
				run := flows.Execute(t.Context(), spec, steps(length, err))
				kept := tr.Settle(run, notable)
				mu.Lock()
				all = append(all, settled{run, length, kept, fails || notable || demand})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, ordinary, sampled := 0, map[string]int{}, map[string]int{}
	for _, s := range all {
		if !s.must {
			ordinary[s.run.Probe]++
		}
		got := b.traces[s.run.TraceID]
		if !s.kept {
			if s.must {
				t.Errorf("a run with outcome %s, trigger %s is not kept", s.run.Outcome, s.run.Trigger)
			}
			if len(got) > 0 {
				t.Errorf("a run that is not kept has spans: %v", got)
			}
			continue
		}
		kept++
		if !s.must {
			sampled[s.run.Probe]++
		}
		want := map[string]int{"prober.join": 1, "prober.join.mc_join": 1}
		if s.steps > 1 {
			want["prober.join.gc_join"] = s.steps - 1
		}
		if !maps.Equal(got, want) {
			t.Errorf("a run of %d steps has the spans %v", s.steps, got)
		}
	}
	for probe, n := range ordinary {
		if want := (n + 9) / 10; sampled[probe] != want {
			t.Errorf("%s: %d of %d ordinary successes are kept, not %d", probe, sampled[probe], n, want)
		}
	}
	if len(b.traces) != kept {
		t.Errorf("%d traces were exported, %d were kept", len(b.traces), kept)
	}
	if tr.Dropped() != 0 {
		t.Errorf("%d spans are counted as lost", tr.Dropped())
	}
}

func TestWhatIsKept(t *testing.T) {
	tr := &Tracing{keepOneIn: 3, successes: make(map[string]uint64)}
	good := flows.Run{Probe: "a", Outcome: flows.Success, Trigger: flows.Scheduled}
	var got []bool
	for range 7 {
		got = append(got, tr.keeps(good, false))
	}
	if fmt.Sprint(got) != "[true false false true false false true]" {
		t.Errorf("of seven successes: %v", got)
	}
	other := good
	other.Probe = "b"
	if !tr.keeps(other, false) {
		t.Error("the first success of another probe is not kept")
	}
	for name, c := range map[string]struct {
		change  func(*flows.Run)
		notable bool
	}{
		"a failure":         {change: func(r *flows.Run) { r.Outcome = flows.Failed }},
		"an open run":       {change: func(r *flows.Run) { r.Outcome = flows.Inconclusive }},
		"an aborted run":    {change: func(r *flows.Run) { r.Outcome = flows.Aborted }},
		"a run on demand":   {change: func(r *flows.Run) { r.Trigger = flows.OnDemand }},
		"a notable success": {change: func(*flows.Run) {}, notable: true},
	} {
		run := good
		c.change(&run)
		for range 3 {
			if !tr.keeps(run, c.notable) {
				t.Errorf("%s is not kept", name)
			}
		}
	}
	if tr.keeps(good, false) {
		t.Error("what is kept anyway was counted among the successes")
	}
}

func TestThePlatformIsAlwaysToldThatATraceIsSampled(t *testing.T) {
	tr := assemble(Options{KeepOneIn: 1000}, resource.Empty(), &backend{})
	defer func() { _ = tr.Shutdown(context.WithoutCancel(t.Context())) }()
	for range 10 {
		run := flows.Execute(t.Context(), flows.Spec{Flow: flows.Join, Tracer: tr.Tracer()}, script(func(ctx context.Context, run *flows.Recorder) error {
			return run.Step(ctx, flows.StepGCJoin, func(ctx context.Context) error {
				if !trace.SpanContextFromContext(ctx).IsSampled() {
					return errors.New("not sampled")
				}
				return nil
			})
		}))
		if run.Outcome != flows.Success {
			t.Fatal(run.Failure)
		}
		tr.Settle(run, false)
	}
}

func TestARunThatIsNeverSettledIsCountedAsLost(t *testing.T) {
	b := &backend{}
	tr := assemble(Options{}, resource.Empty(), b)
	flows.Execute(t.Context(), flows.Spec{Flow: flows.Join, Tracer: tr.Tracer()}, steps(2, nil))
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.traces) != 0 || tr.Dropped() != 3 {
		t.Errorf("%d traces were exported, %d spans are counted as lost", len(b.traces), tr.Dropped())
	}
}

// BenchmarkRun is what tracing costs a run of eight steps, from its start until it is
// settled; "untraced" is the same run with no tracing at all.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name   string
		tracer func() (trace.Tracer, func(flows.Run), func())
	}{
		{"untraced", func() (trace.Tracer, func(flows.Run), func()) { return nil, func(flows.Run) {}, func() {} }},
		{"ids only", func() (trace.Tracer, func(flows.Run), func()) {
			tr := assemble(Options{}, resource.Empty(), nil)
			return tr.Tracer(), func(r flows.Run) { tr.Settle(r, false) }, func() { _ = tr.Shutdown(context.Background()) }
		}},
		{"one in 10 exported", func() (trace.Tracer, func(flows.Run), func()) {
			tr := assemble(Options{KeepOneIn: 10}, resource.Empty(), &backend{})
			return tr.Tracer(), func(r flows.Run) { tr.Settle(r, false) }, func() { _ = tr.Shutdown(context.Background()) }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			tracer, settle, stop := c.tracer()
			defer stop()
			b.ReportAllocs()
			for b.Loop() {
				settle(flows.Execute(context.Background(), flows.Spec{Probe: "p", Flow: flows.Join, Tracer: tracer, Trigger: flows.Scheduled}, steps(8, nil)))
			}
		})
	}
}
