package tracecontext

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// AttrDuration is a duration in milliseconds, to the microsecond.
const AttrDuration = attribute.Key("duration_ms")

// EventPhase begins the name of the event at the end of a phase.
const EventPhase = "phase."

// Milliseconds is a duration as spans and logs have it.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Phase writes on the span that a phase of this length was over at this time.
func Phase(span trace.Span, name string, over time.Time, took time.Duration) {
	span.AddEvent(EventPhase+name, trace.WithTimestamp(over), trace.WithAttributes(AttrDuration.Float64(Milliseconds(took))))
}
