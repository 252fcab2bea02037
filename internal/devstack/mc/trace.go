package mc

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Bounds of a trace context on the wire (platform contract, MC F).
const (
	maxTraceParent       = 55
	maxTraceState        = 512
	maxTraceStateMembers = 32
)

// tracing starts the controller's spans and carries contexts in envelopes. With
// no provider it starts nothing and leaves the envelopes' fields empty.
type tracing struct {
	on       bool
	provider trace.TracerProvider
	tracer   trace.Tracer
}

func newTracing(p trace.TracerProvider) tracing {
	if p == nil {
		return tracing{tracer: noop.NewTracerProvider().Tracer("")}
	}
	return tracing{on: true, provider: p, tracer: p.Tracer("github.com/dark-tower/prober/internal/devstack/mc")}
}

// remote returns ctx as a child of what the two strings name. Values out of
// bounds or malformed are ignored as a whole, and then the trace starts anew.
func (t tracing) remote(ctx context.Context, parent, state string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if !t.on || parent == "" || len(parent) > maxTraceParent || len(state) > maxTraceState ||
		strings.Count(state, ",") >= maxTraceStateMembers {
		return ctx
	}
	if _, err := trace.ParseTraceState(state); err != nil {
		return ctx
	}
	carrier := propagation.MapCarrier{"traceparent": parent, "tracestate": state}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// strings returns what names the span in ctx, empty when there is none.
func (t tracing) strings(ctx context.Context) (parent, state string) {
	if !t.on {
		return "", ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"], carrier["tracestate"]
}

// cause keeps only the span of ctx: work that outlives a message must not end
// with that message's context.
func cause(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.SpanContextFromContext(ctx))
}
