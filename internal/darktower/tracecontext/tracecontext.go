// Package tracecontext turns the span of a context into the two W3C strings
// that the platform carries in HTTP headers and in signaling envelopes
// (platform contract, AC/GC 9 and MC F).
package tracecontext

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Inject returns traceparent and tracestate of the span in ctx, both empty when
// there is none.
func Inject(ctx context.Context) (parent, state string) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"], carrier["tracestate"]
}

// Extract returns ctx with the remote span that parent and state name; malformed
// values leave ctx as it is.
func Extract(ctx context.Context, parent, state string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
}
