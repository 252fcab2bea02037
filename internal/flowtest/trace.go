package flowtest

import (
	"maps"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
)

// Prober is the prober's name among the services that trace.
const Prober = "prober"

// Traces keeps what the prober and every service of a platform export, each for
// itself, as they would.
type Traces struct {
	exporters map[string]*tracetest.InMemoryExporter
}

// NewTraces returns no traces yet.
func NewTraces() *Traces { return &Traces{exporters: make(map[string]*tracetest.InMemoryExporter)} }

// Provider is for devstack.Options.TracerProvider.
func (x *Traces) Provider(service string) trace.TracerProvider {
	x.exporters[service] = tracetest.NewInMemoryExporter()
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(x.exporters[service]))
}

// Tracer forgets what was exported so far and returns the prober's tracer.
func (x *Traces) Tracer() trace.Tracer {
	provider := x.Provider(Prober)
	for _, e := range x.exporters {
		e.Reset()
	}
	return provider.Tracer("flows")
}

// Check compares, for each service, how many spans of each name there are, and
// that all of these belong to the run's trace, each below another of it. Spans with
// other names, of what services do by themselves, are ignored. The platform must
// have been closed, so that all spans have ended.
func (x *Traces) Check(t *testing.T, run flows.Run, want map[string]map[string]int) {
	t.Helper()
	names := map[string]string{} // by span id, of the run's trace
	var spans []tracetest.SpanStub
	for service, e := range x.exporters {
		got := map[string]int{}
		for _, s := range e.GetSpans() {
			id := s.SpanContext.TraceID().String()
			if _, wanted := want[service][s.Name]; wanted {
				got[s.Name]++
				if id != run.TraceID {
					t.Errorf("%s: span %s is in trace %s, the run in %s", service, s.Name, id, run.TraceID)
				}
			}
			if id == run.TraceID {
				names[s.SpanContext.SpanID().String()] = s.Name
				spans = append(spans, s)
			}
		}
		if !maps.Equal(got, want[service]) {
			t.Errorf("%s: spans %v, want %v", service, got, want[service])
		}
	}
	for _, s := range spans {
		if root := "prober." + string(run.Flow); names[s.Parent.SpanID().String()] == "" && s.Name != root {
			t.Errorf("span %s has no parent in the trace", s.Name)
		}
	}
}

// Roots are the ids of the traces that a service began with spans of this name, in
// order.
func (x *Traces) Roots(service, name string) []string {
	var ids []string
	for _, s := range x.exporters[service].GetSpans() {
		if s.Name == name && !s.Parent.IsValid() {
			ids = append(ids, s.SpanContext.TraceID().String())
		}
	}
	slices.Sort(ids)
	return ids
}
