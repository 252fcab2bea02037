package wtserver

import (
	"context"
	"sync"
)

// sessionPrefix is the quarter stream id before each datagram of a connection's
// first session; the platform's buffer holds it too.
const sessionPrefix = 1

// datagrams is a receive buffer bounded in bytes that pushes out its oldest.
type datagrams struct {
	limit int
	ready chan struct{} // one token: something changed

	mu      sync.Mutex // protects all following fields
	queue   [][]byte
	bytes   int
	dropped int
	closed  bool
}

func newDatagrams(limit int) *datagrams {
	return &datagrams{limit: limit, ready: make(chan struct{}, 1)}
}

func (d *datagrams) add(b []byte) {
	d.mu.Lock()
	size := len(b) + sessionPrefix
	if size > d.limit {
		d.dropped++
		d.mu.Unlock()
		return
	}
	for d.bytes+size > d.limit {
		d.bytes -= len(d.queue[0]) + sessionPrefix
		d.queue[0] = nil
		d.queue = d.queue[1:]
		d.dropped++
	}
	d.queue = append(d.queue, b)
	d.bytes += size
	d.mu.Unlock()
	d.wake()
}

func (d *datagrams) wake() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

func (d *datagrams) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.wake()
}

// next waits for the oldest datagram; after close it returns what is left and
// then ErrEnded.
func (d *datagrams) next(ctx context.Context) ([]byte, error) {
	for {
		d.mu.Lock()
		if len(d.queue) > 0 {
			b := d.queue[0]
			d.queue[0] = nil
			d.queue = d.queue[1:]
			d.bytes -= len(b) + sessionPrefix
			d.mu.Unlock()
			return b, nil
		}
		closed := d.closed
		d.mu.Unlock()
		if closed {
			d.wake() // for the next waiter
			return nil, ErrEnded
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.ready:
		}
	}
}

func (d *datagrams) droppedCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

func (d *datagrams) buffered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue)
}
