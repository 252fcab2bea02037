package people

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/tracecontext"
)

func TestWhatAnAnswersTraceComesTo(t *testing.T) {
	span := func(parent string) trace.SpanContext {
		return trace.SpanContextFromContext(tracecontext.Extract(context.Background(), parent, ""))
	}
	asked := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for name, c := range map[string]struct{ answered, want string }{
		"none":                 {"", flows.TraceAbsent},
		"a span of ours":       {"00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01", flows.TraceContinued},
		"one of its own":       {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", flows.TraceLinked},
		"what was asked":       {asked, flows.TraceBroken},
		"nothing that is one":  {"00-00000000000000000000000000000000-b7ad6b7169203331-01", flows.TraceBroken},
		"nothing that is any":  {"hello", flows.TraceBroken},
		"a trace with no span": {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", flows.TraceBroken},
	} {
		if got := continuity(span(asked), span(c.answered), c.answered); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
