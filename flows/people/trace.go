package people

import (
	"context"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

// eventHandler is one handler that was dialed.
const eventHandler = "handler"

// noteContinuity compares the trace that MC answered in with the one it was asked
// in; a platform that does not trace answers with none. Where MC answers in a trace
// of its own, the step's span is linked with it.
func (p *Person) noteContinuity(ctx context.Context, answered string) {
	asked := trace.SpanFromContext(ctx)
	if !asked.SpanContext().IsValid() {
		return
	}
	theirs := trace.SpanContextFromContext(tracecontext.Extract(context.Background(), answered, ""))
	result := continuity(asked.SpanContext(), theirs, answered)
	if result == flows.TraceLinked {
		asked.AddLink(trace.Link{SpanContext: theirs, Attributes: []attribute.KeyValue{flows.AttrHop.String(string(flows.MC))}})
	}
	asked.SetAttributes(flows.AttrContinuity.String(result))
	p.cast.run.Record(func(run *flows.Run) {
		run.Continuity = append(run.Continuity, flows.Continuity{Hop: flows.MC, Result: result})
	})
}

// continuity compares the span that was asked in with what was answered, theirs as
// far as that names a span.
func continuity(asked, theirs trace.SpanContext, answered string) string {
	switch {
	case answered == "":
		return flows.TraceAbsent
	case !theirs.IsValid(), theirs.SpanID() == asked.SpanID():
		return flows.TraceBroken
	case theirs.TraceID() != asked.TraceID():
		return flows.TraceLinked
	}
	return flows.TraceContinued
}

// quic is what every WebTransport session is on.
func quic() []attribute.KeyValue {
	return []attribute.KeyValue{semconv.NetworkTransportQUIC, semconv.NetworkProtocolName("http"), semconv.NetworkProtocolVersion("3"),
		semconv.UserAgentSyntheticTypeTest}
}

// describeDial writes on the step's span what is dialed: host and port as they are
// advertised, and nothing else of the URL.
func describeDial(ctx context.Context, advertised string) {
	trace.SpanFromContext(ctx).SetAttributes(append(quic(), server(advertised)...)...)
}

// describeHandlers writes an event for each handler that was dialed.
func describeHandlers(ctx context.Context, results []media.HandlerResult) {
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(quic()...)
	for _, r := range results {
		about := append(server(r.URL), flows.AttrConnected.Bool(r.Connected()), flows.AttrMapped.Bool(r.Mapped),
			flows.AttrDuration.Float64(tracecontext.Milliseconds(r.At.Sub(r.Start))))
		span.AddEvent(eventHandler, trace.WithTimestamp(r.At), trace.WithAttributes(about...))
	}
}

func server(advertised string) []attribute.KeyValue {
	u, err := url.Parse(advertised)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	out := []attribute.KeyValue{semconv.ServerAddress(u.Hostname())}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		out = append(out, semconv.ServerPort(port))
	}
	return out
}
