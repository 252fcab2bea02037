package check_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/report"
)

// TestALeakWouldBeFound leaks on purpose, into each place that is searched.
func TestALeakWouldBeFound(t *testing.T) {
	secret := canaryName(t)
	var cage canary.Cage
	cage.Plant("password", secret)
	leak := &flows.Failure{Step: flows.StepSignIn, Hop: flows.AC, Reason: flows.Rejected, Detail: "no " + secret, Err: fmt.Errorf("wrapped: %w", errors.New(secret))}
	exporter := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)).Tracer("test")

	for where, add := range map[string]func(*output){
		"a log":            func(o *output) { o.logger("x").Debug("signing in", "password", secret) },
		"a group of a log": func(o *output) { o.logger("x").WithGroup("g").With("password", secret).Debug("signing in") },
		"a failure":        func(o *output) { o.addRun(flows.Run{Failure: leak}) },
		"a step":           func(o *output) { o.addRun(flows.Run{Steps: []flows.StepResult{{Failure: leak}}}) },
		"a transcript": func(o *output) {
			o.addRun(flows.Run{Transcript: flows.Transcript{Messages: []flows.Message{{Note: secret}}}})
		},
		"a certificate": func(o *output) {
			o.addRun(flows.Run{Connections: []flows.Connection{{Certificate: &flows.Certificate{Key: secret}}}})
		},
		"the end of a connection": func(o *output) {
			o.addRun(flows.Run{Connections: []flows.Connection{{Ended: &flows.Ending{Via: secret}}}})
		},
		"a wrapped error":   func(o *output) { o.addError("x", leak.Err) },
		"one of two errors": func(o *output) { o.addError("x", errors.Join(errors.New("fine"), leak)) },
		"a span's name":     func(o *output) { endSpan(tracer, secret); o.addSpans(exporter.GetSpans()) },
		"an attribute": func(o *output) {
			endSpan(tracer, "x", trace.WithAttributes(attribute.StringSlice("who", []string{secret})))
			o.addSpans(exporter.GetSpans())
		},
		"a run's page": func(o *output) {
			_ = page.WriteRun(o.writer("x"), page.RunPage{RunView: page.RunView{Run: flows.Run{Outcome: flows.Failed, Failure: leak}}})
		},
		"a run's report": func(o *output) {
			_ = report.Text{}.Write(o.writer("x"), []flows.Run{{Probe: "join", Outcome: flows.Failed, Failure: leak}})
		},
	} {
		exporter.Reset()
		var out output
		add(&out)
		if len(out.leaks(&cage)) == 0 {
			t.Errorf("a leak into %s was not found", where)
		}
	}
}

func endSpan(tracer trace.Tracer, name string, opts ...trace.SpanStartOption) {
	_, span := tracer.Start(context.Background(), name, opts...)
	span.End()
}
