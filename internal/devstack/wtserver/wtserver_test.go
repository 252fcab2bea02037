package wtserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/devstack/wtserver"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func serve(t *testing.T, cfg wtserver.Config) *wtserver.Server {
	t.Helper()
	cfg.Conn, cfg.Certificate = wttest.Listen(t), wttest.Certificate(t)
	srv, err := wtserver.Serve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	return srv
}

// hold hands each session to the test and keeps it until it ends.
func hold(sessions chan<- *wtserver.Session) func(context.Context, *wtserver.Session) {
	return func(ctx context.Context, s *wtserver.Session) {
		sessions <- s
		<-ctx.Done()
	}
}

func receive[T any](t *testing.T, ctx context.Context, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatalf("waiting for %s: %v", what, ctx.Err())
		panic("unreachable")
	}
}

func TestEndsOfASessionAreToldApart(t *testing.T) {
	tests := []struct {
		name string
		end  func(c *wttest.Client, s *wtserver.Session)
		want wtserver.End
		sees uint64 // application code the client's QUIC connection ends with; 0 and local: its own
	}{
		{"a raw QUIC close is the client's", func(c *wttest.Client, _ *wtserver.Session) { c.Conn.CloseWithError(7, "leave") },
			wtserver.End{Cause: wtserver.ClientClosed, Code: 7, Reason: "leave"}, 7},
		{"a raw QUIC close with code 0 is the client's", func(c *wttest.Client, _ *wtserver.Session) { c.Conn.CloseWithError(0, "") },
			wtserver.End{Cause: wtserver.ClientClosed}, 0},
		{"a close capsule ends the session alone", func(c *wttest.Client, _ *wtserver.Session) { c.CloseCapsule(42, "bye") },
			wtserver.End{Cause: wtserver.SessionClosed, Code: 42, Reason: "bye"}, 0x100},
		{"a FIN of the CONNECT stream ends the session alone", func(c *wttest.Client, _ *wtserver.Session) { c.Request.Close() },
			wtserver.End{Cause: wtserver.SessionClosed}, 0x100},
		{"a reset of the CONNECT stream ends the session alone", func(c *wttest.Client, _ *wtserver.Session) { c.Request.CancelWrite(9) },
			wtserver.End{Cause: wtserver.SessionClosed, Code: 9}, 0x104},
		{"a malformed capsule ends the session alone", func(c *wttest.Client, _ *wtserver.Session) {
			c.Request.Write([]byte{0x68, 0x43, 0x02, 1, 2}) // two bytes where a code needs four
		}, wtserver.End{Cause: wtserver.SessionClosed}, 0x33},
		{"a drop is the server's", func(_ *wttest.Client, s *wtserver.Session) { s.Drop() },
			wtserver.End{Cause: wtserver.Local}, 0},
	}
	for _, dialect := range []wttest.Dialect{wttest.Legacy, wttest.Modern} {
		for _, tt := range tests {
			t.Run(string(dialect)+": "+tt.name, func(t *testing.T) {
				ctx := testContext(t)
				sessions := make(chan *wtserver.Session, 1)
				srv := serve(t, wtserver.Config{OnSession: hold(sessions)})
				c := wttest.Dial(ctx, t, srv.Addr(), dialect)
				s := receive(t, ctx, sessions, "the session")
				tt.end(c, s)
				if got := receive(t, ctx, s.End(), "the end"); got != tt.want {
					t.Errorf("end = %+v, want %+v", got, tt.want)
				}
				if got, ok := s.Ended(); !ok || got != tt.want {
					t.Errorf("Ended() = %+v, %v", got, ok)
				}
				err := c.Ended(ctx)
				appErr, ok := errors.AsType[*quic.ApplicationError](err)
				if !ok || uint64(appErr.ErrorCode) != tt.sees {
					t.Errorf("the client saw %v, want application code %#x", err, tt.sees)
				}
			})
		}
	}
}

