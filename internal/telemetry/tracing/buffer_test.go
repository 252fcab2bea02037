package tracing

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// span is the nth span of the trace.
func span(id byte, n int) sdktrace.ReadOnlySpan {
	return tracetest.SpanStub{Name: fmt.Sprint(n), SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id, byte(n >> 8), byte(n), 1}})}.Snapshot()
}

// outlet is what a buffer hands on, by trace.
type outlet struct {
	handed map[byte][]int // spans of each hand-over
	full   bool
}

func (o *outlet) put(spans []sdktrace.ReadOnlySpan) bool {
	if o.full {
		return false
	}
	if o.handed == nil {
		o.handed = make(map[byte][]int)
	}
	id := spans[0].SpanContext().TraceID()[0]
	o.handed[id] = append(o.handed[id], len(spans))
	return true
}

func (o *outlet) check(t *testing.T, want map[byte][]int) {
	t.Helper()
	if fmt.Sprint(o.handed) != fmt.Sprint(want) {
		t.Errorf("handed on %v, want %v", o.handed, want)
	}
}

var small = limits{spansOfTrace: 4, traces: 3, spans: 8, verdicts: 2, remember: time.Minute}

func end(b *buffer, id byte, n int) {
	for i := range n {
		b.OnEnd(span(id, i))
	}
}

func TestATraceIsHandedOnWholeOrNotAtAll(t *testing.T) {
	var o outlet
	b := newBuffer(o.put, small)
	end(b, 1, 3)
	end(b, 2, 2)
	if !b.settle(trace.TraceID{1}, true) {
		t.Error("the first trace was not kept")
	}
	if b.settle(trace.TraceID{2}, false) {
		t.Error("the second trace was kept")
	}
	o.check(t, map[byte][]int{1: {3}})
	if b.spans != 0 || b.oldest.Len() != 0 || len(b.undecided) != 0 {
		t.Errorf("%d spans of %d traces are still held", b.spans, b.oldest.Len())
	}
	if n := b.lost.Load(); n != 0 {
		t.Errorf("%d spans are counted as lost: letting go on purpose is no loss", n)
	}
}

func TestLateSpansFollowTheDecisionForAWhile(t *testing.T) {
	var o outlet
	b := newBuffer(o.put, small)
	now := time.Unix(0, 0)
	b.now = func() time.Time { return now }
	end(b, 1, 1)
	end(b, 2, 1)
	b.settle(trace.TraceID{1}, true)
	b.settle(trace.TraceID{2}, false)
	now = now.Add(59 * time.Second)
	end(b, 1, 2)
	end(b, 2, 2)
	o.check(t, map[byte][]int{1: {1, 1, 1}})
	now = now.Add(2 * time.Second)
	end(b, 1, 1) // nobody remembers: it waits for a decision, until it gives way
	o.check(t, map[byte][]int{1: {1, 1, 1}})
	if b.spans != 1 {
		t.Errorf("%d spans are held", b.spans)
	}
}

func TestATraceWithTooManySpansIsDroppedWhole(t *testing.T) {
	var o outlet
	b := newBuffer(o.put, small)
	end(b, 1, 6)
	if b.settle(trace.TraceID{1}, true) {
		t.Error("a part of a trace was kept")
	}
	o.check(t, nil)
	if n := b.lost.Load(); n != 6 {
		t.Errorf("%d spans are counted as lost, not 6", n)
	}
}

func TestTheOldestUndecidedTraceGivesWay(t *testing.T) {
	for name, c := range map[string]struct {
		spans []int // of each trace, in order
		lost  uint64
		want  map[byte][]int
	}{
		"to a trace too many": {[]int{1, 1, 1, 1}, 1, map[byte][]int{2: {1}, 3: {1}, 4: {1}}},
		"to a span too many":  {[]int{4, 4, 1}, 4, map[byte][]int{2: {4}, 3: {1}}},
	} {
		t.Run(name, func(t *testing.T) {
			var o outlet
			b := newBuffer(o.put, small)
			for i, n := range c.spans {
				end(b, byte(i+1), n)
			}
			for i := range c.spans {
				if kept := b.settle(trace.TraceID{byte(i + 1)}, true); kept != (i > 0) {
					t.Errorf("trace %d: kept %v", i+1, kept)
				}
			}
			o.check(t, c.want)
			if n := b.lost.Load(); n != c.lost {
				t.Errorf("%d spans are counted as lost, not %d", n, c.lost)
			}
		})
	}
}

func TestWithoutRoomATraceIsNotKept(t *testing.T) {
	o := outlet{full: true}
	b := newBuffer(o.put, small)
	end(b, 1, 2)
	if b.settle(trace.TraceID{1}, true) {
		t.Error("said to be kept, and was not taken")
	}
	o.full = false
	end(b, 1, 1)
	o.check(t, nil)
}

// TestABufferIsBoundedWhateverComes throws spans and decisions at a buffer at random.
func TestABufferIsBoundedWhateverComes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ended := make(map[byte]int)
	handed, whole := 0, true
	b := newBuffer(func(spans []sdktrace.ReadOnlySpan) bool {
		id := spans[0].SpanContext().TraceID()[0]
		whole = whole && len(spans) == ended[id]
		handed += len(spans)
		return true
	}, small)
	total, let := 0, 0
	for range 20000 {
		id := byte(r.IntN(5) + 1)
		if r.IntN(3) > 0 {
			if _, decided := b.verdicts[trace.TraceID{id}]; decided {
				continue
			}
			if b.undecided[trace.TraceID{id}] == nil {
				ended[id] = 0 // what gave way is no part of what follows
			}
			b.OnEnd(span(id, total))
			ended[id]++
			total++
		} else {
			keep := r.IntN(2) == 0
			if e := b.undecided[trace.TraceID{id}]; e != nil && !keep {
				let += len(e.Value.(*pending).spans)
			}
			b.settle(trace.TraceID{id}, keep)
		}
		if b.spans > small.spans || b.oldest.Len() > small.traces || len(b.verdicts) > small.verdicts || len(b.order) != len(b.verdicts) {
			t.Fatalf("held: %d spans, %d traces, %d verdicts (%d in order)", b.spans, b.oldest.Len(), len(b.verdicts), len(b.order))
		}
	}
	if !whole {
		t.Error("a part of a trace was handed on")
	}
	if got := handed + let + int(b.lost.Load()) + b.spans; got != total {
		t.Errorf("%d spans ended, %d are accounted for", total, got)
	}
	b.abandon()
	if b.spans != 0 || handed+let+int(b.lost.Load()) != total {
		t.Error("what is abandoned is not counted")
	}
}
