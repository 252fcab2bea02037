package link

import (
	"net/netip"
	"sync"
	"time"
)

// Fate is what a link did with a packet.
type Fate string

const (
	// Forwarded packets have left, on time or not.
	Forwarded Fate = "forwarded"
	// Lost packets fell to Conditions.Loss.
	Lost Fate = "lost"
	// Swallowed packets came while there was a black hole.
	Swallowed Fate = "swallowed"
	// Overtaxed packets would have waited too long for their turn at the rate.
	Overtaxed Fate = "overtaxed"

	// Crowded packets found the link's own memory full: too many packets under
	// way, or too many clients. It is a limit of the link, not of its conditions.
	Crowded Fate = "crowded"
	// Unsendable packets were due, and the system did not take them. So are those
	// still under way when the link was closed.
	Unsendable Fate = "unsendable"
)

// Packet is one packet and what became of it. Times have monotonic readings.
type Packet struct {
	Direction Direction
	// Client is whose packet it is, to or from; the zero value in a tunnel.
	Client netip.AddrPort
	// Number counts the packets of this client in this direction as they came in,
	// from 0; lost ones count too. A duplicate has the number of its original.
	Number uint64
	Size   int // of the UDP payload, in bytes; in a tunnel, of the IP packet
	Fate   Fate
	Copy   bool // it is the second one of a duplicated packet
	// Reordered packets were held back for their successor.
	Reordered bool

	// In is when the packet came in, by the kernel where it tells (Exact), else
	// when it was read.
	In    time.Time
	Exact bool
	// Due is when it should leave, Out just before and Gone just after it was given
	// to the system. All are zero unless it was forwarded.
	Due, Out, Gone time.Time
}

// Recorder keeps the packets of links, up to a limit. Its Note is a
// Config.OnPacket.
type Recorder struct {
	limit int

	mu      sync.Mutex // protects all following fields
	packets []Packet
	missed  int
}

// NewRecorder returns a Recorder for up to limit packets.
func NewRecorder(limit int) *Recorder { return &Recorder{limit: limit} }

// Note keeps p, or counts it as missed.
func (r *Recorder) Note(p Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.packets) >= r.limit {
		r.missed++
		return
	}
	r.packets = append(r.packets, p)
}

// Packets returns a copy of what was kept, in the order of fates, and how many
// packets there was no room for.
func (r *Recorder) Packets() (packets []Packet, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Packet(nil), r.packets...), r.missed
}

// Reset forgets everything.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets, r.missed = nil, 0
}
