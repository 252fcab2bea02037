package link

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/dark-tower/prober/internal/kerneltime"
)

// Config says how a link works. The zero value is a perfect link on a free port
// of 127.0.0.1.
type Config struct {
	// Listen is the host:port that clients send to; default 127.0.0.1:0.
	Listen string
	Spec   Spec
	// Seed makes the luck of packets repeatable: what happens to the kth packet of
	// the nth client depends on the seed and the conditions only.
	Seed uint64

	// OnPacket, if set, is told the fate of every packet, in the order of fates. It
	// must not block, and must not call the link.
	OnPacket func(Packet)
	// Spare, if set, says which packets are neither lost nor reordered nor
	// duplicated. It must not keep the payload.
	Spare func(payload []byte) bool
	// Admit, if set, says which IP packets a tunnel carries; the others vanish without a
	// fate, as at a firewall. It must not keep the packet.
	Admit func(d Direction, packet []byte) bool

	// MaxClients bounds the clients at one time, each of which has a socket; default
	// 256. A client is forgotten, as a NAT forgets, once the room is needed and it
	// was silent for Idle, which is 2 minutes by default.
	MaxClients int
	Idle       time.Duration
	// MaxPackets bounds the packets under way in each direction; default 16384.
	MaxPackets int
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.MaxClients = cmp.Or(c.MaxClients, 256)
	c.Idle = cmp.Or(c.Idle, 2*time.Minute)
	c.MaxPackets = cmp.Or(c.MaxPackets, 1<<14)
	return c
}

const (
	maxPayload   = 1 << 16 // bytes of a UDP packet
	socketBuffer = 4 << 20 // bytes asked of the kernel, which may give less
)

// Link stands between clients and one server. A client is an address: one that
// changes its address is another client, to the server too. Nothing but UDP packets
// passes: a closed port at the server is silence, no error.
type Link struct {
	cfg    Config
	socket *net.UDPConn
	server *net.UDPAddr
	up     *way
	down   *way
	wg     sync.WaitGroup // readers

	mu      sync.Mutex // protects all following fields
	clients map[netip.AddrPort]*client
	nth     uint64 // clients so far
	closed  bool
}

type client struct {
	addr     netip.AddrPort
	upstream *net.UDPConn
	up, down *flow
	active   time.Time // protected by Link.mu
}

// Listen starts a link to the server at host:port. Close must be called.
func Listen(server string, cfg Config) (*Link, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Spec.Check(); err != nil {
		return nil, err
	}
	remote, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, fmt.Errorf("link: finding the server: %w", err)
	}
	local, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("link: finding the address to listen on: %w", err)
	}
	socket, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("link: listening: %w", err)
	}
	prepare(socket)
	l := &Link{cfg: cfg, socket: socket, server: remote, clients: make(map[netip.AddrPort]*client)}
	if l.up, l.down, err = newWays(&l.cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("link: %w", err), socket.Close())
	}
	l.wg.Go(l.readClients)
	return l, nil
}

// newWays starts both directions.
func newWays(cfg *Config) (up, down *way, err error) {
	a, err := newAlarm()
	if err != nil {
		return nil, nil, err
	}
	b, err := newAlarm()
	if err != nil {
		a.close()
		return nil, nil, err
	}
	return newWay(Up, cfg.Spec.Up, a, cfg), newWay(Down, cfg.Spec.Down, b, cfg), nil
}

// prepare gives a socket large buffers and receive times, as far as possible.
func prepare(c *net.UDPConn) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	kerneltime.Enable(c)
}

// Addr is the host:port that clients send to.
func (l *Link) Addr() string { return l.socket.LocalAddr().String() }

// Server is the host:port that the link leads to.
func (l *Link) Server() string { return l.server.String() }

// Set changes the conditions for packets that come in from now on; those under
// way keep the ones they came in with, and may be overtaken.
func (l *Link) Set(s Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	l.up.set(s.Up)
	l.down.set(s.Down)
	return nil
}

// Spec are the conditions now.
func (l *Link) Spec() Spec { return Spec{Up: l.up.conditions(), Down: l.down.conditions()} }

