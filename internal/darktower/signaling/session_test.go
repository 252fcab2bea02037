package signaling

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
	wtgo "github.com/quic-go/webtransport-go"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

func TestEveryMessageReachesOnViewInOrderBeforeAnyWaiterWakes(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join(
			serverMuted(bobID, bobID),
			participantJoined(person(eveID, 4)),
			directive(), assignments(vacant(0)),
			directive(urlX), assignments(active(0, 4)),
			kekUpdate(kek(9), 1, 60),
			participantLeft(bobID, signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY),
		)
		hold(p)
	})
	var (
		mu   sync.Mutex
		seen []uint64
	)
	s := mc.connect(func(c *Config) {
		c.OnView = func(v View) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, v.Messages)
		}
	})
	var all sync.WaitGroup
	for n := range uint64(10) {
		all.Go(func() {
			v, err := s.Await(mc.ctx, messages(n))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if v.Messages > 0 && !slices.Contains(seen, v.Messages) {
				t.Errorf("a waiter saw view %d before OnView, which saw %v", v.Messages, seen)
			}
		})
	}
	if _, err := s.Join(mc.ctx, request()); err != nil {
		t.Fatal(err)
	}
	v, err := s.Await(mc.ctx, HearingIn(0, 4))
	if err != nil || !v.Slots[0].Active(4) {
		t.Errorf("view %v, error %v", v, err)
	}
	v, err = s.Wait(mc.ctx, "a departure", func(v View) bool { return v.LeftCount > 0 })
	if err != nil || v.KEK.Generation != 1 || len(v.Roster) != 1 || v.Left[0].SenderID != 1 {
		t.Errorf("view %v, error %v", v, err)
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("OnView saw %v", seen)
	}
}

func TestAMessageFromTheFutureIsToleratedAndCounted(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		body := protowire.AppendTag(nil, 4000, protowire.BytesType)
		frame, err := framing.Append(nil, protowire.AppendBytes(body, []byte("from the future")))
		p.must(err)
		p.raw(frame)
		p.send(directive())
		hold(p)
	})
	v, err := mc.joinedSession().Wait(mc.ctx, "a directive", func(v View) bool { return v.Directive != nil })
	if err != nil || v.Unhandled["unknown"] != 1 {
		t.Errorf("counted %v, error %v", v.Unhandled, err)
	}
}

func TestLeaveClosesTheConnectionItselfAndSendsNoCapsule(t *testing.T) {
	type evidence struct {
		end     error
		connect int64 // bytes on the CONNECT stream after the session stood
		fin     bool
	}
	got := make(chan evidence, 1)
	mc := startMC(t, func(p *peer) {
		p.join()
		before := int64(0)
		for _, f := range p.trace.received(0) {
			before = max(before, f.Offset+f.Length)
		}
		e := evidence{end: p.closed(), connect: -before}
		for _, f := range p.trace.received(0) {
			e.connect = max(e.connect, f.Offset+f.Length-before)
			e.fin = e.fin || f.Fin
		}
		got <- e
	})
	s := mc.joinedSession()
	if err := s.Leave(); err != nil {
		t.Error(err)
	}
	e := take(mc, got)
	var app *quic.ApplicationError
	if !errors.As(e.end, &app) || app.ErrorCode != 0 || app.ErrorMessage != "" || !app.Remote {
		t.Errorf("the connection was closed with %v", e.end)
	}
	if e.connect != 0 || e.fin {
		t.Errorf("%d bytes on the CONNECT stream, FIN %t", e.connect, e.fin)
	}
	select {
	case <-s.Done():
	default:
		t.Error("Leave returned before the session was done")
	}
	if !errors.Is(s.Err(), ErrLeft) {
		t.Errorf("the session ended with %v", s.Err())
	}
	if err := s.Leave(); err != nil {
		t.Errorf("leaving again: %v", err)
	}
	var closed *ClosedError
	if err := s.Mute(mc.ctx, true, false); !errors.As(err, &closed) {
		t.Errorf("a request after leaving: %v", err)
	}
	if _, err := s.Wait(mc.ctx, "anything", func(View) bool { return true }); !errors.Is(err, ErrLeft) {
		t.Errorf("a wait after leaving: %v", err)
	}
}

func TestLeavingBeforeJoiningAndWhileOthersWait(t *testing.T) {
	mc := startMC(t, hold)
	s := mc.connect()
	waited := make(chan error)
	go func() {
		_, err := s.Await(mc.ctx, Directed())
		waited <- err
	}()
	if err := s.Leave(); err != nil {
		t.Error(err)
	}
	var closed *ClosedError
	if err := take(mc, waited); !errors.As(err, &closed) || !errors.Is(err, ErrLeft) {
		t.Errorf("the waiter got %v", err)
	}
	if _, err := s.Join(mc.ctx, request()); err == nil {
		t.Error("a session that was left joined")
	}
}

