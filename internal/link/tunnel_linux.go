package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// device is what a tunnel's end is called inside its namespace.
const device = "link0"

// End is one end of a tunnel: a network, and the IPv4 address of its device there.
type End struct {
	Namespace *Namespace
	Addr      netip.Addr
}

// Tunnel is a link that carries every IP packet between two networks, through a
// TUN device in each. Clients are on one end, servers on the other; nothing is
// dialed elsewhere, and all packets share one flow. It takes root.
type Tunnel struct {
	files [2]*os.File // of the clients' end, of the servers' end
	ways  [2]*way     // Up, Down
	admit func(Direction, []byte) bool
	wg    sync.WaitGroup
	once  sync.Once
}

// OpenTunnel joins the networks of clients and servers. Of the configuration,
// Listen, MaxClients and Idle have no meaning here. Close must be called.
func OpenTunnel(clients, servers End, cfg Config) (*Tunnel, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Spec.Check(); err != nil {
		return nil, err
	}
	t := &Tunnel{admit: cfg.Admit}
	for i, ends := range [][2]End{{clients, servers}, {servers, clients}} {
		f, err := openDevice(ends[0], ends[1].Addr)
		if err != nil {
			return nil, errors.Join(err, t.closeFiles())
		}
		t.files[i] = f
	}
	var err error
	if t.ways[Up], t.ways[Down], err = newWays(&cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("link: %w", err), t.closeFiles())
	}
	for _, d := range []Direction{Up, Down} {
		from, to := t.files[d], t.files[1-d]
		f := newFlow(cfg.Seed, d, 0)
		f.send = func(data []byte) error {
			_, err := to.Write(data)
			return err
		}
		t.wg.Go(func() { t.carry(d, from, t.ways[d], f) })
	}
	return t, nil
}

// carry brings what one device sends.
func (t *Tunnel) carry(d Direction, from *os.File, w *way, f *flow) {
	data := make([]byte, maxPayload)
	for {
		n, err := from.Read(data)
		if err != nil {
			return
		}
		if t.admit == nil || t.admit(d, data[:n]) {
			w.bring(f, data[:n], time.Now(), false)
		}
	}
}

// Set changes the conditions for packets that come in from now on.
func (t *Tunnel) Set(s Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	t.ways[Up].set(s.Up)
	t.ways[Down].set(s.Down)
	return nil
}

// Stats are the totals of one direction so far.
func (t *Tunnel) Stats(d Direction) Stats { return t.ways[d].summary() }

// Close ends the tunnel with all that is under way; its devices vanish. It may be
// called more than once.
func (t *Tunnel) Close() error {
	var err error
	t.once.Do(func() {
		err = t.closeFiles()
		t.wg.Wait()
		t.ways[Up].close()
		t.ways[Down].close()
	})
	return err
}

func (t *Tunnel) closeFiles() error {
	var errs []error
	for _, f := range t.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// openDevice makes the TUN device of one end, whose peer is the other.
func openDevice(at End, peer netip.Addr) (file *os.File, err error) {
	if !at.Addr.Is4() {
		return nil, fmt.Errorf("link: a tunnel's end needs an IPv4 address, not %v", at.Addr)
	}
	err = at.Namespace.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("link: opening /dev/net/tun: %w", err)
		}
		r, err := unix.NewIfreq(device)
		if err == nil {
			r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
		}
		if err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("link: making a TUN device: %w", err)
		}
		file = os.NewFile(uintptr(fd), "/dev/net/tun")
		return withSocket(func(fd int) error { return configure(fd, at.Addr, peer) })
	})
	if err != nil && file != nil {
		err = errors.Join(err, file.Close())
		file = nil
	}
	return file, err
}

// configure gives the device its address and its peer, and starts it.
func configure(fd int, addr, peer netip.Addr) error {
	for _, set := range []struct {
		request uint
		addr    netip.Addr
	}{{unix.SIOCSIFADDR, addr}, {unix.SIOCSIFDSTADDR, peer}} {
		r, err := unix.NewIfreq(device)
		if err == nil {
			err = r.SetInet4Addr(set.addr.AsSlice())
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, set.request, r)
		}
		if err != nil {
			return fmt.Errorf("link: addressing the TUN device with %v: %w", set.addr, err)
		}
	}
	return setFlags(fd, device, unix.IFF_UP|unix.IFF_RUNNING)
}