func TestASilentClientIsLostAtTheIdleTimeout(t *testing.T) {
	ctx := testContext(t)
	sessions := make(chan *wtserver.Session, 1)
	srv := serve(t, wtserver.Config{OnSession: hold(sessions), IdleTimeout: 300 * time.Millisecond, KeepAlive: 100 * time.Millisecond})
	c := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
	s := receive(t, ctx, sessions, "the session")
	c.Vanish()
	if got := receive(t, ctx, s.End(), "the end"); got.Cause != wtserver.Lost {
		t.Errorf("end = %+v, want lost", got)
	}
}

func TestKeepAlivesHoldAnIdleConnection(t *testing.T) {
	ctx := testContext(t)
	sessions := make(chan *wtserver.Session, 1)
	const idle = time.Second
	srv := serve(t, wtserver.Config{OnSession: hold(sessions), IdleTimeout: idle, KeepAlive: idle / 3})
	c := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
	s := receive(t, ctx, sessions, "the session")
	select {
	case end := <-s.End():
		t.Errorf("an idle client was dropped: %v", end)
	case <-c.Conn.Context().Done():
		t.Errorf("an idle client was dropped: %v", c.Ended(ctx))
	case <-time.After(idle + idle/2): // the wait is what is tested
	}
}

func TestARefusedConnectionFailsInTheHandshake(t *testing.T) {
	ctx := testContext(t)
	srv := serve(t, wtserver.Config{OnSession: hold(nil), Refuse: func() bool { return true }})
	_, err := wttest.TryDial(ctx, srv.Addr(), wttest.Legacy)
	te, ok := errors.AsType[*quic.TransportError](err)
	if !ok || te.ErrorCode != quic.ConnectionRefused || !te.Remote {
		t.Errorf("dialing: %v, want CONNECTION_REFUSED from the server", err)
	}
}

func TestTheReferenceClientIsServed(t *testing.T) {
	ctx := testContext(t)
	srv := serve(t, wtserver.Config{OnSession: func(ctx context.Context, s *wtserver.Session) {
		str, err := s.AcceptStream(ctx)
		if err != nil {
			t.Errorf("accepting: %v", err)
			return
		}
		io.Copy(str, str)
		str.CloseWrite()
		b, err := s.ReceiveDatagram(ctx)
		if err == nil {
			err = s.SendDatagram(b)
		}
		if err != nil {
			t.Errorf("datagram: %v", err)
		}
		<-ctx.Done()
	}})
	tr := &webtransport.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}},
		DialAddr: func(ctx context.Context, addr string, tlsConf *tls.Config, conf *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, addr, tlsConf, conf)
		},
	}
	defer tr.Close()
	_, sess, err := tr.Dial(ctx, "https://"+srv.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sess.CloseWithError(0, "")
	str, err := sess.OpenStreamSync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(str, "there and back")
	str.Close()
	if got, err := io.ReadAll(str); err != nil || string(got) != "there and back" {
		t.Errorf("echo = %q, %v", got, err)
	}
	if err := sess.SendDatagram([]byte("datagram")); err != nil {
		t.Fatal(err)
	}
	if got, err := sess.ReceiveDatagram(ctx); err != nil || string(got) != "datagram" {
		t.Errorf("datagram echo = %q, %v", got, err)
	}
}

func TestFinishDeliversWhatWasWrittenBeforeItDrops(t *testing.T) {
	for _, size := range []int{0, 40, 60_000} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			ctx := testContext(t)
			text := strings.Repeat("x", size)
			srv := serve(t, wtserver.Config{OnSession: func(ctx context.Context, s *wtserver.Session) {
				str, err := s.AcceptStream(ctx)
				if err != nil {
					t.Errorf("accepting: %v", err)
					return
				}
				io.WriteString(str, text)
				s.Finish(20 * time.Second)
			}})
			c := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
			str, err := c.OpenStream(ctx, []byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(str); err != nil || string(got) != text {
				t.Errorf("read %d bytes and %v, want %d and EOF", len(got), err, size)
			}
			if err := c.Ended(ctx); !errors.Is(err, &quic.ApplicationError{Remote: true}) {
				t.Errorf("the connection ended with %v, want application code 0", err)
			}
		})
	}
}

