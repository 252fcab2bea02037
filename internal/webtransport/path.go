package webtransport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dark-tower/prober/internal/kerneltime"
)

// socketBuffer is what quic-go asks of a socket in each direction, in bytes.
const socketBuffer = 7 << 20

// Path is the network path of one session: the UDP socket under its QUIC
// connection. It can go dark and it can move. Its methods are safe for
// concurrent use.
type Path struct {
	network string // udp4 or udp6

	sock      atomic.Pointer[net.UDPConn]
	dark      atomic.Bool
	recording atomic.Bool // the last packet sent is kept in last
	birth     time.Time   // origin of the two moments below
	arrivals  *arrivals   // of the packets that were read

	departures departures // of the packets that are to be written

	packetsSent, packetsReceived     atomic.Uint64
	bytesSent, bytesReceived         atomic.Uint64
	swallowedSent, swallowedReceived atomic.Uint64
	firstReceived, lastReceived      atomic.Int64 // nanoseconds after birth; 0: never

	mu            sync.Mutex // protects all following fields
	left          []*net.UDPConn
	leftDrops     uint64 // the kernel's, of the sockets that were left
	readDeadline  time.Time
	writeErr      error
	last          []byte
	lastTo        net.Addr
	receiveBuffer int
	closed        bool
}

// openPath opens a path towards remote: a socket of its address family, bound to
// a port of the kernel's choice.
func openPath(remote netip.AddrPort) (*Path, error) {
	p := &Path{network: "udp4", birth: time.Now(), arrivals: newArrivals()}
	if remote.Addr().Is6() && !remote.Addr().Is4In6() {
		p.network = "udp6"
	}
	c, err := p.open()
	if err != nil {
		return nil, err
	}
	p.sock.Store(c)
	return p, nil
}

func (p *Path) open() (*net.UDPConn, error) {
	c, err := net.ListenUDP(p.network, nil)
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	size := tuneSocket(c)
	kerneltime.Enable(c)
	p.mu.Lock()
	p.receiveBuffer = size
	p.mu.Unlock()
	return c, nil
}

// BlackHole makes the path dark, or light again. While dark, what is sent
// vanishes as if it had been sent, and what arrives is dropped.
func (p *Path) BlackHole(on bool) { p.dark.Store(on) }

// Dark tells whether the path is a black hole.
func (p *Path) Dark() bool { return p.dark.Load() }

// Rebind swaps the socket underneath for a new one on another local port, as a
// NAT rebinding looks like. The old socket stays open, and nobody reads it, until
// the session is closed. The server learns of the move with the next packet sent.
func (p *Path) Rebind() error {
	c, err := p.open()
	if err != nil {
		return fmt.Errorf("rebinding the path: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.Join(fmt.Errorf("rebinding the path: %w", net.ErrClosed), c.Close())
	}
	if err := c.SetReadDeadline(p.readDeadline); err != nil {
		return errors.Join(fmt.Errorf("rebinding the path: %w", err), c.Close())
	}
	old := p.sock.Swap(c)
	p.left = append(p.left, old)
	p.leftDrops += kernelDrops(old)
	// The reader is blocked on the old socket: let it go over to the new one.
	return old.SetReadDeadline(time.Unix(1, 0))
}

// LocalAddr is the address of the socket in use.
func (p *Path) LocalAddr() net.Addr { return p.sock.Load().LocalAddr() }

// PathStats count what went through a path.
type PathStats struct {
	PacketsSent, PacketsReceived uint64
	BytesSent, BytesReceived     uint64
	// SwallowedSent and SwallowedReceived are the packets the black hole took.
	SwallowedSent, SwallowedReceived uint64
	// KernelDrops are the packets the kernel dropped because a socket's receive
	// buffer was full: the prober's own loss. Linux only.
	KernelDrops uint64
	// ReceiveBuffer is the kernel's receive buffer of the socket, in bytes; 0:
	// not known.
	ReceiveBuffer int
	// Rebinds is how often the socket was swapped.
	Rebinds uint64
	// LastReceived is when the last packet came in; zero: never.
	LastReceived time.Time
}

// Stats are the counts so far. They stay readable after the session was closed.
func (p *Path) Stats() PathStats {
	s := PathStats{
		PacketsSent:       p.packetsSent.Load(),
		PacketsReceived:   p.packetsReceived.Load(),
		BytesSent:         p.bytesSent.Load(),
		BytesReceived:     p.bytesReceived.Load(),
		SwallowedSent:     p.swallowedSent.Load(),
		SwallowedReceived: p.swallowedReceived.Load(),
	}
	if d := p.lastReceived.Load(); d != 0 {
		s.LastReceived = p.birth.Add(time.Duration(d))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Rebinds = uint64(len(p.left))
	s.ReceiveBuffer = p.receiveBuffer
	s.KernelDrops = p.leftDrops
	if !p.closed {
		s.KernelDrops += kernelDrops(p.sock.Load())
	}
	return s
}

// close closes the sockets, those that were left too.
func (p *Path) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.leftDrops += kernelDrops(p.sock.Load())
	p.closed = true
	err := p.sock.Load().Close()
	for _, c := range p.left {
		err = errors.Join(err, c.Close())
	}
	return err
}

// record keeps each packet that is sent from now on, until the next one.
func (p *Path) record() { p.recording.Store(true) }

// repeat sends the last recorded packet again, if there is one.
func (c *packetConn) repeat(times int) {
	c.mu.Lock()
	b, to := c.last, c.lastTo
	c.mu.Unlock()
	c.recording.Store(false)
	for range times {
		if b != nil {
			_, _ = c.WriteTo(b, to)
		}
	}
}

// heard is when the first packet came in, zero if none did.
func (p *Path) heard() time.Time {
	if d := p.firstReceived.Load(); d != 0 {
		return p.birth.Add(time.Duration(d))
	}
	return time.Time{}
}

// lastWriteError is the last error of a send, nil if there was none. quic-go
// flattens some of them to text.
func (p *Path) lastWriteError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writeErr
}

