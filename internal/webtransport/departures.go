package webtransport

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// Departure is when a datagram left.
type Departure struct {
	// Datagram counts the datagrams that SendDatagram took, from 0.
	Datagram uint64
	// At is just before the datagram's packet was given to the kernel.
	At time.Time
	// Free tells that the network left QUIC free to send the datagram at once: not
	// half of the congestion window was in use when it was taken, which keeps the
	// pacing wide, too. What lies between its being taken and At is then this
	// process's own slowness.
	Free bool
}

// Bounds of what is kept of packets that are to be written, and of datagrams that
// are to be packed. QUIC queues 8 packets and 32 datagrams.
const (
	maxPacked = 64
	maxQueued = 128
)

// departures finds the moment at which each datagram left, the way arrivals finds
// the one at which it came in: QUIC packs datagrams in order, tells of every packet
// on its event trace before it is written, and writes packets in order.
type departures struct {
	window, inFlight atomic.Int64 // of the connection, in bytes, as told last

	mu      sync.Mutex // protects all following fields
	observe func(Departure)
	ready   bool     // the handshake is over: from now on a packet is told of and written once
	packed  []packed // packets that were told of and not written, oldest first
	empty   time.Time
	next    uint64 // number of the next datagram to be packed
	free    [maxQueued]bool
}

// packed is a packet that QUIC has told of.
type packed struct {
	size         int
	first, count uint64 // the datagrams in it
}

func (d *departures) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready = true
}

// taken notes whether QUIC is free to send a datagram that it is about to take.
func (d *departures) taken(n uint64) {
	free := d.inFlight.Load() <= d.window.Load()/2
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free[n%maxQueued] = free
}

// packetTold hears from QUIC of a packet that is to be written.
func (d *departures) packetTold(size, datagrams int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.next
	d.next += uint64(datagrams)
	if !d.ready {
		return
	}
	now := time.Now()
	switch {
	case len(d.packed) == 0:
		d.empty = now
	case len(d.packed) == maxPacked || now.Sub(d.empty) > doubtAfter:
		d.packed = d.packed[:0]
		d.empty = now
	}
	d.packed = append(d.packed, packed{size, first, uint64(datagrams)})
}

// datagramDropped hears that QUIC threw the next datagram away.
func (d *departures) datagramDropped() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
}

// packetWritten notes that a packet is written now; or, when at is zero, that it
// went nowhere.
func (d *departures) packetWritten(size int, at time.Time) {
	d.mu.Lock()
	var found packed
	for i := range d.packed {
		if d.packed[i].size == size {
			found = d.packed[i]
			d.packed = append(d.packed[:0], d.packed[i+1:]...)
			break
		}
	}
	if len(d.packed) == 0 && !at.IsZero() {
		d.empty = at
	}
	observe := d.observe
	var free [maxQueued]bool
	if found.count > 0 {
		free = d.free
	}
	d.mu.Unlock()
	if observe == nil || at.IsZero() {
		return
	}
	for n := found.first; n < found.first+found.count; n++ {
		observe(Departure{Datagram: n, At: at, Free: free[n%maxQueued]})
	}
}

// event follows one event of a connection's trace. It runs on QUIC's goroutines.
func (d *departures) event(ev qlogwriter.Event) {
	switch e := ev.(type) {
	case qlog.PacketSent:
		if e.Header.PacketType == qlog.PacketType1RTT {
			d.packetTold(e.Raw.Length, countDatagrams(e.Frames))
		}
	case qlog.DatagramDropped:
		if e.Direction == qlog.DirectionSending {
			d.datagramDropped()
		}
	case qlog.MetricsUpdated: // only what has changed is in it
		if e.CongestionWindow != 0 {
			d.window.Store(int64(e.CongestionWindow))
		}
		if e.BytesInFlight != 0 || e.PacketsInFlight == 0 {
			d.inFlight.Store(int64(e.BytesInFlight))
		}
	}
}

func countDatagrams(frames []qlog.Frame) int {
	n := 0
	for i := range frames {
		if _, ok := frames[i].Frame.(*qlog.DatagramFrame); ok {
			n++
		}
	}
	return n
}

// OnDeparture has f called with the departure of each datagram that is sent from
// now on, as far as it can be told for certain; those that cannot are left out, and
// so are those that a black hole swallows. f is called once for a datagram, in
// order, on the goroutine that writes packets: it must not block. Call it before
// the first SendDatagram.
func (s *Session) OnDeparture(f func(Departure)) {
	d := &s.path.departures
	d.mu.Lock()
	defer d.mu.Unlock()
	d.observe = f
}