func TestFinishGivesUpOnAClientThatAcknowledgesNothing(t *testing.T) {
	ctx := testContext(t)
	accepted, gone := make(chan struct{}), make(chan struct{})
	finished := make(chan struct{})
	srv := serve(t, wtserver.Config{OnSession: func(ctx context.Context, s *wtserver.Session) {
		defer close(finished)
		str, err := s.AcceptStream(ctx)
		if err != nil {
			t.Errorf("accepting: %v", err)
			return
		}
		close(accepted)
		<-gone
		io.WriteString(str, "nobody reads this")
		s.Finish(100 * time.Millisecond)
	}})
	c := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
	if _, err := c.OpenStream(ctx, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	receive(t, ctx, accepted, "the stream")
	c.Vanish()
	close(gone)
	receive(t, ctx, finished, "Finish to give up")
}

func TestTheReceiveBufferPushesOutItsOldest(t *testing.T) {
	ctx := testContext(t)
	sessions := make(chan *wtserver.Session, 1)
	srv := serve(t, wtserver.Config{OnSession: hold(sessions), ReceiveBuffer: 2048})
	c := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
	s := receive(t, ctx, sessions, "the session")
	const size, fits, count = 236, 2048 / 237, 20 // an audio frame of 80 bytes; eight of them fit
	for i := range count {
		b := make([]byte, size)
		b[0] = byte(i)
		if err := c.Request.SendDatagram(b); err != nil {
			t.Fatal(err)
		}
		// One at a time: the stack's own queue must not be what overflows.
		for s.ReceiveDropped()+s.ReceiveBuffered() < i+1 {
			if ctx.Err() != nil {
				t.Fatal("the datagrams have not arrived")
			}
			time.Sleep(time.Millisecond)
		}
	}
	if got := s.ReceiveDropped(); got != count-fits {
		t.Errorf("dropped %d, want %d", got, count-fits)
	}
	for i := count - fits; i < count; i++ {
		b, err := s.ReceiveDatagram(ctx)
		if err != nil || int(b[0]) != i {
			t.Fatalf("received %d, %v, want %d", b[0], err, i)
		}
	}
	c.Conn.CloseWithError(0, "")
	if _, err := s.ReceiveDatagram(ctx); !errors.Is(err, wtserver.ErrEnded) {
		t.Errorf("after the end: %v, want %v", err, wtserver.ErrEnded)
	}
}

func TestClosingTheServerDropsSessionsAndConnectionsWithCodeZero(t *testing.T) {
	ctx := testContext(t)
	sessions := make(chan *wtserver.Session, 2)
	srv := serve(t, wtserver.Config{OnSession: hold(sessions)})
	a := wttest.Dial(ctx, t, srv.Addr(), wttest.Legacy)
	b := wttest.Dial(ctx, t, srv.Addr(), wttest.Modern)
	s := receive(t, ctx, sessions, "a session")
	receive(t, ctx, sessions, "another session")
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*wttest.Client{a, b} {
		if err := c.Ended(ctx); !errors.Is(err, &quic.ApplicationError{Remote: true}) {
			t.Errorf("the connection ended with %v, want application code 0", err)
		}
	}
	if end, ok := s.Ended(); !ok || end.Cause != wtserver.Local {
		t.Errorf("end = %+v, %v, want local", end, ok)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestASessionIsDroppedWhenItsHandlerReturns(t *testing.T) {
	ctx := testContext(t)
	srv := serve(t, wtserver.Config{OnSession: func(context.Context, *wtserver.Session) {}})
	c, err := wttest.TryDial(ctx, srv.Addr(), wttest.Legacy)
	if err != nil {
		// The drop may overtake the answer to CONNECT.
		if !errors.Is(err, &quic.ApplicationError{Remote: true}) {
			t.Fatal(err)
		}
		return
	}
	defer c.Close()
	if err := c.Ended(ctx); !errors.Is(err, &quic.ApplicationError{Remote: true}) {
		t.Errorf("the connection ended with %v, want application code 0", err)
	}
}

func TestServeNeedsASocketAndAHandler(t *testing.T) {
	if _, err := wtserver.Serve(wtserver.Config{}); err == nil {
		t.Error("served without a socket")
	}
	var conn net.PacketConn = wttest.Listen(t)
	defer conn.Close()
	if _, err := wtserver.Serve(wtserver.Config{Conn: conn}); err == nil {
		t.Error("served without a handler")
	}
}
