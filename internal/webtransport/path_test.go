package webtransport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	wtgo "github.com/quic-go/webtransport-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestABlackHoleEndsInTheIdleTimeoutOfBothSides(t *testing.T) {
	ends := make(chan wtdouble.End, 1)
	url, cfg := double(t, wtdouble.Config{IdleTimeout: time.Second, OnSession: func(s *wtdouble.Session) { ends <- <-s.Ended }})
	cfg.IdleTimeout, cfg.KeepAlive = time.Second, 100*time.Millisecond
	s := dial(t, url, cfg)
	s.Path().BlackHole(true)
	if err := s.SendDatagram([]byte("into the dark")); err != nil {
		t.Errorf("a dark path must not refuse a datagram: %v", err)
	}
	end := awaitEnd(t, s)
	var idle *quic.IdleTimeoutError
	if end.Via != ViaIdleTimeout || end.Remote || !errors.As(end, &idle) {
		t.Errorf("ended: %v", end)
	}
	if st := s.Path().Stats(); st.SwallowedSent == 0 {
		t.Errorf("nothing was swallowed: %+v", st)
	}
	if end := <-ends; !errors.As(end.Err, &idle) {
		t.Errorf("the server saw %+v", end)
	}
	if !s.Path().Dark() {
		t.Error("the path is not dark")
	}
}

func TestAPathThatWasDarkForAMomentGoesOn(t *testing.T) {
	url, cfg := doubleEcho(t)
	s := dial(t, url, cfg)
	echo(t, s, "before")
	s.Path().BlackHole(true)
	if err := s.SendDatagram([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a swallowed packet", func() bool { return s.Path().Stats().SwallowedSent > 0 })
	s.Path().BlackHole(false)
	echo(t, s, "after")
}

func TestADarkPathDropsWhatArrives(t *testing.T) {
	send := make(chan struct{})
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
		for range send {
			_ = s.SendDatagram([]byte("x"))
		}
	}})
	s := dial(t, url, cfg)
	defer close(send)
	s.Path().BlackHole(true)
	send <- struct{}{}
	eventually(t, "a dropped packet", func() bool { return s.Path().Stats().SwallowedReceived > 0 })
}

// echo sends a datagram until it comes back.
func echo(t *testing.T, s *Session, text string) {
	t.Helper()
	for range 100 {
		if err := s.SendDatagram([]byte(text)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
		b, err := s.ReceiveDatagram(ctx)
		cancel()
		if err == nil && string(b) == text {
			return
		}
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
	}
	t.Fatalf("%q did not come back", text)
}

func TestASessionSurvivesARebind(t *testing.T) {
	servers := map[string]func(*testing.T, chan<- *quic.Conn) (string, Config){
		"legacy": func(t *testing.T, conns chan<- *quic.Conn) (string, Config) {
			return double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
				conns <- s.Conn
				wtdouble.Echo(s)
			}})
		},
		"modern": func(t *testing.T, conns chan<- *quic.Conn) (string, Config) {
			return modernServer(t, func(s *wtgo.Session, c *quic.Conn) {
				conns <- c
				modernEcho(s, c)
			})
		},
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			conns := make(chan *quic.Conn, 1)
			url, cfg := start(t, conns)
			s := dial(t, url, cfg)
			server := <-conns
			echo(t, s, "before")
			st := open(t, s)
			for round := range 2 {
				before := s.Path().LocalAddr().(*net.UDPAddr).Port
				if err := s.Path().Rebind(); err != nil {
					t.Fatal(err)
				}
				after := s.Path().LocalAddr().(*net.UDPAddr).Port
				if before == after {
					t.Fatalf("the port is still %d", after)
				}
				echo(t, s, "after")
				eventually(t, "the server to follow", func() bool { return server.RemoteAddr().(*net.UDPAddr).Port == after })
				if _, err := st.Write([]byte("y")); err != nil {
					t.Fatal(err)
				}
				if !portTaken(t, before) {
					t.Error("the old socket is closed")
				}
				if n := s.Path().Stats().Rebinds; n != uint64(round+1) {
					t.Errorf("%d rebinds are counted", n)
				}
				if round == 1 {
					_ = s.CloseConnection(0, "")
					if portTaken(t, before) || portTaken(t, after) {
						t.Error("a socket is left open")
					}
				}
			}
			if err := s.Path().Rebind(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("rebinding a closed path: %v", err)
			}
		})
	}
}

