package httpapi

import (
	"context"
	"errors"
	"net"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

// tracerName is the name of the tracer of requests.
const tracerName = "github.com/dark-tower/prober/internal/darktower/httpapi"

// startSpan starts the client's span of a request, under the span of ctx and with its
// provider; without one there is none. It names the template of the path, never the
// path, which holds the meeting's code.
func (c *Client) startSpan(ctx context.Context, r Request) (context.Context, trace.Span) {
	host, port, _ := net.SplitHostPort(dialAddr(c.base))
	number, _ := strconv.Atoi(port)
	name := r.Method
	about := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLScheme(c.base.Scheme),
		semconv.ServerAddress(host), semconv.ServerPort(number),
		semconv.NetworkProtocolName("http"), semconv.NetworkProtocolVersion("1.1"),
		semconv.UserAgentSyntheticTypeTest,
	}
	if r.Template != "" {
		name += " " + r.Template
		about = append(about, semconv.URLTemplate(r.Template))
	}
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(tracerName).
		Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...))
}

// endSpan writes what became of the request and ends its span.
func endSpan(span trace.Span, phases Phases, want int, err error) {
	defer span.End()
	at := phases.Start
	for name, took := range phases.All() {
		at = at.Add(took)
		tracecontext.Phase(span, name, at, took)
	}
	status, kind := want, ""
	var (
		refused *StatusError
		broken  *TransportError
	)
	switch {
	case err == nil:
	case errors.As(err, &refused):
		status, kind = refused.Status, strconv.Itoa(refused.Status)
	case errors.As(err, &broken):
		status, kind = 0, string(broken.Kind)
	case errors.As(err, new(*AnswerError)):
		kind = "answer"
	default:
		status, kind = 0, "request" // it was never sent
	}
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		span.SetStatus(codes.Error, err.Error())
	}
}
