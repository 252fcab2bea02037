package interop

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/webtransport"
)

const (
	h3NoError       = 0x100
	lingerPatience  = 10 * time.Second // servers answer at once
	shortIdle       = 2 * time.Second
	leaveVoluntary  = "leave"
	someCode        = 4711
	someReason      = "going-home"
	largestCode     = 1<<32 - 1
	controllerGrace = "linger:200" // the meeting controller's two seconds, shortened
)

// endedBy checks how the client tells the end of its session.
func endedBy(t *testing.T, s *webtransport.Session, via webtransport.Via, code uint64, reason string) {
	t.Helper()
	if end := ended(t, s); end.Via != via || !end.Remote || end.Code != code || end.Reason != reason {
		t.Errorf("ended: %v; want %s, %#x, %q", end, via, code, reason)
	}
}

// serverEnds are the ends that the server brings about.
func serverEnds() []testCase {
	return []testCase{
		{name: "a session that the server drops ends with code 0 and no reason", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for range 50 { // wtransport ends its streams first, and at times that is seen first
				session := s.dial("accept", "bidi", "message", "drop")
				open(t, session, "x")
				endedBy(t, session, webtransport.ViaConnectionClose, 0, "")
				_ = session.CloseConnection(0, "")
			}
		}},
		{name: "a close with code and reason keeps both", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for code, step := range map[uint64]string{42: "close:42:enough", largestCode: "close:4294967295:"} {
				session := s.dial("accept", "bidi", "message", step)
				open(t, session, "x")
				via, reason := webtransport.ViaConnectionClose, ""
				if p.program == webtransportGo {
					via = webtransport.ViaCapsule
				}
				if code == 42 {
					reason = "enough"
				}
				endedBy(t, session, via, code, reason)
			}
		}},
		{
			name: "an answer that was acknowledged arrives before the drop",
			not:  map[program]string{webtransportGo: "quic-go does not tell what was acknowledged"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				// The drop is a round trip behind the answer. quic-go throws away what was
				// not read by then, so that it must not be too short for a busy machine.
				cfg := s.far()
				for range 3 {
					session := s.dialWith(cfg, "accept", "bidi", "message", with("answer", []byte("Invalid or expired token")), "finish", "drop")
					st := open(t, session, "join")
					reply(t, st, "Invalid or expired token")
					if _, err := st.Read(make([]byte, 1)); err != io.EOF {
						t.Errorf("after the answer: %v", err)
					}
					endedBy(t, session, webtransport.ViaConnectionClose, 0, "")
				}
			},
		},
		{
			name: "a server that dies ends by the client's idle timeout",
			not:  map[program]string{webtransportGo: "it runs in the test's own process"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				cfg := s.cfg
				cfg.IdleTimeout = shortIdle
				session := s.dialWith(cfg, "accept", "bidi", "echo")
				reply(t, open(t, session, "alive"), "alive")
				s.kill()
				if end := ended(t, session); end.Via != webtransport.ViaIdleTimeout || end.Remote {
					t.Errorf("ended: %v", end)
				}
			},
		},
	}
}

// told checks one of the things a peer concluded. wtransport says an end in several
// places, and they may differ; webtransport-go loses the code of a closed connection
// in all places but the connection itself.
func told(t *testing.T, what string, got conclusion, kind string, code uint64, reason string) {
	t.Helper()
	if got != (conclusion{kind, code, reason}) {
		t.Errorf("the peer's %s says %+v, want %s, %#x, %q", what, got, kind, code, reason)
	}
}

// cutOff checks what a read of the stream said at the end.
func cutOff(t *testing.T, s *server) {
	t.Helper()
	if last := s.seen[len(s.seen)-1]; last.Event != "stream" || last.End != "not connected" {
		t.Errorf("a read of the stream says %v", last)
	}
}