// portTaken tells whether some socket holds a UDP port.
func portTaken(t *testing.T, port int) bool {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	if err != nil {
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		return true
	}
	_ = c.Close()
	return false
}

func TestAPathCounts(t *testing.T) {
	url, cfg := doubleEcho(t)
	before := time.Now()
	s := dial(t, url, cfg)
	echo(t, s, "x")
	st := s.Path().Stats()
	if st.PacketsSent == 0 || st.PacketsReceived == 0 || st.BytesSent < 1200 || st.BytesReceived < 1200 ||
		st.SwallowedSent != 0 || st.SwallowedReceived != 0 || st.KernelDrops != 0 || st.LastReceived.Before(before) {
		t.Errorf("counted: %+v", st)
	}
}

func TestAPathReportsAFailedWrite(t *testing.T) {
	p, err := openPath(netip.MustParseAddrPort("127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	c := &packetConn{Path: p}
	nowhere := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0}
	if _, err := c.WriteTo([]byte("x"), nowhere); !errors.Is(err, syscall.EINVAL) || !errors.Is(p.lastWriteError(), syscall.EINVAL) {
		t.Errorf("light: %v", err)
	}
	p.BlackHole(true)
	if n, err := c.WriteTo([]byte("x"), nowhere); n != 1 || err != nil {
		t.Errorf("dark: %v", err)
	}
}

func TestTheClientHelloIsOnePacket(t *testing.T) {
	silent := listenUDP(t)
	defer silent.Close()
	// Less than the 200 ms after which QUIC would send it again.
	_, err := Dial(testContext(t), "https://"+silent.LocalAddr().String(), Config{HandshakeTimeout: 50 * time.Millisecond})
	if err == nil {
		t.Fatal("no error")
	}
	if err := silent.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for b := make([]byte, 2000); ; {
		n, err := silent.Read(b)
		if err != nil || n == 1 { // the question whether the port is closed
			break
		}
		sizes = append(sizes, n)
	}
	if len(sizes) != 1 {
		t.Errorf("packets of %v bytes were sent", sizes)
	}
}

func TestTheConnectionCloseIsSentMoreThanOnce(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{})
	s := dial(t, url, cfg)
	_ = s.CloseConnection(0, "")
	before := s.Path().Stats().PacketsSent
	if s.socket.last == nil || before < 1+closeCopies {
		t.Errorf("%d packets were sent", before)
	}
}

func TestQlogFilesAreCompleteWhenTheSessionIsClosed(t *testing.T) {
	url, cfg := doubleEcho(t)
	cfg.QlogDir = t.TempDir()
	s := dial(t, url, cfg)
	echo(t, s, "x")
	_ = s.Close(0, "", linger)
	b, err := os.ReadFile(s.QlogFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"transport:connection_closed", "transport:parameters_set", "http3:frame_created", "urn:ietf:params:qlog:events:http3"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the file has no %q", want)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(string(b)), "}") {
		t.Error("the file breaks off")
	}
}

func TestAFailedDialLeavesAQlogFileOnlyIfSomethingWasSent(t *testing.T) {
	silent := listenUDP(t)
	defer silent.Close()
	dir := t.TempDir()
	_, err := Dial(testContext(t), "https://"+silent.LocalAddr().String(), Config{QlogDir: dir, HandshakeTimeout: 50 * time.Millisecond})
	if err == nil {
		t.Fatal("no error")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir = t.TempDir()
	if _, err := Dial(ctx, "https://"+silent.LocalAddr().String(), Config{QlogDir: dir}); err == nil {
		t.Fatal("no error")
	}
}
