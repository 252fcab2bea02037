package link

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// echoServer answers every packet until the test ends, and keeps who sent.
type echoServer struct {
	conn *net.UDPConn
	mu   sync.Mutex
	from []string
}

func newEchoServer(t *testing.T) *echoServer {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &echoServer{conn: conn}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			if !slices.Contains(s.from, from.String()) {
				s.from = append(s.from, from.String())
			}
			s.mu.Unlock()
			_, _ = conn.WriteToUDPAddrPort(b[:n], from)
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		wg.Wait()
	})
	return s
}

func (s *echoServer) addr() string { return s.conn.LocalAddr().String() }

func (s *echoServer) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.from)
}

func listen(t *testing.T, server string, cfg Config) *Link {
	t.Helper()
	l, err := Listen(server, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func dial(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c *net.UDPConn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *net.UDPConn) string {
	t.Helper()
	b := make([]byte, 2000)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// await waits until cond holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(ms) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func TestPacketsPassBothWaysAndEachTakesItsDelay(t *testing.T) {
	server := newEchoServer(t)
	book := NewRecorder(1000)
	l := listen(t, server.addr(), Config{Spec: Spec{Up: Conditions{Delay: 20 * ms}, Down: Conditions{Delay: 30 * ms}}, OnPacket: book.Note})
	if l.Server() != server.addr() || l.Spec().Down.Delay != 30*ms {
		t.Errorf("leads to %s with %v", l.Server(), l.Spec())
	}
	c := dial(t, l.Addr())
	const n = 20
	for i := range n {
		text := fmt.Sprint("packet ", i)
		before := time.Now()
		send(t, c, text)
		if got := receive(t, c); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
		if took := time.Since(before); took < 50*ms {
			t.Errorf("took %v", took)
		}
	}
	await(t, "the last packet to be told of", func() bool { p, _ := book.Packets(); return len(p) == 2*n })
	packets, missed := book.Packets()
	for i, p := range packets {
		want := Packet{
			Direction: Direction(i % 2), Client: c.LocalAddr().(*net.UDPAddr).AddrPort(), Number: uint64(i / 2), Size: len(fmt.Sprint("packet ", i/2)),
			Fate: Forwarded, In: p.In, Exact: p.Exact, Due: p.In.Add(l.Spec().Of(Direction(i % 2)).Delay), Out: p.Out, Gone: p.Gone,
		}
		if p != want || p.Out.Before(p.Due) || p.Gone.Before(p.Out) {
			t.Errorf("packet %d:\n got %+v\nwant %+v", i, p, want)
		}
	}
	for _, d := range []Direction{Up, Down} {
		if s := l.Stats(d); s.In != n || s.Out != n || s.Missed != 0 || s.UnderWay != 0 || s.Lateness.Max == 0 {
			t.Errorf("%s: %+v", d, s)
		}
	}
	if missed != 0 {
		t.Errorf("%d packets were not recorded", missed)
	}
	book.Reset()
	if p, _ := book.Packets(); len(p) != 0 {
		t.Error("the record is not empty")
	}
}

func TestEveryClientIsOneToTheServerToo(t *testing.T) {
	server := newEchoServer(t)
	l := listen(t, server.addr(), Config{})
	a, b := dial(t, l.Addr()), dial(t, l.Addr())
	for range 3 {
		send(t, a, "a")
		send(t, b, "b")
		if receive(t, a) != "a" || receive(t, b) != "b" {
			t.Fatal("answers went to the wrong client")
		}
	}
	if l.Clients() != 2 || server.clients() != 2 {
		t.Errorf("%d clients at the link, %d at the server", l.Clients(), server.clients())
	}
}

func TestClientsAreBoundedAndSilentOnesForgotten(t *testing.T) {
	server := newEchoServer(t)
	book := NewRecorder(10)
	l := listen(t, server.addr(), Config{MaxClients: 1, OnPacket: book.Note})
	a := dial(t, l.Addr())
	send(t, a, "a")
	receive(t, a)
	send(t, dial(t, l.Addr()), "b")
	await(t, "the second client to be turned away", func() bool { return l.Stats(Up).Crowded == 1 })
	if l.Clients() != 1 {
		t.Errorf("%d clients", l.Clients())
	}

	l = listen(t, server.addr(), Config{MaxClients: 1, Idle: 1})
	for i := range 3 {
		c := dial(t, l.Addr())
		send(t, c, fmt.Sprint(i))
		receive(t, c)
		if l.Clients() != 1 {
			t.Errorf("%d clients", l.Clients())
		}
	}
}

func TestABlackHoleOfOneDirectionComesAndGoes(t *testing.T) {
	server := newEchoServer(t)
	l := listen(t, server.addr(), Config{})
	c := dial(t, l.Addr())
	send(t, c, "before")
	receive(t, c)
	if err := l.Set(Spec{Down: Conditions{BlackHole: true}}); err != nil {
		t.Fatal(err)
	}
	send(t, c, "into the dark")
	await(t, "the answer to be swallowed", func() bool { return l.Stats(Down).Swallowed == 1 })
	if err := l.Set(Spec{}); err != nil {
		t.Fatal(err)
	}
	send(t, c, "after")
	if got := receive(t, c); got != "after" {
		t.Errorf("got %q", got)
	}
}

func TestAServerThatIsAwayForAWhileIsSilence(t *testing.T) {
	gone := newEchoServer(t)
	addr := gone.conn.LocalAddr().(*net.UDPAddr)
	_ = gone.conn.Close()
	l := listen(t, addr.String(), Config{})
	c := dial(t, l.Addr())
	for i := range 5 {
		send(t, c, "nobody there")
		await(t, "the packet to leave", func() bool { return l.Stats(Up).Out+l.Stats(Up).Unsendable == uint64(i+1) })
	}
	back, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer back.Close()
	send(t, c, "back again")
	b := make([]byte, 100)
	_ = back.SetReadDeadline(time.Now().Add(patience))
	n, from, err := back.ReadFromUDPAddrPort(b)
	if err != nil || string(b[:n]) != "back again" {
		t.Fatalf("the server got %q, %v", b[:n], err)
	}
	if _, err := back.WriteToUDPAddrPort([]byte("yes"), from); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, c); got != "yes" {
		t.Errorf("got %q", got)
	}
}

func TestClosingALinkWithPacketsUnderWay(t *testing.T) {
	server := newEchoServer(t)
	l := listen(t, server.addr(), Config{Spec: Spec{Up: Conditions{Delay: time.Minute}}})
	c := dial(t, l.Addr())
	send(t, c, "on its way")
	await(t, "a packet to be under way", func() bool { return l.Stats(Up).UnderWay == 1 })
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if s := l.Stats(Up); s.Unsendable != 1 || s.UnderWay != 0 {
		t.Errorf("%+v", s)
	}
}

func TestALinkThatCannotBeIsAnError(t *testing.T) {
	for _, c := range []struct {
		server string
		cfg    Config
	}{{"no port", Config{}}, {"127.0.0.1:9", Config{Listen: "no port"}}, {"127.0.0.1:9", Config{Listen: "192.0.2.1:0"}}} {
		if _, err := Listen(c.server, c.cfg); err == nil {
			t.Errorf("from %q to %q: no error", c.cfg.Listen, c.server)
		}
	}
}

func TestAFleetStandsBeforeEveryServer(t *testing.T) {
	a, b := newEchoServer(t), newEchoServer(t)
	book := NewRecorder(100)
	f, err := NewFleet([]string{"https://" + a.addr(), b.addr(), a.addr()}, Config{OnPacket: book.Note})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	endpoints := f.Endpoints()
	if len(endpoints) != 2 || len(f.Links()) != 2 || f.Link("https://"+a.addr()+"/path") != f.Link(a.addr()) || f.Link("x:1") != nil || f.Link("") != nil {
		t.Errorf("endpoints %v", endpoints)
	}
	for _, server := range []*echoServer{a, b} {
		c := dial(t, endpoints[server.addr()])
		send(t, c, "x")
		receive(t, c)
		if server.clients() != 1 {
			t.Errorf("%d clients", server.clients())
		}
	}
	if err := f.Set(Spec{Up: Conditions{Delay: ms}}); err != nil || f.Link(b.addr()).Spec().Up.Delay != ms {
		t.Errorf("set: %v", err)
	}
	if err := f.Set(Spec{Up: Conditions{Delay: -1}}); err == nil {
		t.Error("no error")
	}
	for _, bad := range []string{"", "host", "https://", "https://host:99999", "://"} {
		if _, err := NewFleet([]string{a.addr(), bad}, Config{}); err == nil {
			t.Errorf("a fleet before %q", bad)
		}
	}
	if got, err := hostPort("https://mc.example"); got != "mc.example:443" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPacketsOfAnySizeArriveWhole(t *testing.T) {
	server := newEchoServer(t)
	c := dial(t, listen(t, server.addr(), Config{}).Addr())
	for _, size := range []int{0, 1, 1452, 1999} {
		data := bytes.Repeat([]byte{byte(size)}, size)
		send(t, c, string(data))
		if got := receive(t, c); got != string(data) {
			t.Errorf("%d of %d bytes", len(got), size)
		}
	}
}
