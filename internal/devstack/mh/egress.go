package mh

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"
)

// maxHeld bounds the frames that the delay switch holds for one subscriber.
const maxHeld = 8192

// datagramSender is a subscriber's connection.
type datagramSender interface {
	SendDatagram(b []byte) error
}

// egressLoop sends what is queued for one connection, until ctx ends or another
// connection takes the queue over.
func (s *Server) egressLoop(ctx context.Context, to datagramSender, queue *ring[outgoing], takeover <-chan struct{}) {
	l := &line{server: s, to: to, held: make(map[string]outgoing)}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-takeover:
			queue.wake() // the token may have been meant for the new owner
			return
		default:
		}
		if o, ok := queue.tryPop(); ok {
			l.add(o, time.Now())
			l.flush(time.Now())
			continue
		}
		var due <-chan time.Time
		if len(l.late) > 0 {
			timer.Reset(time.Until(l.late[0].due))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-takeover:
			queue.wake()
			return
		case <-queue.ready:
		case <-due:
		}
		l.flush(time.Now())
	}
}

// line is what lies between a subscriber's queue and its connection. The delay,
// reorder and duplicate switches act here, after the hop number is written, so
// that they look like a network's doing: a receiver sees them in hop numbers too.
type line struct {
	server *Server
	to     datagramSender
	held   map[string]outgoing // by edge: waits for its successor
	late   []lateFrame         // in sending order
}

type lateFrame struct {
	outgoing
	due time.Time
}

// add puts a frame on the line, with what the switches make of it.
func (l *line) add(o outgoing, now time.Time) {
	sw, f := l.server.faults.now(), l.server.faults
	due, edge := now.Add(sw.Delay), o.info.key()
	hold := f.every("reorder", o.info, sw.ReorderEvery)
	duplicate := f.every("duplicate", o.info, sw.DuplicateEvery)
	before, holding := l.held[edge]
	if hold && !holding {
		l.held[edge] = o
		return
	}
	l.append(o, due)
	if duplicate {
		l.append(o, due)
	}
	if holding {
		delete(l.held, edge)
		l.append(before, due)
	}
}

func (l *line) append(o outgoing, due time.Time) {
	if len(l.late) >= maxHeld {
		l.server.drop(o.dropped(Injected))
		return
	}
	l.late = append(l.late, lateFrame{o, due})
}

// flush sends what is due. Frames leave in the order they came, also when the
// delay has been shortened meanwhile.
func (l *line) flush(now time.Time) {
	for len(l.late) > 0 && !l.late[0].due.After(now) {
		o := l.late[0].outgoing
		l.late[0] = lateFrame{}
		l.late = l.late[1:]
		l.send(o)
	}
}

func (l *line) send(o outgoing) {
	err := l.to.SendDatagram(o.bytes)
	if err == nil {
		l.server.counts.sent()
		return
	}
	reason := ConnectionClosed
	if _, tooLarge := errors.AsType[*quic.DatagramTooLargeError](err); tooLarge {
		reason = TransportSendRefused
	}
	l.server.drop(o.dropped(reason))
}