// clientEnds are the ends that the client brings about.
func clientEnds() []testCase {
	return []testCase{
		{name: "a close of the QUIC connection is the client's, with code and reason", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for _, code := range []uint64{0, someCode, h3NoError} {
				session := s.dial("accept", "bidi", "echo")
				reply(t, open(t, session, "here"), "here")
				if err := session.CloseConnection(code, leaveVoluntary); err != nil {
					t.Fatal(err)
				}
				got := s.await("end")
				told(t, "connection", got.Closed, "ApplicationClosed", code, leaveVoluntary)
				if p.program == wtransport {
					cutOff(t, s)
					told(t, "wait for a stream", got.Accept, "ApplicationClosed", code, leaveVoluntary)
					told(t, "wait for a datagram", got.Datagram, "ApplicationClosed", code, leaveVoluntary)
				}
			}
		}},
		{name: "a close of the session keeps code and reason", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for _, code := range []uint32{0, someCode, largestCode} {
				session := s.dial("accept", "bidi", "echo")
				reply(t, open(t, session, "here"), "here")
				began := time.Now()
				if err := session.Close(code, someReason, lingerPatience); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took >= lingerPatience {
					t.Errorf("the server never answered the close: %v", took)
				}
				got := s.await("end")
				told(t, "wait for a stream", got.Accept, "ApplicationClosed", uint64(code), someReason)
				if p.program == wtransport {
					cutOff(t, s)
					told(t, "wait for a datagram", got.Datagram, "ApplicationClosed", uint64(code), someReason)
					// The library answers by closing the connection itself; at times the client
					// has seen the first half of the answer and closed it before that.
					if got.Closed != (conclusion{"ApplicationClosed", h3NoError, ""}) {
						told(t, "connection", got.Closed, "LocallyClosed", 0, "")
					}
				} else {
					told(t, "connection", got.Closed, "ApplicationClosed", h3NoError, "")
				}
			}
		}},
		{name: "the longest reason arrives whole", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept")
			reason := strings.Repeat("long-", 300)
			_ = session.Close(1, reason, lingerPatience)
			told(t, "wait for a stream", s.await("end").Accept, "ApplicationClosed", 1, reason[:1024])
		}},
		{name: "a close of the session that does not linger loses the code at worst", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for range 10 {
				session := s.dial("accept", "bidi", "echo")
				reply(t, open(t, session, "here"), "here")
				_ = session.Close(someCode, someReason, 0)
				got := s.await("end")
				kept := conclusion{"ApplicationClosed", someCode, someReason}
				lost := conclusion{"ApplicationClosed", h3NoError, ""}
				if got.Accept != kept && got.Closed != lost {
					t.Errorf("the peer concluded %v", got)
				}
			}
		}},
		{name: "the end of the client's half of its stream makes the server drop the session after its grace", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "message", "rest", controllerGrace, "drop")
			st := open(t, session, "x")
			s.await("message")
			if err := st.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := s.await("stream"); got.End != "fin" {
				t.Errorf("the server read %v", got)
			}
			if got := s.await("linger"); got.End != "waited" {
				t.Errorf("the session ended with its stream: %v", got)
			}
			endedBy(t, session, webtransport.ViaConnectionClose, 0, "")
		}},
		{name: "a close within that grace is still the client's", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "message", "rest", "linger:60000")
			st := open(t, session, "x")
			s.await("message")
			if err := st.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			s.await("stream")
			_ = session.CloseConnection(0, leaveVoluntary)
			if got := s.await("linger"); got.End != "closed" {
				t.Errorf("the server waited in vain: %v", got)
			}
			told(t, "connection", s.await("end").Closed, "ApplicationClosed", 0, leaveVoluntary)
		}},
		{name: "a close of the connection right behind a message is a close all the same", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			for range 10 {
				session := s.dial("accept", "bidi", "echo")
				st := open(t, session, "here")
				reply(t, st, "here")
				if err := framing.Write(st, []byte("last words")); err != nil {
					t.Fatal(err)
				}
				_ = session.CloseConnection(0, leaveVoluntary)
				told(t, "connection", s.await("end").Closed, "ApplicationClosed", 0, leaveVoluntary)
			}
		}},
	}
}
