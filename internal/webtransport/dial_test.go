package webtransport

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
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

func TestLocalErrors(t *testing.T) {
	t.Run("no route", func(t *testing.T) {
		e := failDial(t, testContext(t), "https://"+unroutable(t), Config{HandshakeTimeout: time.Second})
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

// unroutable gives an address that this host cannot send to.
func unroutable(t *testing.T) string {
	for _, addr := range []string{"[2001:db8::1]:443", "[fe80::1]:443", "240.0.0.1:443", "0.0.0.1:443", "[ff0e::1]:443"} {
		to, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			continue
		}
		network := "udp6"
		if to.IP.To4() != nil {
			network = "udp4"
		}
		c, err := net.ListenUDP(network, nil)
		if err != nil {
			continue
		}
		_, err = c.WriteTo([]byte{0}, to)
		_ = c.Close()
		if err != nil {
			return addr
		}
	}
	t.Skip("this host sends to everywhere")
	return ""
}

func TestCertificatesThatAreRefused(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	valid := ca.valid(t)
	expired := ca.leaf(t, "localhost", now.Add(-2*time.Hour), now.Add(-time.Hour))
	early := ca.leaf(t, "localhost", now.Add(time.Hour), now.Add(2*time.Hour))
	pin := func(c tls.Certificate) [][32]byte { return [][32]byte{{1}, sha256.Sum256(c.Certificate[0])} }
	for _, tt := range []struct {
		name string
		leaf tls.Certificate
		cfg  Config
		want Kind // empty: accepted
	}{
		{"expired", expired, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"not valid yet", early, Config{RootCAs: ca.pool()}, KindTLSExpired},
		{"of an unknown authority", valid, Config{RootCAs: other.pool()}, KindTLSUnknownCA},
		{"not of the system's authorities", valid, Config{}, KindTLSUnknownCA},
		{"for another name", valid, Config{RootCAs: ca.pool(), ServerName: "mc.example.org"}, KindTLSWrongName},
		{"another than the pinned", valid, Config{RootCAs: ca.pool(), LeafPins: [][32]byte{{1}}}, KindTLSPin},
		{"pinned, expired", expired, Config{LeafPins: pin(expired)}, KindTLSExpired},
		{"pinned, not valid yet", early, Config{LeafPins: pin(early)}, KindTLSExpired},
		{"pinned, whatever its authority and name", valid, Config{LeafPins: pin(valid), ServerName: "mc.example.org"}, ""},
		{"for the name that is asked for", valid, Config{RootCAs: ca.pool(), ServerName: "localhost"}, ""},
		{"anything, unverified", expired, Config{InsecureSkipVerify: true}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := double(t, wtdouble.Config{TLS: &tls.Config{Certificates: []tls.Certificate{tt.leaf}}})
			var shown []Certificate
			if tt.want == "" {
				shown = dial(t, url, tt.cfg).Certificates()
			} else {
				e := failDial(t, testContext(t), url, tt.cfg)
				expect(t, e, PhaseHandshake, tt.want)
				if !e.Heard || e.Timings.FirstPacket <= 0 {
					t.Errorf("%+v", e)
				}
				shown = e.Certificates
			}
			if len(shown) != 1 || shown[0].SHA256 != sha256.Sum256(tt.leaf.Certificate[0]) || shown[0].NotAfter.IsZero() {
				t.Errorf("the certificates are %+v", shown)
			}
		})
	}
	t.Run("of the client, which has none", func(t *testing.T) {
		url, _ := double(t, wtdouble.Config{TLS: &tls.Config{Certificates: []tls.Certificate{valid}, ClientAuth: tls.RequireAnyClientCert}})
		e := failDial(t, testContext(t), url, Config{RootCAs: ca.pool()})
		if e.Kind != KindTLSOther || len(e.Certificates) != 1 { // the alert comes after our handshake is done
			t.Errorf("got %v", e)
		}
	})
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

// settingsOnly is a control stream with the SETTINGS of a legacy server.
const settingsOnly = "\x00\x04\x0b" + "\x08\x01" + "\x33\x01" + "\xab\x60\x37\x42\x01" + "\x21\x01"

func TestServersThatBreakHTTP3(t *testing.T) {
	control := func(bytes string) func(*quic.Conn) {
		return func(c *quic.Conn) {
			if u, err := c.OpenUniStream(); err == nil {
				_, _ = io.WriteString(u, bytes)
			}
		}
	}
	// answer sends SETTINGS, and then bytes in answer to CONNECT.
	answer := func(bytes string, then func(*quic.Stream)) func(*quic.Conn) {
		return func(c *quic.Conn) {
			control(settingsOnly)(c)
			if q, err := c.AcceptStream(c.Context()); err == nil {
				_, _ = io.WriteString(q, bytes)
				then(q)
			}
		}
	}
	nothing := func(*quic.Stream) {}
	for _, tt := range []struct {
		name   string
		server func(*quic.Conn)
		phase  Phase
		kind   Kind
	}{
		{"a frame before SETTINGS", control("\x00\x07\x01\x00"), PhaseSettings, KindProtocol},
		{"SETTINGS that are too long", control("\x00\x04\x80\x01\x00\x00"), PhaseSettings, KindProtocol},
		{"a setting twice", control("\x00\x04\x04\x08\x01\x08\x01"), PhaseSettings, KindProtocol},
		{"a control stream that ends", func(c *quic.Conn) {
			if u, err := c.OpenUniStream(); err == nil {
				_, _ = io.WriteString(u, "\x00\x04\x04\x08")
				_ = u.Close()
			}
		}, PhaseSettings, KindProtocol},
		{"a stream that HTTP/3 does not know", func(c *quic.Conn) {
			if q, err := c.OpenStream(); err == nil {
				_, _ = io.WriteString(q, "\x00")
			}
		}, PhaseSettings, KindProtocol},
		{"two control streams", func(c *quic.Conn) {
			control("\x00")(c)
			control("\x00")(c)
		}, PhaseSettings, KindProtocol},
		{"no answer but an end", answer("", func(q *quic.Stream) { _ = q.Close() }), PhaseConnect, KindClosed},
		{"no answer but a reset", answer("", func(q *quic.Stream) { q.CancelWrite(0x10b) }), PhaseConnect, KindClosed},
		{"an answer that is no HEADERS frame", answer("\x00\x01x", nothing), PhaseConnect, KindProtocol},
		{"an answer that is too long", answer("\x01\x80\x10\x00\x00", nothing), PhaseConnect, KindProtocol},
		{"an answer that is not QPACK", answer("\x01\x03\x00\x00\xff", nothing), PhaseConnect, KindProtocol},
		// Index 63 of QPACK's static table is :status 100.
		{"only informational answers", answer(strings.Repeat("\x01\x04\x00\x00\xff\x00", 20), nothing), PhaseConnect, KindProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, cfg := rawServer(t, "h3", tt.server)
			expect(t, failDial(t, testContext(t), url, cfg), tt.phase, tt.kind)
		})
	}
	t.Run("no answer until the deadline", func(t *testing.T) {
		asked := make(chan struct{})
		url, cfg := rawServer(t, "h3", answer("", func(*quic.Stream) { close(asked) }))
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		expect(t, failDial(t, ctx, url, cfg), PhaseConnect, KindTimeout)
		<-asked
	})
	t.Run("no answer until the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		url, cfg := rawServer(t, "h3", answer("", func(*quic.Stream) { cancel() }))
		expect(t, failDial(t, ctx, url, cfg), PhaseConnect, KindCanceled)
	})
	t.Run("a breach after the dial ends the session", func(t *testing.T) {
		breach := make(chan struct{})
		url, cfg := rawServer(t, "h3", func(c *quic.Conn) {
			u, err := c.OpenUniStream()
			if err != nil {
				return
			}
			_, _ = io.WriteString(u, settingsOnly)
			if q, err := c.AcceptStream(c.Context()); err == nil {
				_, _ = io.WriteString(q, "\x01\x03\x00\x00\xd9") // :status 200
			}
			<-breach
			_, _ = io.WriteString(u, "\x00\x00") // DATA on the control stream
		})
		s := dial(t, url, cfg)
		close(breach)
		if end := awaitEnd(t, s); end.Via != ViaProtocol || end.Code != 0x105 || end.Err == nil {
			t.Errorf("ended: %v", end)
		}
	})
}
