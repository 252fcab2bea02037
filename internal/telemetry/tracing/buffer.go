package tracing

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// limits bound what is held until a run is settled.
type limits struct {
	spansOfTrace int // a trace with more is dropped whole
	traces       int // undecided at a time; the oldest gives way
	spans        int // of all undecided traces; the oldest trace gives way
	verdicts     int // decided traces that are remembered
	// remember is for how long spans that end after their trace was settled follow the
	// decision.
	remember time.Duration
}

var defaultLimits = limits{spansOfTrace: 1024, traces: 512, spans: 8192, verdicts: 1024, remember: 5 * time.Minute}

// buffer is a span processor that holds the ended spans of each trace until the trace
// is settled, and then hands them on together or lets them go.
type buffer struct {
	out    func(spans []sdktrace.ReadOnlySpan) bool // whether there was room
	limits limits
	now    func() time.Time
	lost   atomic.Uint64 // spans

	mu        sync.Mutex // protects all following fields
	undecided map[trace.TraceID]*list.Element
	oldest    *list.List // of *pending, oldest first
	spans     int
	verdicts  map[trace.TraceID]verdict
	order     []trace.TraceID // of verdicts, oldest first
}

// pending is a trace whose run has not been settled.
type pending struct {
	id      trace.TraceID
	spans   []sdktrace.ReadOnlySpan
	dropped bool // too many spans; none of it is exported
}

type verdict struct {
	keep bool
	at   time.Time
}

func newBuffer(out func([]sdktrace.ReadOnlySpan) bool, l limits) *buffer {
	return &buffer{out: out, limits: l, now: time.Now,
		undecided: make(map[trace.TraceID]*list.Element), oldest: list.New(), verdicts: make(map[trace.TraceID]verdict)}
}

// OnStart is of sdktrace.SpanProcessor.
func (b *buffer) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd is of sdktrace.SpanProcessor. It runs on the goroutine of whoever ended the
// span, and waits for nothing but the lock.
func (b *buffer) OnEnd(s sdktrace.ReadOnlySpan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := s.SpanContext().TraceID()
	if v, ok := b.verdicts[id]; ok && b.now().Sub(v.at) < b.limits.remember {
		if v.keep {
			b.out([]sdktrace.ReadOnlySpan{s})
		}
		return
	}
	b.holdLocked(id, s)
}

func (b *buffer) holdLocked(id trace.TraceID, s sdktrace.ReadOnlySpan) {
	e := b.undecided[id]
	if e == nil {
		if b.oldest.Len() >= b.limits.traces {
			b.forgetLocked(b.oldest.Front())
		}
		e = b.oldest.PushBack(&pending{id: id})
		b.undecided[id] = e
	}
	p := e.Value.(*pending)
	if !p.dropped && len(p.spans) >= b.limits.spansOfTrace {
		b.spans -= len(p.spans)
		b.lost.Add(uint64(len(p.spans)))
		p.spans, p.dropped = nil, true
	}
	if p.dropped {
		b.lost.Add(1)
		return
	}
	p.spans = append(p.spans, s)
	for b.spans++; b.spans > b.limits.spans; {
		b.forgetLocked(b.oldest.Front())
	}
}

// forgetLocked lets go of a trace that was not settled.
func (b *buffer) forgetLocked(e *list.Element) {
	p := b.takeLocked(e)
	b.lost.Add(uint64(len(p.spans)))
}

func (b *buffer) takeLocked(e *list.Element) *pending {
	p := b.oldest.Remove(e).(*pending)
	delete(b.undecided, p.id)
	b.spans -= len(p.spans)
	return p
}

// settle hands the trace on or lets it go, and reports whether it was handed on.
func (b *buffer) settle(id trace.TraceID, keep bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.undecided[id]; e != nil {
		p := b.takeLocked(e)
		keep = keep && !p.dropped && b.out(p.spans)
	} else {
		keep = false // never begun, or given way: what is left of it is no whole
	}
	b.decideLocked(id, keep)
	return keep
}

// decideLocked remembers the verdict for spans that end later.
func (b *buffer) decideLocked(id trace.TraceID, keep bool) {
	if _, known := b.verdicts[id]; !known {
		b.order = append(b.order, id)
	}
	b.verdicts[id] = verdict{keep, b.now()}
	for len(b.order) > 0 && (len(b.order) > b.limits.verdicts || b.now().Sub(b.verdicts[b.order[0]].at) >= b.limits.remember) {
		delete(b.verdicts, b.order[0])
		b.order = b.order[1:]
	}
}

// abandon lets go of everything that was not settled.
func (b *buffer) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.oldest.Len() > 0 {
		b.forgetLocked(b.oldest.Front())
	}
}

// ForceFlush is of sdktrace.SpanProcessor; what is undecided stays so.
func (b *buffer) ForceFlush(context.Context) error { return nil }

// Shutdown is of sdktrace.SpanProcessor.
func (b *buffer) Shutdown(context.Context) error { return nil }