// Stats are the totals of one direction so far.
func (l *Link) Stats(d Direction) Stats {
	if d == Down {
		return l.down.summary()
	}
	return l.up.summary()
}

// Clients is how many clients the link knows now.
func (l *Link) Clients() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.clients)
}

// Close ends the link with all that is under way. It may be called more than
// once.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	err := l.socket.Close()
	for _, c := range l.clients {
		err = errors.Join(err, c.upstream.Close())
	}
	l.mu.Unlock()
	l.wg.Wait()
	l.up.close()
	l.down.close()
	return err
}

// readClients brings what clients send.
func (l *Link) readClients() {
	in := newIntake(l.socket, l.up)
	for {
		data, from, at, exact, err := in.read()
		if err != nil {
			return // closed: nothing else ends a socket that is not connected
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		c, err := l.client(from, at)
		if err != nil {
			l.up.crowd(Packet{Direction: Up, Client: from, Size: len(data), In: at, Exact: exact})
			continue
		}
		l.up.bring(c.up, data, at, exact)
	}
}

// readServer brings what the server sends to one client.
func (l *Link) readServer(c *client) {
	in := newIntake(c.upstream, l.down)
	for {
		data, _, at, exact, err := in.read()
		switch {
		case err == nil:
			l.down.bring(c.down, data, at, exact)
		case !errors.Is(err, syscall.ECONNREFUSED): // that the server's port is closed now need not last
			return
		}
	}
}

var errNoRoom = errors.New("no room for another client")

// client finds the client of an address, or makes one.
func (l *Link) client(addr netip.AddrPort, now time.Time) (*client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.clients[addr]; ok {
		c.active = now
		return c, nil
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	if len(l.clients) >= l.cfg.MaxClients {
		l.forgetIdle(now)
	}
	if len(l.clients) >= l.cfg.MaxClients {
		return nil, errNoRoom
	}
	upstream, err := net.DialUDP("udp", nil, l.server)
	if err != nil {
		return nil, err
	}
	prepare(upstream)
	c := &client{addr: addr, upstream: upstream, active: now}
	c.up, c.down = newFlow(l.cfg.Seed, Up, l.nth), newFlow(l.cfg.Seed, Down, l.nth)
	c.up.client, c.down.client = addr, addr
	c.up.send = func(data []byte) error {
		_, err := upstream.Write(data)
		if errors.Is(err, syscall.ECONNREFUSED) {
			_, err = upstream.Write(data) // what was refused was an earlier one
		}
		return err
	}
	c.down.send = func(data []byte) error {
		_, err := l.socket.WriteToUDPAddrPort(data, addr)
		return err
	}
	l.nth++
	l.clients[addr] = c
	l.wg.Go(func() { l.readServer(c) })
	return c, nil
}

// forgetIdle is called with mu held.
func (l *Link) forgetIdle(now time.Time) {
	for addr, c := range l.clients {
		if now.Sub(c.active) > l.cfg.Idle {
			_ = c.upstream.Close()
			delete(l.clients, addr)
		}
	}
}

// An intake reads packets with their receive times. It is for one goroutine.
type intake struct {
	socket  *net.UDPConn
	to      *way
	clock   kerneltime.Clock
	drops   uint32
	data    []byte
	control []byte
}

func newIntake(socket *net.UDPConn, to *way) *intake {
	return &intake{socket: socket, to: to, data: make([]byte, maxPayload), control: make([]byte, kerneltime.ControlSize)}
}

// read gives the next packet; its data is good until the next call.
func (in *intake) read() (data []byte, from netip.AddrPort, at time.Time, exact bool, err error) {
	n, oob, _, from, err := in.socket.ReadMsgUDPAddrPort(in.data, in.control)
	if err != nil {
		return nil, from, at, false, err
	}
	c := kerneltime.Parse(in.control[:oob])
	if c.Drops != in.drops {
		in.to.missed(c.Drops - in.drops)
		in.drops = c.Drops
	}
	received, now := in.clock.Moment(c.Wall)
	if received.IsZero() {
		return in.data[:n], from, now, false, nil
	}
	return in.data[:n], from, received, true, nil
}
