package interop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// refused is what a dial must fail with.
type refused struct {
	phase webtransport.Phase
	kind  webtransport.Kind
}

func (want refused) check(t *testing.T, e *webtransport.DialError) {
	t.Helper()
	if e.Phase != want.phase || e.Kind != want.kind {
		t.Errorf("failed in %s as %s, want %s as %s: %v", e.Phase, e.Kind, want.phase, want.kind, e)
	}
}

// briefly is a context for what never comes; long enough for all that comes before.
func briefly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func dialing() []testCase {
	return []testCase{
		{name: "a session opens at any path, with the URL's authority", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept")
			got := s.await("request")
			if got.Authority != s.addr || !strings.HasPrefix(got.Path, "/meet/room?do=") || got.UserAgent == "" {
				t.Errorf("the request was %+v", got)
			}
			tm := session.Timings()
			if tm.Handshake <= 0 || tm.Settings < 0 || tm.Connect <= 0 || tm.FirstPacket <= 0 || tm.FirstPacket > tm.Handshake {
				t.Errorf("timings %+v", tm)
			}
			certs := session.Certificates()
			if len(certs) != 1 || certs[0].Subject != "CN=Interop peer" || certs[0].Issuer != "CN=Interop CA" {
				t.Errorf("certificates %+v", certs)
			}
		}},
		{name: "a certificate of an unknown authority is refused", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			cfg := s.cfg
			cfg.RootCAs = newAuthority(t).pool()
			e := s.failDial(testContext(t), cfg, "accept")
			refused{webtransport.PhaseHandshake, webtransport.KindTLSUnknownCA}.check(t, e)
			if len(e.Certificates) != 1 || e.Certificates[0].Subject != "CN=Interop peer" {
				t.Errorf("shown: %+v", e.Certificates)
			}
			// An alert of TLS is a close of the transport, not of the application.
			if got := s.await("failed").Why; got.Kind != "ConnectionClosed" {
				t.Errorf("the peer concluded %+v", got)
			}
		}},
		{name: "a certificate for another name is refused", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			cfg := s.cfg
			cfg.ServerName = "mc.elsewhere.test"
			refused{webtransport.PhaseHandshake, webtransport.KindTLSWrongName}.check(t, s.failDial(testContext(t), cfg, "accept"))
		}},
		{name: "a certificate that has expired is refused", run: func(t *testing.T, p peer) {
			s := p.start(t, options{expired: true})
			refused{webtransport.PhaseHandshake, webtransport.KindTLSExpired}.check(t, s.failDial(testContext(t), s.cfg, "accept"))
		}},
		{name: "a certificate may be pinned, and another is refused", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			leaf := s.dial("accept").Certificates()[0].SHA256
			cfg := s.cfg
			cfg.RootCAs, cfg.LeafPins = nil, [][32]byte{leaf}
			s.dialWith(cfg, "accept")
			cfg.LeafPins = [][32]byte{{1}}
			refused{webtransport.PhaseHandshake, webtransport.KindTLSPin}.check(t, s.failDial(testContext(t), cfg, "accept"))
		}},
		{name: "a server at capacity refuses, and takes the next when there is room", run: func(t *testing.T, p peer) {
			s := p.start(t, options{capacity: 1})
			first := s.dial("accept")
			e := s.failDial(testContext(t), s.cfg, "accept")
			refused{webtransport.PhaseHandshake, webtransport.KindRefused}.check(t, e)
			if !e.Heard {
				t.Error("a refusal is something heard")
			}
			s.await("refused")
			_ = first.CloseConnection(0, "leave")
			s.await("end")
			// The peer counts the connection for a moment longer than it reports it.
			for {
				session, err := webtransport.Dial(testContext(t), s.url("accept"), s.cfg)
				if err == nil {
					_ = session.CloseConnection(0, "")
					return
				}
				var again *webtransport.DialError
				if !errors.As(err, &again) || again.Kind != webtransport.KindRefused {
					t.Fatal(err)
				}
			}
		}},
		{
			name: "silence is a timeout, and not a closed port",
			not:  map[program]string{webtransportGo: "quic-go answers every Initial"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{ignore: true})
				cfg := s.cfg
				cfg.HandshakeTimeout = 300 * time.Millisecond
				e := s.failDial(testContext(t), cfg, "accept")
				refused{webtransport.PhaseHandshake, webtransport.KindTimeout}.check(t, e)
				if e.Heard {
					t.Error("something was heard")
				}
			},
		},
		{name: "slow SETTINGS are waited for, and are the time of that phase", run: func(t *testing.T, p peer) {
			const delay = 250 * time.Millisecond
			s := p.start(t, options{settingsDelay: delay})
			// The peer's time begins within the handshake.
			if got := s.dial("accept").Timings(); got.Handshake+got.Settings < delay {
				t.Errorf("timings %+v", got)
			}
		}},
		{name: "SETTINGS that do not come are a timeout of that phase", run: func(t *testing.T, p peer) {
			s := p.start(t, options{settingsDelay: time.Hour})
			refused{webtransport.PhaseSettings, webtransport.KindTimeout}.check(t, s.failDial(briefly(t), s.cfg, "accept"))
		}},
		{name: "a slow acceptance is waited for, and is the time of that phase", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			if got := s.dial("wait:250", "accept").Timings(); got.Connect < 250*time.Millisecond {
				t.Errorf("timings %+v", got)
			}
		}},
		{name: "an acceptance that does not come is a timeout, and the peer learns that nobody waits", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			refused{webtransport.PhaseConnect, webtransport.KindTimeout}.check(t, s.failDial(briefly(t), s.cfg, "wait:2000", "accept"))
			if got := s.await("failed").Why; got.Kind != "ApplicationClosed" || got.Code != 0x100 {
				t.Errorf("the peer concluded %+v", got)
			}
		}},
		{name: "a refusal by status is that status", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			cfg := s.far() // wtransport closes the connection a round trip behind the answer
			for step, status := range map[string]int{"status:403": 403, "status:404": 404, "status:429": 429} {
				e := s.failDial(testContext(t), cfg, step)
				refused{webtransport.PhaseConnect, webtransport.KindStatus}.check(t, e)
				if e.Status != status {
					t.Errorf("status %d, want %d", e.Status, status)
				}
			}
		}},
		{name: "a request that is dropped unanswered is a close", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			refused{webtransport.PhaseConnect, webtransport.KindClosed}.check(t, s.failDial(testContext(t), s.cfg, "abandon"))
		}},
		{
			name: "a dialect the server does not speak is refused before CONNECT",
			not:  map[program]string{webtransportGo: "it speaks both"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				cfg := s.cfg
				cfg.Dialect = webtransport.Modern
				e := s.failDial(testContext(t), cfg, "accept")
				refused{webtransport.PhaseSettings, webtransport.KindNoWebTransport}.check(t, e)
				if got := s.await("failed").Why; got.Kind != "ApplicationClosed" || got.Code != 0x212c0d48 {
					t.Errorf("the peer concluded %+v", got)
				}
			},
		},
	}
}