func TestCloseSendsCodeAndReasonInACapsule(t *testing.T) {
	got := make(chan error, 1)
	mc := startMC(t, func(p *peer) {
		p.join()
		_, err := p.wt.AcceptStream(p.ctx) // there is none: it waits for the end
		got <- err
		hold(p)
	})
	s := mc.joinedSession()
	if err := s.Close(3401, "auth"); err != nil {
		t.Error(err)
	}
	var end *wtgo.SessionError
	if err := take(mc, got); !errors.As(err, &end) || end.ErrorCode != 3401 || end.Message != "auth" || !end.Remote {
		t.Errorf("MC saw %v", err)
	}
	if !errors.Is(s.Err(), ErrLeft) {
		t.Errorf("the session ended with %v", s.Err())
	}
}

func TestASessionThatMCDropsTellsEverybody(t *testing.T) {
	drop := make(chan struct{})
	mc := startMC(t, func(p *peer) {
		p.join()
		p.await(drop)
	})
	s := mc.joinedSession()
	waited := make(chan error)
	go func() {
		_, err := s.Await(mc.ctx, Hearing(9))
		waited <- err
	}()
	close(drop)
	var (
		closed *ClosedError
		end    *webtransport.SessionError
	)
	err := take(mc, waited)
	if !errors.As(err, &closed) || closed.Phase != PhaseSession || closed.Missing != "sender 9 to be ACTIVE in a slot" || closed.Last != nil ||
		!errors.As(err, &end) || end.Via != webtransport.ViaConnectionClose || end.Code != 0 {
		t.Errorf("error %v", err)
	}
	<-s.Done()
	if !errors.As(s.Err(), &end) {
		t.Errorf("the session ended with %v", s.Err())
	}
}

func TestAnErrorNobodyAskedForExplainsTheEndThatFollows(t *testing.T) {
	for name, c := range map[string]struct {
		last *signalingv1.ServerMessage
		want bool
	}{
		"capacity":                {serverError(7, "Server is shutting down, please reconnect"), true},
		"the answer to a request": {serverError(3, "Server mute request refused"), false},
		"no error at all":         {directive(), false},
	} {
		t.Run(name, func(t *testing.T) {
			drop := make(chan struct{})
			mc := startMC(t, func(p *peer) {
				p.join(serverError(7, "long ago"), directive(), c.last)
				p.await(drop)
			})
			s := mc.joinedSession()
			if _, err := s.Await(mc.ctx, messages(4)); err != nil {
				t.Fatal(err)
			}
			close(drop)
			<-s.Done()
			var (
				refusal *ServerError
				end     *webtransport.SessionError
			)
			err := s.Err()
			if errors.As(err, &refusal) != c.want || !errors.As(err, &end) {
				t.Errorf("the session ended with %v", err)
			}
			if c.want && refusal.Message != "Server is shutting down, please reconnect" {
				t.Errorf("explained by %v", refusal)
			}
		})
	}
}

func TestABrokenFrameAfterTheJoinEndsTheSession(t *testing.T) {
	end := make(chan error, 1)
	mc := startMC(t, func(p *peer) {
		p.join()
		p.raw([]byte{0, 0, 0, 0})
		end <- p.closed()
	})
	s := mc.joinedSession()
	_, err := s.Await(mc.ctx, Directed())
	var broken *ProtocolError
	if !errors.As(err, &broken) || !errors.Is(err, framing.ErrEmpty) {
		t.Errorf("error %v", err)
	}
	var app *quic.ApplicationError
	if err := take(mc, end); !errors.As(err, &app) || app.ErrorCode != 0 {
		t.Errorf("the connection was closed with %v", err)
	}
}

func TestAStreamThatMCFinishesAfterTheJoinEndsTheSession(t *testing.T) {
	end := make(chan error, 1)
	mc := startMC(t, func(p *peer) {
		p.join()
		_ = p.stream.Close()
		end <- p.closed()
	})
	s := mc.joinedSession()
	<-s.Done()
	var closed *ClosedError
	if !errors.As(s.Err(), &closed) || !strings.Contains(s.Err().Error(), "EOF") {
		t.Errorf("the session ended with %v", s.Err())
	}
	var app *quic.ApplicationError
	if err := take(mc, end); !errors.As(err, &app) || app.ErrorCode != 0 {
		t.Errorf("the connection was closed with %v", err)
	}
}

func TestAPanicInOnViewEndsTheSessionOnly(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		hold(p)
	})
	s := mc.connect(func(c *Config) { c.OnView = func(View) { panic("out of slots") } })
	_, err := s.Join(mc.ctx, request())
	var p *PanicError
	if !errors.As(err, &p) || p.Value != "out of slots" || !strings.Contains(string(p.Stack), "TestAPanicInOnView") {
		t.Errorf("error %v", err)
	}
}

func TestASessionPrintsWithoutItsSecrets(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		hold(p)
	})
	s := mc.joinedSession()
	type outer struct{ hidden *Session }
	text := fmt.Sprintf("%v %+v %#v %s %d %v %s", s, s, s, s, s, outer{s}, outer{s})
	for _, secret := range []string{"the.meeting.token", "Ada Lovelace", "Person Number", "binding-token"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	if !strings.Contains(text, "joined as sender 3") {
		t.Errorf("it prints %s", text)
	}
}
