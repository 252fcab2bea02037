package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// raw accepts connections and hands each to handle.
func raw(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

// request reads a request's header.
func request(conn net.Conn) {
	buffer := make([]byte, 4096)
	var got string
	for !strings.Contains(got, "\r\n\r\n") {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		got += string(buffer[:n])
	}
}

// until reads until the peer has closed.
func until(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// answering is an HTTP client whose resolver talks to a DNS server that answers
// every question with this code, or not at all when it is negative.
func answering(t *testing.T, rcode int) *http.Client {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			if rcode < 0 {
				continue
			}
			answer := append([]byte(nil), buffer[:n]...)
			answer[2] |= 0x80                   // a response
			answer[3] = 0x80 | byte(rcode)      // recursion available
			_, _ = server.WriteTo(answer, from) // a lost answer is asked for again
		}
	})
	// The resolver of package net goes on after its caller has given up.
	var mu sync.Mutex
	var asked []net.Conn
	over := false
	t.Cleanup(func() {
		mu.Lock()
		over = true
		for _, c := range asked {
			c.Close()
		}
		mu.Unlock()
		server.Close()
		running.Wait()
	})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return nil, net.ErrClosed
		}
		c, err := new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
		if err == nil {
			asked = append(asked, c)
		}
		return c, err
	}}
	return &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext}}
}

func dialing(control func(string, string, syscall.RawConn) error) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Control: control}).DialContext}}
}

func failing(errno syscall.Errno) *http.Client {
	return dialing(func(string, string, syscall.RawConn) error { return errno })
}

func TestTransportErrorsNameTheirKindAndPhase(t *testing.T) {
	closedPort := func(t *testing.T) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	for _, tc := range []struct {
		name  string
		cfg   func(t *testing.T) Config
		kind  Kind
		phase string
	}{
		{"a name that does not exist", func(t *testing.T) Config {
			return Config{BaseURL: "http://nowhere.test:80", HTTP: answering(t, 3)}
		}, KindNoSuchHost, PhaseDNS},
		{"a resolver that fails", func(t *testing.T) Config {
			return Config{BaseURL: "http://nowhere.test:80", HTTP: answering(t, 2)}
		}, KindResolver, PhaseDNS},
		{"a resolver that is silent", func(t *testing.T) Config {
			return Config{BaseURL: "http://nowhere.test:80", HTTP: answering(t, -1), Timeout: 200 * time.Millisecond}
		}, KindResolver, PhaseDNS},
		{"no file descriptors left", func(*testing.T) Config {
			return Config{BaseURL: "http://127.0.0.1:1", HTTP: failing(syscall.EMFILE)}
		}, KindLocal, PhaseConnect},
		{"no network", func(*testing.T) Config {
			return Config{BaseURL: "http://127.0.0.1:1", HTTP: failing(syscall.ENETUNREACH)}
		}, KindLocal, PhaseConnect},
		{"no permission", func(*testing.T) Config {
			return Config{BaseURL: "http://127.0.0.1:1", HTTP: failing(syscall.EACCES)}
		}, KindLocal, PhaseConnect},
		{"a host that is not there", func(*testing.T) Config {
			return Config{BaseURL: "http://127.0.0.1:1", HTTP: failing(syscall.EHOSTUNREACH)}
		}, KindUnreachable, PhaseConnect},
		{"a closed port", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + closedPort(t)}
		}, KindRefused, PhaseConnect},
		{"a reset instead of an answer", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, func(c net.Conn) { request(c); _ = c.(*net.TCPConn).SetLinger(0) })}
		}, KindReset, PhaseFirstByte},
		{"a close instead of an answer", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, request)}
		}, KindClosed, PhaseFirstByte},
		{"a close in the middle of the body", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, func(c net.Conn) {
				request(c)
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))
			})}
		}, KindClosed, PhaseBody},
		{"silence instead of an answer", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, until), Timeout: 200 * time.Millisecond}
		}, KindTimeout, PhaseFirstByte},
		{"silence in the middle of the body", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, func(c net.Conn) {
				request(c)
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))
				until(c)
			}), Timeout: time.Second}
		}, KindTimeout, PhaseBody},
		{"something that is not HTTP", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, func(c net.Conn) { request(c); _, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")) })}
		}, KindProtocol, PhaseBody},
		{"a header without end", func(t *testing.T) Config {
			return Config{BaseURL: "http://" + raw(t, func(c net.Conn) {
				request(c)
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*MaxHeader)))
				until(c)
			})}
		}, KindProtocol, PhaseBody},
		{"silence instead of TLS", func(t *testing.T) Config {
			return Config{BaseURL: "https://" + raw(t, until), Timeout: 200 * time.Millisecond}
		}, KindTimeout, PhaseTLS},
		{"HTTP where TLS was expected", func(t *testing.T) Config {
			return Config{BaseURL: "https://" + raw(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); until(c) })}
		}, KindTLSOther, PhaseTLS},
		{"an expired certificate", func(t *testing.T) Config {
			return secure(t, "127.0.0.1", -time.Hour, true)
		}, KindTLSExpired, PhaseTLS},
		{"a certificate of nobody we know", func(t *testing.T) Config {
			return secure(t, "127.0.0.1", time.Hour, false)
		}, KindTLSUnknownCA, PhaseTLS},
		{"a certificate for another name", func(t *testing.T) Config {
			return secure(t, "other.test", time.Hour, true)
		}, KindTLSWrongName, PhaseTLS},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := tc.cfg(t)
			cfg.Service, cfg.Timeout = GC, max(cfg.Timeout, 0)
			_, err := get(t, cfg)
			var got *TransportError
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if got.Kind != tc.kind || got.Phase != tc.phase {
				t.Errorf("kind %s in phase %s, want %s in %s: %v", got.Kind, got.Phase, tc.kind, tc.phase, err)
			}
			if strings.Contains(err.Error(), "/hello") {
				t.Errorf("the path is in %q", err)
			}
		})
	}
}

