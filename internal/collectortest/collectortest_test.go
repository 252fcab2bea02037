package collectortest

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// export sends a trace of two spans and returns its id.
func export(t *testing.T, exporter sdktrace.SpanExporter) string {
	t.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "tester"))))
	linked := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{7}})
	ctx, root := provider.Tracer("t").Start(t.Context(), "root", trace.WithLinks(trace.Link{SpanContext: linked}))
	_, child := provider.Tracer("t").Start(ctx, "child", trace.WithAttributes(attribute.String("s", "x"), attribute.Int("i", 3),
		attribute.Bool("b", true), attribute.Float64("f", 1.5)))
	child.AddEvent("happened", trace.WithAttributes(attribute.Int("n", 1)))
	child.SetStatus(codes.Error, "why")
	child.End()
	root.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return root.SpanContext().TraceID().String()
}

func TestACollectorTellsWhatItWasSent(t *testing.T) {
	c := Start(t)
	overGRPC := func() sdktrace.SpanExporter {
		e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpointURL(c.GRPCEndpoint))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	overHTTP, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(c.HTTPEndpoint+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{export(t, overGRPC()), export(t, overHTTP)}
	c.Stop(t)
	c.Restart(t)
	ids = append(ids, export(t, overGRPC()))
	whole := func(x Trace) bool { return len(x.Spans) == 2 }
	for _, id := range ids {
		x := c.Await(t, id, whole)
		if len(x.Orphans()) > 0 || len(x.Roots()) != 1 || x.Roots()[0].Name != "root" || len(x.Services()) != 1 || x.Services()[0] != "tester" {
			t.Errorf("not as it was sent: %s", x)
		}
		child, root := x.Spans[0], x.Spans[1]
		if child.Name != "child" || child.Parent != root.ID || !child.Failed || child.Status != "why" || root.Failed || child.End.Before(child.Start) {
			t.Errorf("the child is %+v", child)
		}
		a := child.Attributes
		if a["s"] != "x" || a["i"] != "3" || a["b"] != "true" || a["f"] != "1.5" || len(a) != 4 {
			t.Errorf("attributes %v", a)
		}
		if len(child.Events) != 1 || child.Events[0].Name != "happened" || child.Events[0].Attributes["n"] != "1" {
			t.Errorf("events %v", child.Events)
		}
		if len(root.Links) != 1 || root.Links[0][:2] != "07" {
			t.Errorf("links %v", root.Links)
		}
	}
	if n := len(c.Traces(t)); n != len(ids) {
		t.Errorf("%d traces, %d were sent", n, len(ids))
	}
}

func TestATraceKnowsItsOrphans(t *testing.T) {
	x := Trace{Spans: []Span{{ID: "1", Service: "b", Name: "root"}, {ID: "2", Parent: "1", Service: "a", Name: "child"}, {ID: "3", Parent: "9", Service: "a", Name: "lost"}}}
	if o := x.Orphans(); len(o) != 1 || o[0].ID != "3" {
		t.Errorf("orphans %v", o)
	}
	if r := x.Roots(); len(r) != 1 || r[0].ID != "1" {
		t.Errorf("roots %v", r)
	}
	if s := x.Services(); len(s) != 2 || s[0] != "a" {
		t.Errorf("services %v", s)
	}
	if n := x.Names("a"); len(n) != 2 || n[0] != "child" {
		t.Errorf("names %v", n)
	}
}