// packetConn is the Path as quic-go sees it: the methods of a socket, which are
// nobody else's business.
//
// It is not an OOBCapablePacketConn on purpose: with that, quic-go would batch
// reads on the file descriptor itself, past the black hole and past a swapped
// socket. The price is batching and ECN, which 50 datagrams a second do not miss.
type packetConn struct {
	*Path
	readSized, writeSized atomic.Bool
	from                  *net.UDPAddr // the last sender, kept to spare one allocation per packet

	// Of ReadFrom, which one goroutine calls.
	clock   kerneltime.Clock
	control [kerneltime.ControlSize]byte
}

// ReadFrom gives the next packet that the path lets through.
func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		sock := c.sock.Load()
		n, oob, _, from, err := sock.ReadMsgUDPAddrPort(b, c.control[:])
		if c.sock.Load() != sock {
			continue // moved meanwhile; what came to the old address is lost, as behind a NAT
		}
		if err != nil {
			return 0, nil, err
		}
		if c.dark.Load() {
			c.swallowedReceived.Add(1)
			continue
		}
		received, read := c.clock.Moment(kerneltime.Parse(c.control[:oob]).Wall)
		c.arrivals.packetRead(b[:n], received, read)
		now := int64(read.Sub(c.birth))
		c.firstReceived.CompareAndSwap(0, now)
		c.lastReceived.Store(now)
		c.packetsReceived.Add(1)
		c.bytesReceived.Add(uint64(n))
		if c.from == nil || c.from.AddrPort() != from {
			c.from = net.UDPAddrFromAddrPort(from)
		}
		return n, c.from, nil
	}
}

// WriteTo sends a packet, or lets it vanish while the path is dark.
func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.dark.Load() {
		c.swallowedSent.Add(1)
		c.departures.packetWritten(len(b), time.Time{})
		return len(b), nil
	}
	sock := c.sock.Load()
	c.departures.packetWritten(len(b), time.Now())
	n, err := sock.WriteTo(b, to)
	if errors.Is(err, syscall.EPERM) {
		// The first send on a new socket fails so at times, for no reason of ours.
		n, err = sock.WriteTo(b, to)
	}
	switch {
	case err == nil:
		c.packetsSent.Add(1)
		c.bytesSent.Add(uint64(n))
		c.keep(b, to)
	case c.dark.Load():
		c.swallowedSent.Add(1)
		return len(b), nil
	case errors.Is(err, syscall.EMSGSIZE):
		// A probe of the path's MTU; quic-go knows what to do with it.
	default:
		c.mu.Lock()
		c.writeErr = err
		c.mu.Unlock()
	}
	return n, err
}

func (c *packetConn) keep(b []byte, to net.Addr) {
	if !c.recording.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.lastTo = append(c.last[:0], b...), to
}

// SetReadDeadline is how quic-go stops its reader.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readDeadline = t
	return c.sock.Load().SetReadDeadline(t)
}

func (c *packetConn) SetWriteDeadline(t time.Time) error { return c.sock.Load().SetWriteDeadline(t) }

func (c *packetConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Close closes nothing: the session owns the sockets.
func (c *packetConn) Close() error { return nil }

// SetReadBuffer answers quic-go's wish for a large buffer: every socket of the
// path got it when it was opened.
func (c *packetConn) SetReadBuffer(int) error { c.readSized.Store(true); return nil }

// SetWriteBuffer is SetReadBuffer's twin.
func (c *packetConn) SetWriteBuffer(int) error { c.writeSized.Store(true); return nil }

// SyscallConn gives quic-go the socket, so that it may forbid fragmentation and
// with it discover the path's MTU. Before both buffers were asked for there is
// none: quic-go then takes our word for their size, which [PathStats] reports,
// instead of writing a warning to the global log.
func (c *packetConn) SyscallConn() (syscall.RawConn, error) {
	if !c.readSized.Load() || !c.writeSized.Load() {
		return nil, errors.New("webtransport: buffers are set by the path")
	}
	return c.sock.Load().SyscallConn()
}
