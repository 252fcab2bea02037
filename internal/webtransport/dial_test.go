package webtransport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

// failDial dials in vain, and checks what every failure must have.
func failDial(t *testing.T, ctx context.Context, url string, cfg Config) *DialError {
	t.Helper()
	s, err := Dial(ctx, url, cfg)
	if err == nil {
		_ = s.CloseConnection(0, "")
		t.Fatal("the dial succeeded")
	}
	var e *DialError
	if !errors.As(err, &e) || e.Err == nil || e.Addr == "" {
		t.Fatalf("not a whole DialError: %v", err)
	}
	tm := e.Timings
	if sum := tm.DNS + tm.Socket + tm.Handshake + tm.Settings + tm.Connect; sum != 0 && sum != tm.Total {
		t.Errorf("the phases add up to %v, the total is %v", sum, tm.Total)
	}
	return e
}

func expect(t *testing.T, e *DialError, phase Phase, kind Kind) {
	t.Helper()
	if e.Phase != phase || e.Kind != kind {
		t.Errorf("got %s in phase %s, want %s in phase %s: %v", e.Kind, e.Phase, kind, phase, e)
	}
}

func TestURLsThatCannotBeDialed(t *testing.T) {
	for name, url := range map[string]string{
		"no URL":           "::",
		"no https":         "http://localhost:1/",
		"no scheme":        "localhost:4433",
		"no host":          "https://:443/",
		"user information": "https://me:hunter2@localhost/",
		"a fragment":       "https://localhost/#hunter2",
		"not parsable":     "https://localhost/?token=hunter2%zz\x7f",
	} {
		t.Run(name, func(t *testing.T) {
			e := failDial(t, testContext(t), url, Config{})
			expect(t, e, PhaseURL, KindLocal)
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", e)
			}
		})
	}
	for name, m := range map[string]EndpointMap{
		"port 0":    {"localhost:443": "127.0.0.1:0"},
		"no port":   {"localhost:443": "127.0.0.1"},
		"port high": {"localhost:443": "127.0.0.1:70000"},
	} {
		t.Run("mapped to "+name, func(t *testing.T) {
			e := failDial(t, testContext(t), "https://localhost/", Config{Endpoints: m})
			expect(t, e, PhaseDNS, KindLocal)
			if !e.Mapped {
				t.Error("it does not say that the map is to blame")
			}
		})
	}
}

// resolver starts a name server that answers with rcode, and with 127.0.0.1 for
// success; it gives a Resolver that asks it. A nil answer means silence.
func resolver(t *testing.T, rcode *dnsmessage.RCode) *net.Resolver {
	t.Helper()
	srv := listenUDP(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 2000); ; {
			n, from, err := srv.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if rcode == nil || m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response, m.RCode, m.Additionals = true, *rcode, nil
			if q := m.Questions[0]; *rcode == dnsmessage.RCodeSuccess && q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = srv.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", srv.LocalAddr().String())
	}}
}

func TestNamesThatCannotBeResolved(t *testing.T) {
	notFound, broken := dnsmessage.RCodeNameError, dnsmessage.RCodeServerFailure
	const url = "https://mc.test.:4433"
	t.Run("no such host", func(t *testing.T) {
		e := failDial(t, testContext(t), url, Config{Resolver: resolver(t, &notFound)})
		expect(t, e, PhaseDNS, KindNoSuchHost)
		if e.Timings.DNS <= 0 || e.Addr != "mc.test.:4433" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("the resolver fails", func(t *testing.T) {
		expect(t, failDial(t, testContext(t), url, Config{Resolver: resolver(t, &broken)}), PhaseDNS, KindResolver)
	})
	t.Run("the resolver is silent", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		expect(t, failDial(t, ctx, url, Config{Resolver: resolver(t, nil)}), PhaseDNS, KindResolver)
	})
	t.Run("nobody listens there", func(t *testing.T) {
		closed := closedPort(t)
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", closed)
		}}
		expect(t, failDial(t, testContext(t), url, Config{Resolver: r}), PhaseDNS, KindResolver)
	})
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		expect(t, failDial(t, ctx, url, Config{Resolver: resolver(t, nil)}), PhaseDNS, KindCanceled)
	})
	t.Run("this host has no more sockets", func(t *testing.T) {
		r := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, os.NewSyscallError("socket", syscall.EMFILE)
		}}
		expect(t, failDial(t, testContext(t), url, Config{Resolver: r}), PhaseDNS, KindLocal)
	})
}

