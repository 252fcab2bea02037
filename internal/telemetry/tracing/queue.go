package tracing

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	queueSpans = 4096                   // spans that wait to be exported
	batchSpans = 512                    // spans of one export, unless one trace alone has more
	linger     = 200 * time.Millisecond // for more to come before an export
	// exportLimit bounds one export whatever OTEL_EXPORTER_OTLP_TIMEOUT says.
	exportLimit = 30 * time.Second
	// complainEvery is how often, at most, a collector that does not take traces is
	// mentioned in the log.
	complainEvery = 10 * time.Minute
)

// queue exports from a goroutine of its own what is put into it. It is bounded, and
// whoever puts never waits. What was put together is exported together.
type queue struct {
	exporter sdktrace.SpanExporter
	log      *slog.Logger
	lost     atomic.Uint64 // spans

	wake   chan struct{} // one token: there is something to do
	closed chan struct{} // closed by shutdown: take no more, export what is there
	done   chan struct{} // closed when the worker has ended
	cancel context.CancelFunc

	mu    sync.Mutex // protects all following fields
	items [][]sdktrace.ReadOnlySpan
	spans int
	over  bool
}

func newQueue(exporter sdktrace.SpanExporter, log *slog.Logger) *queue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &queue{exporter: exporter, log: log, cancel: cancel,
		wake: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{})}
	go q.work(ctx)
	return q
}

// put reports whether there was room. Spans that are put together are exported together.
func (q *queue) put(spans []sdktrace.ReadOnlySpan) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || q.spans+len(spans) > queueSpans {
		q.lost.Add(uint64(len(spans)))
		return false
	}
	q.items = append(q.items, spans)
	q.spans += len(spans)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns whole items that make about one batch; nil when there are none.
func (q *queue) take() []sdktrace.ReadOnlySpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch []sdktrace.ReadOnlySpan
	n := 0
	for ; n < len(q.items) && (len(batch) == 0 || len(batch)+len(q.items[n]) <= batchSpans); n++ {
		batch = append(batch, q.items[n]...)
	}
	q.items = append([][]sdktrace.ReadOnlySpan(nil), q.items[n:]...)
	q.spans -= len(batch)
	return batch
}

func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spans >= batchSpans
}

// work exports until shutdown; then what is there, unless the collector does not take
// it or ctx ends.
func (q *queue) work(ctx context.Context) {
	defer close(q.done)
	mood := mood{log: q.log}
	for closing := false; !closing; {
		closing = q.await()
		for batch := q.take(); batch != nil; batch = q.take() {
			err := q.export(ctx, batch)
			lost := lostOf(err, len(batch))
			mood.after(err, q.lost.Add(uint64(lost)))
			if err != nil && lost == len(batch) && q.closing() {
				q.giveUp()
			}
		}
	}
}

func (q *queue) closing() bool {
	select {
	case <-q.closed:
		return true
	default:
		return false
	}
}

// giveUp drops what is there: a collector that did not take the last batch will not
// take the next one either.
func (q *queue) giveUp() {
	for batch := q.take(); batch != nil; batch = q.take() {
		q.lost.Add(uint64(len(batch)))
	}
}

// await waits for something to export, and then a little for more. It reports whether
// the queue was shut down.
func (q *queue) await() (closing bool) {
	select {
	case <-q.closed:
		return true
	case <-q.wake:
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for !q.full() {
		select {
		case <-q.closed:
			return true
		case <-timer.C:
			return false
		case <-q.wake:
		}
	}
	return false
}

func (q *queue) export(ctx context.Context, batch []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithTimeout(ctx, exportLimit)
	defer cancel()
	return asPartial(q.exporter.ExportSpans(ctx, batch), len(batch))
}

// shutdown exports what is there, until ctx ends, and waits for the worker.
func (q *queue) shutdown(ctx context.Context) error {
	q.mu.Lock()
	first := !q.over
	q.over = true
	q.mu.Unlock()
	if first {
		close(q.closed)
	}
	stop := context.AfterFunc(ctx, q.cancel)
	<-q.done // soon after ctx has ended, at the latest
	stop()
	q.cancel()
	if !first {
		return nil
	}
	return q.exporter.Shutdown(context.WithoutCancel(ctx)) // nothing is under way: it does not wait
}

// mood keeps the log quiet: a collector that is away is mentioned when it goes, now and
// then, and when it is back.
type mood struct {
	log   *slog.Logger
	sulks bool
	said  time.Time
}

// after notes the end of an export; lost are all spans that were lost so far.
func (m *mood) after(err error, lost uint64) {
	switch {
	case err == nil && m.sulks:
		m.sulks = false
		m.log.Info("traces are exported again", "spans_lost", lost)
	case err != nil && (!m.sulks || time.Since(m.said) >= complainEvery):
		m.sulks, m.said = true, time.Now()
		m.log.Warn(complaint(err), "error", err.Error(), "spans_lost", lost)
	}
}

// complaint says what is wrong with an export.
func complaint(err error) string {
	partial, ok := errors.AsType[*partialError](err)
	switch {
	case !ok:
		return "traces cannot be exported"
	case partial.rejected > 0:
		return "the collector rejects a part of the traces"
	}
	return "the collector takes the traces, and warns"
}
