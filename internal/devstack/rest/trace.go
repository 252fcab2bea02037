package rest

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Bounds of the trace headers (platform contract, AC/GC 9).
const (
	maxTraceParent       = 55
	maxTraceState        = 512
	maxTraceStateMembers = 32
)

// Tracer returns the tracer of a service; a nil provider makes no spans.
func Tracer(p trace.TracerProvider, service string) trace.Tracer {
	if p == nil {
		p = noop.NewTracerProvider()
	}
	return p.Tracer("github.com/dark-tower/prober/internal/devstack/" + service)
}

// Extract returns ctx with the remote span that h names. Headers out of bounds
// or malformed are ignored altogether.
func Extract(ctx context.Context, h http.Header) context.Context {
	parents := h.Values("Traceparent")
	if len(parents) != 1 || len(parents[0]) > maxTraceParent {
		return ctx
	}
	state := strings.Join(h.Values("Tracestate"), ",")
	if len(state) > maxTraceState || state != "" && strings.Count(state, ",")+1 > maxTraceStateMembers {
		return ctx
	}
	if _, err := trace.ParseTraceState(state); err != nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": parents[0], "tracestate": state,
	})
}

// Inject adds the trace headers of the span in ctx.
func Inject(ctx context.Context, h http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// Traced continues the client's trace for everything below it.
func Traced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(Extract(r.Context(), r.Header)))
	})
}

// Span runs h in a span.
func Span(t trace.Tracer, name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := trace.SpanKindInternal
		if trace.SpanFromContext(r.Context()).SpanContext().IsRemote() || !trace.SpanContextFromContext(r.Context()).IsValid() {
			kind = trace.SpanKindServer
		}
		ctx, span := t.Start(r.Context(), name, trace.WithSpanKind(kind))
		defer span.End()
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
		if answer.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
