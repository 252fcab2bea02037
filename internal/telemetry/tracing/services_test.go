package tracing

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

func TestServicesTraceEachUnderItsOwnName(t *testing.T) {
	var server otlpServer
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.grpc(t), "OTEL_SERVICE_NAME": "the-process"})
	s, err := OpenServices(t.Context(), "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	unsampled := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}))
	for _, name := range []string{"ac-service", "gc-service"} {
		tracer := s.Provider(name).Tracer("t")
		_, span := tracer.Start(t.Context(), "of "+name)
		span.End()
		_, span = tracer.Start(unsampled, "the client wants no trace")
		span.End()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil || s.Dropped() != 0 {
		t.Errorf("shutting down: %v, %d spans lost", err, s.Dropped())
	}
	var all strings.Builder
	for _, r := range server.requests() {
		all.WriteString(r.body)
	}
	for text, want := range map[string]bool{"of ac-service": true, "of gc-service": true, "darktower": true, "the-process": false, "the client wants no trace": false} {
		if strings.Contains(all.String(), text) != want {
			t.Errorf("%q is exported: %v", text, !want)
		}
	}
}

func TestServicesWithNowhereToExportToStillCarryContexts(t *testing.T) {
	for name, c := range map[string]struct {
		env    map[string]string
		traces bool
	}{
		"no endpoint": {nil, true},
		"no exporter": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, true},
		"no SDK":      {map[string]string{"OTEL_SDK_DISABLED": "true"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, c.env)
			s, err := OpenServices(t.Context(), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			p := s.Provider("mc-service")
			if (p != nil) != c.traces {
				t.Fatalf("provider %v", p)
			}
			if p != nil {
				_, span := p.Tracer("t").Start(t.Context(), "x")
				if !span.SpanContext().IsSampled() {
					t.Error("no context to be carried")
				}
				span.End()
			}
			if err := s.Shutdown(t.Context()); err != nil || s.Dropped() != 0 {
				t.Errorf("shutting down: %v", err)
			}
		})
	}
}
