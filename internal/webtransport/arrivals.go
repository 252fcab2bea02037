package webtransport

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// Arrival is when a datagram came in.
type Arrival struct {
	// Kernel is when the kernel took the datagram's packet from the network; zero
	// when that is not known for certain. What lies between it and At is this
	// process's own slowness.
	Kernel time.Time
	// At is when ReceiveArrival had the datagram in hand.
	At time.Time
}

// Bounds of what is kept of packets that were read and datagrams that were not.
const (
	maxReads  = 512 // QUIC queues 256 packets
	maxStamps = 256 // QUIC queues 128 datagrams
)

// doubtAfter is how long packets may be under way in QUIC, one behind the other
// without a gap, before their order is no longer relied upon.
const doubtAfter = time.Second

// lookup bounds how long a datagram waits for its receive time. QUIC hands a
// datagram out a few microseconds before it tells of its packet.
const lookup = 5 * time.Millisecond

// arrivals finds the receive time of each datagram. QUIC hands no such time
// through, but it does tell, on its event trace, of every packet in the order in
// which it read them, and how many datagrams were in it; and datagrams are handed
// out in that order, too. So times follow packets, and datagrams follow times, as
// in three queues of equal order:
//
//	path reads a packet  ->  QUIC tells of the packet  ->  datagram is handed out
//
// A packet that cannot be told apart from its neighbours leaves its datagrams
// without a time; a wrong time is never given.
type arrivals struct {
	told chan struct{} // holds one token when stamps has grown

	mu    sync.Mutex // protects all following fields
	ready bool       // the handshake is over: from now on packets keep their order
	reads []read     // packets QUIC has not told of, oldest first
	empty time.Time  // when reads was empty last
	full  int        // datagrams of the packet in QUIC's hand that found its queue full

	stamps []time.Time // of datagrams in QUIC's queue, in order; zero: not known
	first  uint64      // number of the first of them
}

// read is a packet that was read from the socket.
type read struct {
	size     int
	received time.Time // zero: not known
}

func newArrivals() *arrivals { return &arrivals{told: make(chan struct{}, 1)} }

// start begins to follow packets, once the handshake is over. Before, QUIC puts
// packets aside that it cannot read yet.
func (a *arrivals) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ready = true
}

// packetRead notes a packet before QUIC gets it. Only those with a short header
// can hold datagrams.
func (a *arrivals) packetRead(b []byte, received, now time.Time) {
	const longHeader, fixed = 0x80, 0x40
	if len(b) == 0 || b[0]&(longHeader|fixed) != fixed {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.ready:
		return
	case len(a.reads) == 0:
		a.empty = now
	case len(a.reads) == maxReads || now.Sub(a.empty) > doubtAfter:
		a.reads = a.reads[:0]
		a.empty = now
	}
	a.reads = append(a.reads, read{len(b), received})
}

// packetTold hears from QUIC of the oldest packet that it has not told of.
func (a *arrivals) packetTold(size, datagrams int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var received time.Time
	for i := range a.reads {
		if a.reads[i].size == size {
			received = a.reads[i].received
			a.reads = append(a.reads[:0], a.reads[i+1:]...)
			break
		}
	}
	if len(a.reads) == 0 {
		a.empty = time.Now()
	}
	queued := max(0, datagrams-a.full)
	a.full = 0
	for range queued {
		if len(a.stamps) == maxStamps {
			a.stamps = append(a.stamps[:0], a.stamps[1:]...)
			a.first++
		}
		a.stamps = append(a.stamps, received)
	}
	if queued > 0 {
		select {
		case a.told <- struct{}{}:
		default:
		}
	}
}

// packetStray hears that the newest packet went nowhere.
func (a *arrivals) packetStray(size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.reads); n > 0 && a.reads[n-1].size == size {
		a.reads = a.reads[:n-1]
	}
}

// datagramDropped hears that a datagram of the packet in QUIC's hand found the
// queue full.
func (a *arrivals) datagramDropped() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.full++
}

// of gives the receive time of the nth datagram that was handed out, counted from
// 0; zero when it is not known. Each may be asked for once, in order.
func (a *arrivals) of(n uint64) time.Time {
	if t, ok := a.take(n); ok {
		return t
	}
	timer := time.NewTimer(lookup)
	defer timer.Stop()
	for {
		select {
		case <-a.told:
		case <-timer.C:
			return time.Time{}
		}
		if t, ok := a.take(n); ok {
			return t
		}
	}
}

func (a *arrivals) take(n uint64) (t time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n < a.first {
		return time.Time{}, true
	}
	i := n - a.first
	if i >= uint64(len(a.stamps)) {
		return time.Time{}, false
	}
	t = a.stamps[i]
	a.stamps = append(a.stamps[:0], a.stamps[i+1:]...)
	a.first = n + 1
	return t, true
}

// event follows one event of a connection's trace. It runs on QUIC's goroutines.
func (a *arrivals) event(ev qlogwriter.Event, datagrams int) {
	switch e := ev.(type) {
	case qlog.PacketReceived:
		if e.Header.PacketType == qlog.PacketType1RTT {
			a.packetTold(e.Raw.Length, datagrams)
		}
	case qlog.PacketDropped:
		switch {
		case e.Header.PacketType == qlog.PacketType1RTT:
			a.packetTold(e.Raw.Length, 0)
		case e.Trigger == qlog.PacketDropDOSPrevention: // of any type, as it was read
			a.packetStray(e.Raw.Length)
		}
	case qlog.DatagramDropped:
		if e.Direction == qlog.DirectionReceiving {
			a.datagramDropped()
		}
	}
}

// strayTrace hears of packets that belong to no connection.
type strayTrace struct{ arrivals *arrivals }

// RecordEvent runs on the goroutine that reads packets.
func (t strayTrace) RecordEvent(ev qlogwriter.Event) {
	if e, ok := ev.(qlog.PacketDropped); ok {
		t.arrivals.packetStray(e.Raw.Length)
	}
}

// Close has nothing to close.
func (strayTrace) Close() error { return nil }

// ReceiveArrival is [Session.ReceiveDatagram] with the time at which the datagram
// came in.
func (s *Session) ReceiveArrival(ctx context.Context) ([]byte, Arrival, error) {
	return s.receive(ctx, true)
}
