package mh

import (
	"context"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
)

// Bounds of a trace context on the wire (platform contract, MC F).
const (
	maxTraceParent       = 55
	maxTraceState        = 512
	maxTraceStateMembers = 32
)

// tracing starts the handler's spans and joins the traces of clients and of MC.
// With no provider it does nothing.
type tracing struct {
	provider trace.TracerProvider // nil: off
	tracer   trace.Tracer
}

func newTracing(p trace.TracerProvider) tracing {
	if p == nil {
		return tracing{tracer: noop.NewTracerProvider().Tracer("")}
	}
	return tracing{provider: p, tracer: p.Tracer("github.com/dark-tower/prober/internal/devstack/mh")}
}

// remote returns ctx as a child of what the two strings of a connect message
// name; values out of bounds or malformed are ignored.
func (t tracing) remote(ctx context.Context, parent, state string) context.Context {
	if t.provider == nil || len(parent) > maxTraceParent || len(state) > maxTraceState ||
		strings.Count(state, ",") >= maxTraceStateMembers {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
}

func (t tracing) options() []otelgrpc.Option {
	return []otelgrpc.Option{otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(propagation.TraceContext{})}
}

func (t tracing) serverOptions() []grpc.ServerOption {
	if t.provider == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(t.options()...))}
}

func (t tracing) dialOptions() []grpc.DialOption {
	if t.provider == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(t.options()...))}
}
