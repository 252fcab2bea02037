// Package tracing exports the traces of runs over OTLP: failures, notable and
// on-demand runs always, of the other successes one in so many, and each run whole
// or not at all. A collector that is slow or away delays no run and takes no memory
// that is not bounded; what is lost is counted.
//
// It knows OpenTelemetry and finished runs, and nothing of what a run does: spans
// are started in flows and below. Nothing global is set, and nothing is told to
// OpenTelemetry's global error handler once Open has returned.
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/dark-tower/prober/flows"
)

// ServiceName is the prober's service.name, unless OTEL_SERVICE_NAME or
// OTEL_RESOURCE_ATTRIBUTES say otherwise.
const ServiceName = "synthetic-prober"

// scope is the name of the prober's tracer.
const scope = "github.com/dark-tower/prober/flows"

// maxText bounds an attribute's text, in bytes: a panic's stack is long.
const maxText = 4096

// Options say who traces, and what is kept. Where traces go to, the environment says:
// see docs/traces.md.
type Options struct {
	Version  string // of the prober; service.version
	Instance string // service.instance.id
	// KeepOneIn is of how many successful runs of a probe one is exported, the first
	// one always; 0 and 1 export all.
	KeepOneIn int
	Log       *slog.Logger // nil: silent
}

// Tracing makes the spans of runs and exports those that are kept. Shutdown must be
// called.
type Tracing struct {
	tracer    trace.Tracer
	keepOneIn uint64

	// All three are nil when nothing is exported.
	provider *sdktrace.TracerProvider
	buffer   *buffer
	queue    *queue

	mu        sync.Mutex        // protects all following fields
	successes map[string]uint64 // by probe, those that nothing but their number keeps
}

// Open reads the OTEL_* variables of the process and returns without having dialed
// anything. With no endpoint in them nothing is exported, and runs still have trace
// ids; with OTEL_SDK_DISABLED they have none. An error is a variable that is wrong.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	where, err := destinationOf(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if where.disabled {
		return &Tracing{tracer: noop.NewTracerProvider().Tracer(scope)}, nil
	}
	about, err := probersResource(ctx, o)
	if err != nil {
		return nil, err
	}
	var exporter sdktrace.SpanExporter
	if where.exports() {
		if exporter, err = where.open(ctx); err != nil {
			return nil, fmt.Errorf("opening the export of traces: %w", err)
		}
	}
	return assemble(o, about, exporter), nil
}

// assemble puts the parts together; a nil exporter exports nothing.
func assemble(o Options, about *resource.Resource, exporter sdktrace.SpanExporter) *Tracing {
	t := &Tracing{keepOneIn: uint64(max(1, o.KeepOneIn)), successes: make(map[string]uint64)}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithRawSpanLimits(spanLimits())}
	if exporter != nil {
		t.queue = newQueue(exporter, logOf(o.Log))
		t.buffer = newBuffer(t.queue.put, defaultLimits)
		options = append(options, sdktrace.WithSpanProcessor(t.buffer))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	t.tracer = t.provider.Tracer(scope)
	return t
}

func spanLimits() sdktrace.SpanLimits {
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxText
	}
	return limits
}

func logOf(log *slog.Logger) *slog.Logger { return cmp.Or(log, slog.New(slog.DiscardHandler)) }

// Tracer is for flows.Spec. Its spans are always sampled as far as the platform is
// told, so that a trace of its services is there when a run fails.
func (t *Tracing) Tracer() trace.Tracer { return t.tracer }

// Settle decides about the trace of a finished run and reports whether it goes to the
// collector. A run that did not succeed, a notable one and one on demand are always
// kept. It never waits: a trace for which there is no room is dropped, and counted.
func (t *Tracing) Settle(run flows.Run, notable bool) (kept bool) {
	id, err := trace.TraceIDFromHex(run.TraceID)
	if t.buffer == nil || err != nil {
		return false
	}
	return t.buffer.settle(id, t.keeps(run, notable))
}

func (t *Tracing) keeps(run flows.Run, notable bool) bool {
	if run.Outcome != flows.Success || notable || run.Trigger == flows.OnDemand {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.successes[run.Probe]
	t.successes[run.Probe] = n + 1
	return n%t.keepOneIn == 0
}

// Dropped counts the spans that were to be exported, or not yet decided about, and are
// lost.
func (t *Tracing) Dropped() uint64 {
	if t.buffer == nil {
		return 0
	}
	return t.buffer.lost.Load() + t.queue.lost.Load()
}

// Shutdown exports what is kept, until ctx ends, and stops. Runs that were not settled
// are dropped.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	err := t.provider.Shutdown(ctx)
	if t.queue != nil {
		t.buffer.abandon()
		err = errors.Join(err, t.queue.shutdown(ctx))
	}
	if err != nil {
		return fmt.Errorf("ending the export of traces: %w", err)
	}
	return nil
}