func TestANameIsResolvedAndVerified(t *testing.T) {
	url, cfg := doubleEcho(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "https://"))
	ok := dnsmessage.RCodeSuccess
	cfg.Resolver = resolver(t, &ok)
	cfg.ServerName = "localhost"
	s := dial(t, "https://mc.test.:"+port, cfg)
	if s.Timings().DNS <= 0 || s.Dialed() != "127.0.0.1:"+port || s.Mapped() {
		t.Errorf("dialed %s: %+v", s.Dialed(), s.Timings())
	}
}

// closedPort gives an address on loopback that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	c := listenUDP(t)
	defer c.Close()
	return c.LocalAddr().String()
}

func TestSilenceAndClosedPorts(t *testing.T) {
	silent := listenUDP(t)
	defer silent.Close()
	deadline := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, tt := range []struct {
		name string
		addr string
		ctx  func(*testing.T) context.Context
		kind Kind
	}{
		{"a closed port, until the handshake's timeout", closedPort(t), func(t *testing.T) context.Context { return testContext(t) }, KindUnreachable},
		{"a closed port, until the caller's deadline", closedPort(t), deadline, KindUnreachable},
		{"silence, until the handshake's timeout", silent.LocalAddr().String(), func(t *testing.T) context.Context { return testContext(t) }, KindTimeout},
		{"silence, until the caller's deadline", silent.LocalAddr().String(), deadline, KindTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := failDial(t, tt.ctx(t), "https://"+tt.addr, Config{HandshakeTimeout: 100 * time.Millisecond})
			expect(t, e, PhaseHandshake, tt.kind)
			if e.Heard || e.Timings.FirstPacket != 0 || e.Addr != tt.addr {
				t.Errorf("%+v", e)
			}
			if refused := errors.Is(e, syscall.ECONNREFUSED); refused != (tt.kind == KindUnreachable) {
				t.Errorf("refused: %v", e)
			}
		})
	}
	t.Run("silence, until the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cause := errors.New("shutting down")
		time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
		e := failDial(t, ctx, "https://"+silent.LocalAddr().String(), Config{})
		expect(t, e, PhaseHandshake, KindCanceled)
		if !errors.Is(e, cause) {
			t.Errorf("the cause is lost: %v", e)
		}
	})
}

// Some calls give the end of a context, others its cause, and neither is a breach.
func TestWhoGivesUpBlamesNobody(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("shutting down")
	cancel(cause)
	for _, phase := range []Phase{PhaseHandshake, PhaseSettings, PhaseConnect} {
		for _, err := range []error{cause, context.Canceled, os.ErrDeadlineExceeded} {
			if got := kind(ctx, phase, fmt.Errorf("opening: %w", err), nil); got != KindCanceled {
				t.Errorf("%v in %s is %s", err, phase, got)
			}
		}
	}
}

func TestLocalErrors(t *testing.T) {
	t.Run("a socket that cannot send", func(t *testing.T) {
		d := &dialing{cfg: &Config{}, phase: PhaseHandshake, addr: "127.0.0.1:9", remote: netip.MustParseAddrPort("127.0.0.1:9")}
		s, err := d.open("https://127.0.0.1:9")
		if err != nil {
			t.Fatal(err)
		}
		breakSending(t, s.path)
		_, err = s.transport.Dial(testContext(t), net.UDPAddrFromAddrPort(d.remote), d.cfg.tlsConfig("127.0.0.1", &d.chain), d.cfg.quicConfig(s.wire))
		if err == nil {
			t.Fatal("the dial succeeded")
		}
		e := d.fail(testContext(t), s, err)
		expect(t, e, PhaseHandshake, KindLocal)
		if _, ok := errors.AsType[syscall.Errno](e); !ok {
			t.Errorf("the errno is lost: %v", e)
		}
	})
	t.Run("too many open files", func(t *testing.T) {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		none := limit
		none.Cur = 0
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
			t.Skip(err)
		}
		_, err := Dial(testContext(t), "https://127.0.0.1:9", Config{})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		var e *DialError
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		expect(t, e, PhaseSocket, KindLocal)
		if !errors.Is(err, syscall.EMFILE) {
			t.Errorf("the errno is lost: %v", err)
		}
	})
	t.Run("no directory for qlog", func(t *testing.T) {
		e := failDial(t, testContext(t), "https://127.0.0.1:9", Config{QlogDir: "/nowhere/at/all"})
		expect(t, e, PhaseSocket, KindLocal)
	})
}