func TestACallerThatGivesUpIsNotATimeout(t *testing.T) {
	arrived := make(chan struct{})
	arrives := sync.OnceFunc(func() { close(arrived) })
	addr := raw(t, func(c net.Conn) { request(c); arrives(); until(c) })
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("shutting down")
	go func() { <-arrived; cancel(cause) }()
	err := newClient(t, Config{BaseURL: "http://" + addr}).Do(ctx, Request{Operation: "greet", Method: "GET", Path: "/", Want: 200}, nil)
	var got *TransportError
	if !errors.As(err, &got) || got.Kind != KindCanceled || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}

	// The dialer gives the cause as it is, and it looks like nothing that is known.
	ctx, cancel = context.WithCancelCause(t.Context())
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectStart: func(string, string) { cancel(cause) }})
	err = newClient(t, Config{BaseURL: "http://" + addr}).Do(ctx, Request{Operation: "greet", Method: "GET", Path: "/", Want: 200}, nil)
	if !errors.As(err, &got) || got.Kind != KindCanceled || got.Phase != PhaseConnect || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

// secure starts an HTTPS server whose certificate is for name and lives for life;
// trusted says whether the client knows its authority.
func secure(t *testing.T, name string, life time.Duration, trusted bool) Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"hello":"tls"}`))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	if trusted {
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(leaf)
	}
	return Config{BaseURL: server.URL, TLS: &tls.Config{RootCAs: pool}}
}

func TestPhasesSumToTheTotal(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
	named := strings.Replace(plain, "127.0.0.1", "localhost", 1)
	for _, tc := range []struct {
		name  string
		cfg   Config
		twice bool
		want  string
	}{
		{"an address", Config{BaseURL: plain}, false, "connect first_byte body"},
		{"a name", Config{BaseURL: named}, false, "dns connect first_byte body"},
		{"TLS", secure(t, "127.0.0.1", time.Hour, true), false, "connect tls first_byte body"},
		{"cold every time", Config{BaseURL: plain}, true, "connect first_byte body"},
		{"a connection that is kept", Config{BaseURL: plain, Reuse: true}, true, "first_byte body"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t, tc.cfg)
			var all []Phases
			ctx := WithPhases(t.Context(), func(p Phases) { all = append(all, p) })
			ask := func() error {
				return c.Do(ctx, Request{Operation: "greet", Method: "GET", Path: "/", Want: 200}, new(greeting))
			}
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			if tc.twice {
				if err := ask(); err != nil {
					t.Fatal(err)
				}
			}
			last := all[len(all)-1]
			var names []string
			var sum time.Duration
			for name, took := range last.All() {
				names, sum = append(names, name), sum+took
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("phases %q, want %q", got, tc.want)
			}
			// The total is read from the clock once more after the last mark.
			if last.Total < sum || last.Total-sum > time.Second || last.Total <= 0 {
				t.Errorf("phases sum to %v of %v", sum, last.Total)
			}
			if last.Reused != tc.cfg.Reuse || last.Remote == "" || last.Service != AC || last.Operation != "greet" {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}

func TestAFailedRequestReportsItsPhasesToo(t *testing.T) {
	addr := raw(t, until)
	var got []Phases
	ctx := WithPhases(t.Context(), func(p Phases) { got = append(got, p) })
	err := newClient(t, Config{BaseURL: "https://" + addr, Timeout: 100 * time.Millisecond}).
		Do(ctx, Request{Operation: "greet", Method: "GET", Path: "/", Want: 200}, nil)
	if err == nil || len(got) != 1 || !got[0].TLS.Happened || got[0].FirstByte.Happened || got[0].Body.Happened {
		t.Errorf("error %v, phases %+v", err, got)
	}
}

// TestASilentResolverIsSaidWithItsPort: the name in the message is of somebody else.
func TestASilentResolverIsSaidWithItsPort(t *testing.T) {
	c, err := New(Config{Service: GC, BaseURL: "http://nowhere.test:80", HTTP: answering(t, -1), Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Do(t.Context(), Request{Operation: "greet", Method: http.MethodGet, Path: "/", Template: "/", Want: http.StatusOK}, nil)
	if err == nil || !strings.Contains(err.Error(), "port 53") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
