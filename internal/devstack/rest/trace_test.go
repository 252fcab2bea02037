package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraceHeadersOutOfBoundsAreIgnoredAltogether(t *testing.T) {
	members := func(n int) string {
		return strings.TrimSuffix(strings.Repeat("k"+"=v,", 1)+func() string {
			var b strings.Builder
			for i := 1; i < n; i++ {
				b.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "=v,")
			}
			return b.String()
		}(), ",")
	}
	tests := []struct {
		name    string
		parents []string
		state   string
		kept    bool
	}{
		{"a parent alone", []string{parent}, "", true},
		{"a parent with state", []string{parent}, "a=1,b=2", true},
		{"no parent", nil, "a=1", false},
		{"two parents", []string{parent, parent}, "", false},
		{"a parent of 56 characters", []string{parent + "-"}, "", false},
		{"a parent that is none", []string{strings.Repeat("z", 55)}, "", false},
		{"an all-zero trace id", []string{"00-00000000000000000000000000000000-b7ad6b7169203331-01"}, "", false},
		{"a state of 512 bytes", []string{parent}, "a=" + strings.Repeat("v", 200) + ",b=" + strings.Repeat("v", 200) + ",c=" + strings.Repeat("v", 104), true},
		{"a state of 513 bytes", []string{parent}, "a=" + strings.Repeat("v", 200) + ",b=" + strings.Repeat("v", 200) + ",c=" + strings.Repeat("v", 105), false},
		{"a state of 32 members", []string{parent}, members(32), true},
		{"a state of 33 members", []string{parent}, members(33), false},
		{"a malformed state", []string{parent}, "no equals sign", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, p := range tt.parents {
				h.Add("traceparent", p)
			}
			if tt.state != "" {
				h.Set("tracestate", tt.state)
			}
			sc := oteltrace.SpanContextFromContext(Extract(t.Context(), h))
			if sc.IsValid() != tt.kept {
				t.Errorf("kept: %t, want %t (state of %d bytes)", sc.IsValid(), tt.kept, len(tt.state))
			}
		})
	}
}

func TestASpanContinuesTheClientsTrace(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	inner := Span(Tracer(provider, "x"), "inner", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := http.Header{}
		Inject(r.Context(), h)
		if !strings.Contains(h.Get("traceparent"), "0af7651916cd43dd8448eb211c80319c") || h.Get("tracestate") != "a=1" {
			t.Errorf("passed on %v", h)
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	h := Traced(Span(Tracer(provider, "x"), "outer", inner))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("traceparent", parent)
	r.Header.Set("tracestate", "a=1")
	h.ServeHTTP(httptest.NewRecorder(), r)

	spans := exporter.GetSpans()
	if len(spans) != 2 || spans[0].Name != "inner" || spans[1].Name != "outer" {
		t.Fatalf("got %d spans", len(spans))
	}
	if spans[1].Parent.SpanID().String() != "b7ad6b7169203331" || spans[0].Parent.SpanID() != spans[1].SpanContext.SpanID() {
		t.Error("the spans do not hang together")
	}
	if spans[1].SpanKind != oteltrace.SpanKindServer || spans[0].SpanKind != oteltrace.SpanKindInternal {
		t.Errorf("kinds %s and %s", spans[1].SpanKind, spans[0].SpanKind)
	}
	if spans[1].Status.Code.String() != "Error" {
		t.Errorf("status %v", spans[1].Status)
	}
}

func TestWithoutAProviderThereAreNoSpans(t *testing.T) {
	_, span := Tracer(nil, "x").Start(t.Context(), "s")
	if span.SpanContext().IsValid() {
		t.Error("there is a span")
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, parent, state string) {
		sc := oteltrace.SpanContextFromContext(Extract(t.Context(), http.Header{"Traceparent": {parent}, "Tracestate": {state}}))
		if sc.IsValid() && (len(parent) > maxTraceParent || len(state) > maxTraceState) {
			t.Error("kept out of bounds")
		}
	})
}
