package ac

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestSpansContinueTheClientsTrace(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	s := startAC(t, Config{Tracer: provider})
	header := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	register(t, s, "ada@probe.test")
	tests := []struct {
		span    string
		request request
	}{
		{"ac.auth.register", registration("bob@probe.test", "password-1", "Bob")},
		{"ac.token.issue_user", signIn("ada@probe.test", "password-1")},
		{"ac.token.issue_service", serviceRequest(`{}`)},
		{"ac.token.issue_meeting", request{path: "/api/v1/auth/internal/meeting-token"}},
		{"ac.token.issue_guest", request{path: "/api/v1/auth/internal/guest-token"}},
		{"ac.jwks.get", request{method: "GET", path: "/.well-known/jwks.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.span, func(t *testing.T) {
			exporter.Reset()
			tt.request.header = header
			ask(t, s, tt.request)
			spans := exporter.GetSpans()
			if len(spans) != 1 || spans[0].Name != tt.span {
				t.Fatalf("got %d spans", len(spans))
			}
			if spans[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || spans[0].Parent.SpanID().String() != "b7ad6b7169203331" {
				t.Error("the span is in another trace")
			}
		})
	}
}
