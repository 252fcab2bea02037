package interop

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/webtransport"
)

// paths are what can happen to the network in between.
func paths() []testCase {
	return []testCase{
		{name: "a client that vanishes times out on both sides", run: func(t *testing.T, p peer) {
			s := p.start(t, options{idle: shortIdle})
			cfg := s.cfg
			cfg.IdleTimeout = shortIdle // quic-go takes no less than 5 s from the other side
			session := s.dialWith(cfg, "accept", "bidi", "echo")
			reply(t, open(t, session, "here"), "here")
			session.Path().BlackHole(true)
			got := s.await("end")
			told(t, "connection", got.Closed, "TimedOut", 0, "")
			if p.program == wtransport {
				told(t, "wait for a stream", got.Accept, "TimedOut", 0, "")
			}
			if end := ended(t, session); end.Via != webtransport.ViaIdleTimeout || end.Remote {
				t.Errorf("ended: %v", end)
			}
		}},
		{name: "a silent session lives on the server's keep-alive alone", run: func(t *testing.T, p peer) {
			s := p.start(t, options{idle: shortIdle})
			cfg := s.cfg
			cfg.KeepAlive = -1
			session := s.dialWith(cfg, "accept", "bidi", "message", "linger:3000", "drop")
			open(t, session, "here")
			if got := s.await("linger"); got.End != "waited" {
				t.Errorf("the session ended: %v", got)
			}
			endedBy(t, session, webtransport.ViaConnectionClose, 0, "")
		}},
		{name: "a client that moves keeps its session", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "echo")
			st := open(t, session, "here")
			reply(t, st, "here")
			moves := 3
			if p.program == webtransportGo {
				// quic-go's server spends one of the client's few connection ids on each
				// move and gives none back: a third move would end the session.
				moves = 2
			}
			for range moves {
				was := session.Path().LocalAddr().(*net.UDPAddr).Port
				if err := session.Path().Rebind(); err != nil {
					t.Fatal(err)
				}
				if now := session.Path().LocalAddr().(*net.UDPAddr).Port; now == was {
					t.Errorf("still at port %d", was)
				}
				if err := framing.Write(st, []byte("moved")); err != nil {
					t.Fatal(err)
				}
				reply(t, st, "moved")
			}
			_ = session.CloseConnection(0, leaveVoluntary)
			told(t, "connection", s.await("end").Closed, "ApplicationClosed", 0, leaveVoluntary)
		}},
		{name: "a path that is dark for a moment loses nothing on a stream", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := s.dial("accept", "bidi", "echo")
			st := open(t, session, "here")
			reply(t, st, "here")
			session.Path().BlackHole(true)
			if err := framing.Write(st, []byte("into the dark")); err != nil {
				t.Fatal(err)
			}
			for session.Path().Stats().SwallowedSent == 0 {
				if session.Err() != nil {
					t.Fatal(session.Err())
				}
			}
			session.Path().BlackHole(false)
			reply(t, st, "into the dark")
		}},
		{name: "a link that loses one packet in ten delays messages, and loses and reorders none", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			poor := link.Conditions{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Reorder: 0.05, Duplicate: 0.05}
			st := open(t, s.dialWith(s.behind(link.Spec{Up: poor, Down: poor}), "accept", "bidi", "echo"), "message 0")
			reply(t, st, "message 0")
			for i := range 30 {
				message := fmt.Sprintf("message %d", i+1)
				if err := framing.Write(st, []byte(message)); err != nil {
					t.Fatal(err)
				}
				reply(t, st, message)
			}
		}},
	}
}
