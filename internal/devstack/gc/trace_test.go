package gc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/internal/devstack/ac"
)

func TestOneTraceRunsThroughGCACAndMC(t *testing.T) {
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	spansOfGC, spansOfAC := tracetest.NewInMemoryExporter(), tracetest.NewInMemoryExporter()
	ofGC, ofAC := trace.NewTracerProvider(trace.WithSyncer(spansOfGC)), trace.NewTracerProvider(trace.WithSyncer(spansOfAC))
	t.Cleanup(func() { _ = ofGC.Shutdown(context.Background()); _ = ofAC.Shutdown(context.Background()) })
	p := startGC(t, func(c *Config, a *ac.Config) { c.Tracer, a.Tracer = ofGC, ofAC })
	mc := p.addMC(t, "mc-a")
	p.addMH(t, "mh-a")
	user := p.user(t, "devtest")
	m := p.meeting(t, user, "")
	names := func(e *tracetest.InMemoryExporter) []string {
		var out []string
		for _, s := range e.GetSpans() {
			if s.SpanContext.TraceID().String() == traceID {
				out = append(out, s.Name)
			}
		}
		slices.Sort(out)
		return out
	}
	if len(names(spansOfGC)) != 0 {
		t.Fatal("a request without a context is in this trace")
	}
	header := http.Header{"Traceparent": {"00-" + traceID + "-b7ad6b7169203331-01"}, "Tracestate": {"a=1"}}
	if a, err := p.send(t.Context(), "GET", p.URL()+"/api/v1/meetings/"+m.MeetingCode, user, "", header); err != nil || a.status != 200 {
		t.Fatalf("join answered %d, %v", a.status, err)
	}
	if got := strings.Join(names(spansOfGC), " "); got != "gc.meeting.join gc.middleware.user_auth" {
		t.Errorf("spans of GC: %s", got)
	}
	if got := strings.Join(names(spansOfAC), " "); got != "ac.token.issue_meeting" {
		t.Errorf("spans of AC: %s", got)
	}
	mc.mu.Lock()
	defer mc.mu.Unlock()
	if len(mc.traces) != 1 || !strings.HasPrefix(mc.traces[0], "00-"+traceID+"-") {
		t.Errorf("MC was told %v", mc.traces)
	}
}