// breakSending gives a path to an IPv4 address a socket that knows only IPv6.
func breakSending(t *testing.T, p *Path) {
	t.Helper()
	c, err := net.ListenUDP("udp6", nil)
	if err != nil {
		t.Skip("no IPv6 here")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.sock.Swap(c)
	p.left = append(p.left, old)
	if err := old.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestASessionWhoseSocketBreaksEnds(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{})
	s := dial(t, url, cfg)
	breakSending(t, s.path)
	_ = s.SendDatagram([]byte("x"))
	end := awaitEnd(t, s)
	if _, ok := errors.AsType[syscall.Errno](end); end.Via != ViaTransport || end.Remote || !ok {
		t.Errorf("ended: %v", end)
	}
}

func TestServersThatAreNotWebTransportServers(t *testing.T) {
	t.Run("another protocol than HTTP/3", func(t *testing.T) {
		url, cfg := rawServer(t, "doq", func(*quic.Conn) {})
		expect(t, failDial(t, testContext(t), url, cfg), PhaseHandshake, KindNoHTTP3)
	})
	for _, tt := range []struct {
		name    string
		server  wtdouble.Config
		dialect Dialect
	}{
		{"no WebTransport settings", wtdouble.Config{Settings: map[uint64]uint64{}}, Auto},
		{"no datagrams", wtdouble.Config{NoDatagrams: true}, Auto},
		{"modern settings without reset_stream_at", wtdouble.Config{Settings: map[uint64]uint64{settingWTEnabled15: 1}}, Auto},
		{"the other dialect than the forced one", wtdouble.Config{}, Modern},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, cfg := double(t, tt.server)
			cfg.Dialect = tt.dialect
			e := failDial(t, testContext(t), url, cfg)
			expect(t, e, PhaseSettings, KindNoWebTransport)
			var missing *NoWebTransportError
			if !errors.As(e, &missing) || len(missing.Missing) == 0 {
				t.Errorf("it does not say what is missing: %v", e)
			}
		})
	}
	t.Run("a status", func(t *testing.T) {
		url, cfg := double(t, wtdouble.Config{Status: http.StatusForbidden})
		e := failDial(t, testContext(t), url, cfg)
		expect(t, e, PhaseConnect, KindStatus)
		if e.Status != http.StatusForbidden {
			t.Errorf("the status is %d", e.Status)
		}
	})
	t.Run("no room for one more", func(t *testing.T) {
		url, cfg := double(t, wtdouble.Config{Refuse: func() bool { return true }})
		expect(t, failDial(t, testContext(t), url, cfg), PhaseHandshake, KindRefused)
	})
	t.Run("a connection that is closed at once", func(t *testing.T) {
		url, cfg := double(t, wtdouble.Config{OnConn: func(c *quic.Conn) bool { _ = c.CloseWithError(7, "no"); return false }})
		e := failDial(t, testContext(t), url, cfg)
		expect(t, e, PhaseSettings, KindClosed)
		var ae *quic.ApplicationError
		if !errors.As(e, &ae) || ae.ErrorCode != 7 || ae.ErrorMessage != "no" {
			t.Errorf("code and reason are lost: %v", e)
		}
	})
	t.Run("no SETTINGS until the deadline", func(t *testing.T) {
		url, cfg := double(t, wtdouble.Config{OnConn: func(*quic.Conn) bool { return false }})
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		e := failDial(t, ctx, url, cfg)
		expect(t, e, PhaseSettings, KindTimeout)
		if !e.Heard {
			t.Error("the server was heard")
		}
	})
	t.Run("no SETTINGS until the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		url, cfg := double(t, wtdouble.Config{OnConn: func(*quic.Conn) bool { cancel(); return false }})
		e := failDial(t, ctx, url, cfg)
		if e.Kind != KindCanceled {
			t.Errorf("got %v", e)
		}
	})
}
