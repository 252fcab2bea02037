package webtransport

import (
	"net"
	"time"
)

// Path is the network path of one session: the UDP socket under its QUIC
// connection. It can go dark and it can move.
type Path struct{}

// BlackHole makes the path dark, or light again. While dark, what is sent
// vanishes as if it had been sent, and what arrives is dropped.
func (p *Path) BlackHole(on bool) {}

// Dark tells whether the path is a black hole.
func (p *Path) Dark() bool { return false }

// Rebind swaps the socket underneath for a new one on another local port, as a
// NAT rebinding looks like. The old socket stays open, and nobody reads it, until
// the session is closed.
func (p *Path) Rebind() error { return errNotImplemented }

// LocalAddr is the address of the socket in use.
func (p *Path) LocalAddr() net.Addr { return nil }

// PathStats count what went through a path.
type PathStats struct {
	PacketsSent, PacketsReceived uint64
	BytesSent, BytesReceived     uint64
	// SwallowedSent and SwallowedReceived are the packets the black hole took.
	SwallowedSent, SwallowedReceived uint64
	// Rebinds is how often the socket was swapped.
	Rebinds uint64
	// LastReceived is when the last packet came in; zero: never.
	LastReceived time.Time
}

// Stats are the counts so far.
func (p *Path) Stats() PathStats { return PathStats{} }
