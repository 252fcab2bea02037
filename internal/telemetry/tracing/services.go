package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Services export the spans of several services that live in this process, each under
// its own service.name: the embedded platform's. They sample as the platform does,
// parent-based with a ratio of 1, and export everything. Shutdown must be called.
type Services struct {
	ctx      context.Context // of Open, for its values
	version  string
	disabled bool
	queue    *queue // nil: nothing is exported

	providers []*sdktrace.TracerProvider
	err       error
}

// OpenServices reads the OTEL_* variables of the process. With no endpoint in them the
// services trace and export nothing; with OTEL_SDK_DISABLED they do not trace.
func OpenServices(ctx context.Context, version string, log *slog.Logger) (*Services, error) {
	where, err := destinationOf(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	s := &Services{ctx: context.WithoutCancel(ctx), version: version, disabled: where.disabled}
	if !where.exports() {
		return s, nil
	}
	exporter, err := where.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the export of traces: %w", err)
	}
	s.queue = newQueue(exporter, logOf(log))
	return s, nil
}

// Provider returns the provider of a service, nil when it is not to trace. It is not
// safe for concurrent use.
func (s *Services) Provider(service string) trace.TracerProvider {
	if s.disabled {
		return nil
	}
	about, err := servicesResource(s.ctx, service, s.version)
	if err != nil {
		s.err = err
		return nil
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(spanLimits()),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))}
	if s.queue != nil {
		options = append(options, sdktrace.WithSpanProcessor(direct{s.queue}))
	}
	p := sdktrace.NewTracerProvider(options...)
	s.providers = append(s.providers, p)
	return p
}

// Dropped counts the spans that were lost.
func (s *Services) Dropped() uint64 {
	if s.queue == nil {
		return 0
	}
	return s.queue.lost.Load()
}

// Shutdown exports what has ended, until ctx ends, and stops.
func (s *Services) Shutdown(ctx context.Context) error {
	errs := []error{s.err}
	for _, p := range s.providers {
		errs = append(errs, p.Shutdown(ctx))
	}
	if s.queue != nil {
		errs = append(errs, s.queue.shutdown(ctx))
	}
	return errors.Join(errs...)
}

// direct is a span processor that holds nothing back.
type direct struct{ queue *queue }

func (d direct) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (d direct) OnEnd(s sdktrace.ReadOnlySpan)                   { d.queue.put([]sdktrace.ReadOnlySpan{s}) }
func (d direct) ForceFlush(context.Context) error                { return nil }
func (d direct) Shutdown(context.Context) error                  { return nil }
