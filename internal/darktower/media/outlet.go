package media

import (
	"errors"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/webtransport"
)

// datagrams is what a sender needs of a connection.
type datagrams interface {
	// SendDatagram may block while the transport's own queue is full. It does not
	// keep the slice.
	SendDatagram([]byte) error
	Done() <-chan struct{}
}

// departing is a connection that knows when datagrams left.
type departing interface {
	OnDeparture(func(webtransport.Departure))
}

// An outlet is the way of frames to one connection: a short queue that drops its
// oldest frame, and one goroutine that hands frames over. A transport that blocks
// delays its own frames and nobody else's.
type outlet struct {
	url   string
	epoch uint32
	to    datagrams
	notes sendNotes
	wake  chan struct{} // holds one token
	done  chan struct{} // closed when the writer has ended

	mu     sync.Mutex // protects all following fields
	ring   []queued
	head   int
	len    int
	closed bool
	flying [maxFlying]flying
}

// maxFlying is how many frames may be between hand-over and departure; the
// transport queues 32.
const maxFlying = 64

// flying is a frame that is being handed over, or was and has not departed.
type flying struct {
	nth    uint64 // of those that the transport took, from 1; 0: none
	rec    *Sent
	target int
}

type queued struct {
	frame  []byte
	rec    *Sent // nil when the record was full
	target int
}

// sendNotes is told what became of each frame.
type sendNotes interface {
	handed(rec *Sent, target int, hop uint32, at time.Time)
	dropped(rec *Sent, target int, why DropReason)
	// left is told when a frame's packet went to the kernel, if only this process
	// can have held it back since it was handed over.
	left(rec *Sent, target int, at time.Time)
}

// newOutlet starts the writer; close must be called.
func newOutlet(url string, epoch uint32, to datagrams, notes sendNotes, frames int) *outlet {
	o := &outlet{
		url: url, epoch: epoch, to: to, notes: notes,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		ring: make([]queued, frames),
	}
	if d, ok := to.(departing); ok {
		d.OnDeparture(o.departed)
	}
	go o.write()
	return o
}

// push copies a frame into the queue.
func (o *outlet) push(frame []byte, rec *Sent, target int) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		o.notes.dropped(rec, target, DropClosed)
		return
	}
	var pushedOut *queued
	if o.len == len(o.ring) {
		oldest := queued{rec: o.ring[o.head].rec, target: o.ring[o.head].target}
		pushedOut = &oldest
		o.head = (o.head + 1) % len(o.ring)
		o.len--
	}
	slot := &o.ring[(o.head+o.len)%len(o.ring)]
	slot.frame = append(slot.frame[:0], frame...)
	slot.rec, slot.target = rec, target
	o.len++
	o.mu.Unlock()
	if pushedOut != nil {
		o.notes.dropped(pushedOut.rec, pushedOut.target, DropQueueOverflow)
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// pop copies the oldest frame into buf. It waits for one, and returns false when
// the outlet is closed.
func (o *outlet) pop(buf []byte) ([]byte, queued, bool) {
	for {
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			return buf, queued{}, false
		}
		if o.len > 0 {
			slot := &o.ring[o.head]
			buf = append(buf[:0], slot.frame...)
			q := queued{rec: slot.rec, target: slot.target}
			slot.rec = nil
			o.head = (o.head + 1) % len(o.ring)
			o.len--
			o.mu.Unlock()
			return buf, q, true
		}
		o.mu.Unlock()
		<-o.wake
	}
}

// write hands frames over until the outlet is closed. The hop number is written
// when the frame's turn comes, and counts only frames that the transport took
// (platform contract, media A.6).
func (o *outlet) write() {
	defer close(o.done)
	var hop uint32
	var taken uint64
	var buf []byte
	for {
		var q queued
		var ok bool
		if buf, q, ok = o.pop(buf); !ok {
			return
		}
		if err := frame.RewriteHop(buf, hop); err != nil {
			o.notes.dropped(q.rec, q.target, DropRefused)
			continue
		}
		o.launch(taken, q)
		at := time.Now()
		if err := o.to.SendDatagram(buf); err != nil {
			o.notes.dropped(q.rec, q.target, o.why(err))
			continue
		}
		o.notes.handed(q.rec, q.target, hop, at)
		hop++
		taken++
	}
}

// launch notes a frame that the transport is about to take as its nth, from 0.
func (o *outlet) launch(n uint64, q queued) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flying[n%maxFlying] = flying{nth: n + 1, rec: q.rec, target: q.target}
}

// departed finds the frame that left.
func (o *outlet) departed(d webtransport.Departure) {
	o.mu.Lock()
	f := o.flying[d.Datagram%maxFlying]
	o.mu.Unlock()
	if d.Free && f.nth == d.Datagram+1 && f.rec != nil {
		o.notes.left(f.rec, f.target, d.At)
	}
}

func (o *outlet) why(err error) DropReason {
	var large *webtransport.DatagramTooLargeError
	if errors.As(err, &large) {
		return DropOversize
	}
	select {
	case <-o.to.Done():
		return DropClosed
	default:
		return DropRefused
	}
}

// close ends the writer and waits for it. Frames still queued are dropped. The
// connection must have been closed before, or its SendDatagram might block on.
func (o *outlet) close(why DropReason) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		<-o.done
		return
	}
	o.closed = true
	var left []queued
	for ; o.len > 0; o.len-- {
		left = append(left, o.ring[o.head])
		o.head = (o.head + 1) % len(o.ring)
	}
	o.mu.Unlock()
	for _, q := range left {
		o.notes.dropped(q.rec, q.target, why)
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	<-o.done
}
