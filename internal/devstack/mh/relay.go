package mh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// Queues of the per-frame path, in frames (platform contract, media C.3).
const (
	ingressRing = 16 // per publishing connection
	egressRing  = 8  // per subscriber
)

// relay runs the three loops of a bound connection until the client leaves, the
// meeting ends or the handler closes, and returns what MC is to be told.
func (s *Server) relay(ctx context.Context, c *conn, str *wtserver.Stream, egress *ring[outgoing]) internalv1.DisconnectReason {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.sess.Drop() // unblocks whatever the loops wait for
	defer cancel()

	wg.Go(func() { s.ingressLoop(ctx, c) })
	wg.Go(func() { s.forwardLoop(ctx, c) })
	wg.Go(func() { s.egressLoop(ctx, c.sess, egress, c.takeover) })

	left := make(chan error, 1)
	wg.Go(func() { left <- discard(str) })
	select {
	case <-c.sess.Done():
	case <-c.meeting.ended:
	case <-s.ctx.Done():
	case err := <-left:
		if errors.Is(err, io.EOF) || errors.Is(err, wtserver.ErrReset) {
			return internalv1.DisconnectReason_DISCONNECT_REASON_CLIENT_CLOSED
		}
		<-c.sess.Done() // the stream has only heard of the session's end first
	}
	return disconnectReason(c.sess)
}

// discard reads the connect stream to its end: more bytes mean nothing, a FIN or
// a reset is how a client leaves.
func discard(str io.Reader) error {
	var b [1]byte
	for {
		if _, err := str.Read(b[:]); err != nil {
			return err
		}
	}
}

func (s *Server) ingressLoop(ctx context.Context, c *conn) {
	for {
		b, err := c.sess.ReceiveDatagram(ctx)
		if err != nil {
			return
		}
		if len(b) > frame.MaxLen {
			s.drop(Dropped{MeetingID: c.meetingID, Reason: OversizeDatagram, Sender: c.sender})
			continue
		}
		if old, full := c.ingress.push(b); full {
			d := Dropped{MeetingID: c.meetingID, Reason: IngressQueueOverflow, Sender: c.sender}
			if v, err := frame.Decode(old); err == nil {
				d.Sequence, d.Decoded = v.StreamSequence(), true
			}
			s.drop(d)
		}
	}
}

func (s *Server) forwardLoop(ctx context.Context, c *conn) {
	for {
		b, ok := c.ingress.pop(ctx)
		if !ok {
			return
		}
		s.forward(c, b)
	}
}

// forward takes one frame of a publisher to the queues of all its subscribers.
// The policy is read anew for each frame, so a change acts on the next.
func (s *Server) forward(c *conn, b []byte) {
	d := Dropped{MeetingID: c.meetingID, Sender: c.sender}
	fail := func(reason DropReason) {
		d.Reason = reason
		s.drop(d)
	}
	if c.meeting.muted(c.sender) {
		fail(ServerMuted)
		return
	}
	v, err := frame.Decode(b)
	if err != nil {
		if reject, ok := errors.AsType[*frame.RejectError](err); ok {
			fail(DropReason(reject.Reason))
		}
		return
	}
	d.Sequence, d.Decoded = v.StreamSequence(), true

	sw := s.faults.now()
	lost := s.faults.every("lose-ingress", c, sw.LoseIngressEvery)
	silent := s.faults.silentAfter(c, sw.SilentAfter)
	if sw.Silent || silent || lost {
		fail(Injected)
		return
	}
	edges, ok := c.meeting.route(c.sender)
	if !ok {
		fail(NoPolicy)
		return
	}
	s.counts.ingested()
	if len(edges) == 0 {
		fail(NoSubscriber)
		return
	}
	for _, e := range edges {
		s.forwardEdge(c, b, d, e)
	}
}

// forwardEdge rewrites a copy of the frame for one subscriber and queues it. A
// hop number is used up at the rewrite: whatever is lost from here on, the
// receiver sees as a gap.
func (s *Server) forwardEdge(c *conn, b []byte, d Dropped, e edge) {
	d.Subscriber, d.Slot = e.subscriber, e.slot
	queue, ok := c.meeting.queue(e.subscriber)
	if !ok {
		d.Reason = NoLocalSubscriber
		s.drop(d)
		return
	}
	hop := c.hops[e.stream]
	c.hops[e.stream] = hop + 1
	out := outgoing{
		bytes: bytes.Clone(b),
		info: Forwarded{MeetingID: c.meetingID, Sender: c.sender, Sequence: d.Sequence,
			Subscriber: e.subscriber, Slot: e.slot, Hop: hop},
	}
	d.Relayed, d.Hop = true, hop
	if err := frame.RewriteRelay(out.bytes, e.slot, hop); err != nil {
		d.Reason = RelayRewriteFailed
		s.drop(d)
		return
	}
	if s.cfg.OnForward != nil {
		s.cfg.OnForward(out.info)
	}
	if sw := s.faults.now(); sw.LoseEgressEvery > 0 || sw.CorruptEvery > 0 {
		if s.faults.every("lose-egress", out.info, sw.LoseEgressEvery) {
			d.Reason = Injected
			s.drop(d)
			return
		}
		if s.faults.every("corrupt", out.info, sw.CorruptEvery) {
			corrupt(out.bytes)
		}
	}
	if old, full := queue.push(out); full {
		s.drop(old.dropped(EgressQueueOverflow))
	}
}

// corrupt flips the last bit of the payload, or of the signature when there is
// no payload.
func corrupt(b []byte) {
	v, err := frame.Decode(b)
	if err != nil {
		return
	}
	if p := v.Payload(); len(p) > 0 {
		p[len(p)-1] ^= 1
		return
	}
	b[len(b)-1] ^= 1
}

func (o outgoing) dropped(reason DropReason) Dropped {
	return Dropped{MeetingID: o.info.MeetingID, Reason: reason, Sender: o.info.Sender, Sequence: o.info.Sequence, Decoded: true,
		Relayed: true, Subscriber: o.info.Subscriber, Slot: o.info.Slot, Hop: o.info.Hop}
}
