package mc

import (
	"context"
	"sync/atomic"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// outbox is the bounded queue of messages for one connection. A message that
// finds it full is lost without a word (platform contract, MC B.8).
type outbox struct {
	queue   chan *signalingv1.ServerMessage
	trace   tracing
	span    context.Context // the connection's span, for messages without one of their own
	faults  *fault.Panel
	key     string // what the panel counts this connection's messages under
	dropped atomic.Int64
}

func newOutbox(size int, t tracing, span context.Context, faults *fault.Panel, connection string) *outbox {
	return &outbox{
		queue:  make(chan *signalingv1.ServerMessage, size),
		trace:  t,
		span:   span,
		faults: faults,
		key:    "mc outbound " + connection,
	}
}

// put queues m without waiting; ctx carries the span that caused it. Several
// outboxes may share m: it is not changed.
func (o *outbox) put(ctx context.Context, m *signalingv1.ServerMessage) {
	if o.faults.Every(o.key, o.faults.Get().MC.DropOutboundEvery) {
		o.dropped.Add(1)
		return
	}
	select {
	case o.queue <- o.stamped(ctx, m):
	default:
		o.dropped.Add(1)
	}
}

// stamped returns a message with m's content and the trace fields of ctx.
func (o *outbox) stamped(ctx context.Context, m *signalingv1.ServerMessage) *signalingv1.ServerMessage {
	out := &signalingv1.ServerMessage{Message: m.Message}
	out.TraceParent, out.TraceState = o.trace.strings(ctx)
	if out.TraceParent == "" {
		out.TraceParent, out.TraceState = o.trace.strings(o.span)
	}
	return out
}
