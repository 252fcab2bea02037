package darktower_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mc"
)

func TestTwoPeopleHearEachOther(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	a, b := w.converse(t)

	from := time.Now()
	pair := media.Pair{From: from.Add(100 * time.Millisecond), To: from.Add(600 * time.Millisecond), Settle: patience}
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		p[0].hear(p[1], after(from.Add(800*time.Millisecond)))
	}
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		pair.Sent, pair.Received = p[1].Sent(), p[0].Received()
		e := media.Legs(pair)
		if e.Delivered < e.Sent*9/10 || e.Sent == 0 || e.Delivered+e.Late+e.Lost()+e.RefusedTotal() != e.Sent {
			t.Errorf("%v hears %v: %d of %d frames, lost %d, refused %v", p[0].Participant, p[1].Participant, e.Delivered, e.Sent, e.Lost(), e.Refused)
		}
		st := p[0].ReceivedStats()
		refused := 0
		for _, n := range st.Refused {
			refused += n
		}
		if st.Received != st.Accepted+refused || st.Undeclared != 0 {
			t.Errorf("stats %+v", st)
		}
	}
	if a.SenderID() == b.SenderID() || a.SenderID() == 0 || a.ParticipantID() == "" || a.Resumed() || a.Redialed() {
		t.Errorf("identities %d and %d", a.SenderID(), b.SenderID())
	}
	if who, ok := b.View().PersonOf(a.SenderID()); !ok || string(who.IdentityKey) != string(a.IdentityKey()) {
		t.Errorf("b's roster has another key for a")
	}
	if len(a.Targets()) != 1 || a.InboundHandler() == "" || a.Obedience() != nil || a.Dead() != nil {
		t.Errorf("targets %v, inbound %q, obedience %v, dead %v", a.Targets(), a.InboundHandler(), a.Obedience(), a.Dead())
	}
	if st := a.SentStats(); st.Failed != 0 || st.Dropped[media.DropNotConnected] != 0 || st.Dropped[media.DropRefused] != 0 {
		t.Errorf("sent stats %+v", st)
	}
	conns := a.Connections()
	if len(conns) != 3 || !conns[0].MC || conns[1].MC || conns[2].MC {
		t.Fatalf("connections: %+v", conns)
	}
	for _, c := range conns {
		if !c.Open || c.AfterCut || c.RTT <= 0 || c.CertificateUntil.Before(time.Now()) || c.Dialed == "" || c.Dialect == "" || c.Timings.Total <= 0 {
			t.Errorf("connection to %s: %+v", c.URL, c)
		}
	}

	a.do("leaving", a.Leave)
	b.do("seeing a leave", func(ctx context.Context) error {
		v, err := b.AwaitView(ctx, left(1))
		if err == nil && v.Left[0].Reason != signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY {
			t.Errorf("a left for %v", v.Left[0].Reason)
		}
		return err
	})
	if err := a.Dead(); err != nil {
		t.Errorf("who has left is not dead: %v", err)
	}
	b.do("leaving", b.Leave)
	b.do("leaving again", b.Leave)
	w.quiesce(t)
	a.Release()
	a.Release()
	if len(a.Sent()) == 0 || len(a.Received()) == 0 || len(a.Connections()) != 3 {
		t.Error("the records went with the release")
	}
	for _, c := range a.Connections() {
		if c.Open {
			t.Errorf("still open after release: %s", c.URL)
		}
	}
}

func left(n uint64) signaling.Expectation {
	return signaling.Expectation{What: fmt.Sprintf("%d people to have left", n), Missing: func(v signaling.View) (string, error) {
		if v.LeftCount >= n {
			return "", nil
		}
		return fmt.Sprintf("%d have", v.LeftCount), nil
	}}
}

func TestMutingStopsTheFramesAndUnmutingRotatesTheKey(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	a, b := w.converse(t)
	before := len(a.Sent())
	a.do("muting", func(ctx context.Context) error { return a.Mute(ctx, true) })
	b.do("seeing the mute", func(ctx context.Context) error {
		_, err := b.AwaitView(ctx, signaling.Expectation{What: "a to be muted", Missing: func(v signaling.View) (string, error) {
			if s, ok := v.SlotOf(a.SenderID()); ok && s.State == signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED {
				return "", nil
			}
			return "not muted", nil
		}})
		return err
	})
	quiet := a.Sent()
	silent := time.Now()
	a.hear(b, after(silent.Add(200*time.Millisecond))) // time passes, and the other goes on
	if n := len(a.Sent()); n != len(quiet) {
		t.Errorf("%d frames were built while muted", n-len(quiet))
	}
	last := quiet[len(quiet)-1]
	a.do("unmuting", func(ctx context.Context) error { return a.Mute(ctx, false) })
	heard := b.hear(a, func(r media.Received) bool { return r.Sequence > last.Sequence })
	if heard.Generation != last.Generation+1 || a.Sent()[len(quiet)].Sequence != last.Sequence+1 || before == 0 {
		t.Errorf("after the mute: %+v, before it generation %d, sequence %d", heard, last.Generation, last.Sequence)
	}
}

func TestANewMeetingKeyIsTakenUpWithoutAGap(t *testing.T) {
	w := newWorld(t, devstack.Options{Times: devstack.Times{MC: mc.Times{KEKDebounce: 300 * time.Millisecond}}})
	a, b := w.converse(t)
	c := w.invite(t)
	c.ready()
	c.hear(a, anyFrame)
	generation := a.View().KEK.Generation
	wrapped := b.hear(a, anyFrame).Generation
	c.do("leaving", c.Leave)
	for _, p := range []*person{a, b} {
		p.do("getting a new key", func(ctx context.Context) error {
			_, err := p.AwaitView(ctx, signaling.Expectation{What: "a new meeting key", Missing: func(v signaling.View) (string, error) {
				if v.KEK.Generation > generation {
					return "", nil
				}
				return "the old one", nil
			}})
			return err
		})
	}
	b.hear(a, func(r media.Received) bool { return r.Generation > wrapped })
	a.hear(b, func(r media.Received) bool { return r.Generation > wrapped })
	for _, p := range []*person{a, b} {
		st := p.ReceivedStats()
		for reason, n := range st.Refused {
			// Frames before the roster or the slot are known are the join's.
			if reason != "sender_not_assigned" && reason != "no_roster_entry" && reason != "no_kek_for_generation" {
				t.Errorf("%v refused %d for %s", p.Participant, n, reason)
			}
		}
		for _, odd := range []seal.WrapOutcome{seal.WrapGenerationConflict, seal.WrapKEKGenerationNotHeld, seal.WrapKeyIDMismatch} {
			if n := st.WrapOutcomes[odd]; n > 0 {
				t.Errorf("%v: %d frames were %s", p.Participant, n, odd)
			}
		}
	}
}

func TestOneAloneIsToldToSendNothing(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	a := w.invite(t)
	a.ready()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := a.AwaitDirected(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("directed: %v", err)
	}
	_, err := a.AwaitFrame(ctx, anyFrame)
	var wait *media.WaitError
	if !errors.As(err, &wait) || !wait.Timeout() || wait.Received != 0 {
		t.Errorf("a frame: %v", err)
	}
	if len(a.Sent()) != 0 {
		t.Errorf("%d frames were built for nobody", len(a.Sent()))
	}
}

func TestStepsOutOfOrderAreRefusedByName(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	p, err := darktower.New(w.platform, credentials(99), darktower.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	ctx := t.Context()
	for _, tc := range []struct {
		name string
		do   func() error
		want error
	}{
		{"asking GC before signing in", func() error { _, err := p.RequestJoin(ctx, w.code); return err }, darktower.ErrNotSignedIn},
		{"connecting before asking GC", func() error { return p.ConnectMC(ctx) }, darktower.ErrNoTicket},
		{"joining before connecting", func() error { return p.JoinMC(ctx) }, darktower.ErrNotConnected},
		{"handlers before joining", func() error { _, err := p.ConnectHandlers(ctx); return err }, darktower.ErrNotConnected},
		{"declaring", func() error { return p.Declare(ctx) }, darktower.ErrNotConnected},
		{"talking", func() error { return p.Talk(ctx) }, darktower.ErrNotConnected},
		{"muting", func() error { return p.Mute(ctx, true) }, darktower.ErrNotConnected},
		{"waiting for a directive", func() error { return p.AwaitDirected(ctx) }, darktower.ErrNotConnected},
		{"waiting for a frame", func() error { _, err := p.AwaitFrame(ctx, anyFrame); return err }, darktower.ErrNotConnected},
		{"cutting cleanly", func() error { _, err := p.CutClean(); return err }, darktower.ErrNotConnected},
		{"cutting abruptly", func() error { _, err := p.CutAbrupt(); return err }, darktower.ErrNotConnected},
		{"migrating", func() error { _, err := p.Migrate(); return err }, darktower.ErrNotConnected},
		{"cutting a handler", func() error { _, err := p.CutHandler("https://x:1"); return err }, media.ErrNoConnection},
	} {
		if err := tc.do(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	if _, err := p.RedialHandler(ctx); err == nil {
		t.Error("a handler that was never cut was redialed")
	}
	if err := p.AwaitBound(ctx); err == nil {
		t.Error("a handler that was never cut was awaited")
	}
	p.Quiet()
	if p.SenderID() != 0 || p.View().Joined || p.Dead() != nil || len(p.Connections()) != 0 || p.SessionContext().Err() != nil {
		t.Error("something came of nothing")
	}
	if err := p.Leave(ctx); err != nil {
		t.Errorf("leaving what was never entered: %v", err)
	}
	p.Release()
	if err := p.Talk(ctx); !errors.Is(err, darktower.ErrReleased) {
		t.Errorf("talking after release: %v", err)
	}
	if err := p.ConnectMC(ctx); !errors.Is(err, darktower.ErrReleased) {
		t.Errorf("connecting after release: %v", err)
	}
}

func TestATokenOfAnEarlierRunIsAsGoodAsASignIn(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	w.invite(t)
	again, err := darktower.New(w.platform, credentials(1), darktower.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	if !again.SignedIn() {
		t.Error("the token is not at hand")
	}
	if _, err := again.RequestJoin(t.Context(), w.code); err != nil {
		t.Error(err)
	}
	w.platform.Accounts.Forget(credentials(1))
	if again.SignedIn() {
		t.Error("a token that is forgotten is at hand")
	}
}

func TestAHandlerThatRejectsEndsTheWaitAtOnce(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	w.Faults().Set(fault.Faults{MH: fault.MH{RejectConnect: true}})
	a := w.invite(t)
	a.arrive()
	a.do("declaring", a.Declare)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.AwaitDirected(ctx); !errors.Is(err, media.ErrAllClosed) {
		t.Errorf("waiting to be directed: %v", err)
	}
	if _, err := a.AwaitFrame(ctx, anyFrame); !errors.Is(err, media.ErrAllClosed) {
		t.Errorf("waiting for a frame: %v", err)
	}
	if a.Dead() == nil {
		t.Error("without any handler a is not dead")
	}
}

func TestNoHandlerAtAllFailsTheStepAndIsReported(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	w.Faults().Set(fault.Faults{MH: fault.MH{RefuseConnections: true}})
	a := w.invite(t)
	a.do("asking GC", func(ctx context.Context) error { _, err := a.RequestJoin(ctx, w.code); return err })
	a.do("connecting to MC", a.ConnectMC)
	a.do("joining", a.JoinMC)
	results, err := a.ConnectHandlers(t.Context())
	var failed *media.ConnectError
	if !errors.As(err, &failed) || len(results) != 2 || results[0].Connected() || results[1].Connected() {
		t.Fatalf("results %+v, error %v", results, err)
	}
	if a.Dead() != nil {
		t.Errorf("the MC session goes on: %v", a.Dead())
	}
}

func TestTheEndOfTheMCSessionEndsEveryWait(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	w.Faults().Set(fault.Faults{MC: fault.MC{DropAfterJoin: true}})
	a := w.invite(t)
	a.do("asking GC", func(ctx context.Context) error { _, err := a.RequestJoin(ctx, w.code); return err })
	a.do("connecting to MC", a.ConnectMC)
	_ = a.JoinMC(t.Context()) // the drop may or may not overtake the answer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var closed *signaling.ClosedError
	if _, err := a.AwaitFrame(ctx, anyFrame); !errors.As(err, &closed) {
		t.Errorf("waiting for a frame: %v", err)
	}
	if err := a.AwaitDirected(ctx); !errors.As(err, &closed) {
		t.Errorf("waiting to be directed: %v", err)
	}
	<-a.SessionContext().Done()
	if !errors.As(a.Dead(), &closed) {
		t.Errorf("dead: %v", a.Dead())
	}
}

func TestNothingSecretIsPrintedOrLogged(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	a, b := w.converse(t)
	token := a.Ticket().Token.Reveal()
	_, cutErr := a.CutHandler("https://unknown:1")
	w.Faults().Set(fault.Faults{MC: fault.MC{JoinError: 2}})
	a.do("connecting again", a.ConnectMC)
	joinErr := a.JoinMC(t.Context())
	if joinErr == nil {
		t.Error("the join was not refused")
	}
	printed := fmt.Sprintf("%v %+v %#v %s %v %v %+v %v %+v", a.Participant, a.Participant, a.Participant, b.Participant,
		cutErr, joinErr, a.View(), a.Connections(), a.Ticket()) + w.logs.String()
	for _, secret := range []string{token, w.code.Reveal(), "secret.example", "pass-word", "Displayed Name", string(a.IdentityKey())} {
		if strings.Contains(printed, secret) {
			t.Errorf("a secret (%d bytes) was printed", len(secret))
		}
	}
	if !strings.Contains(w.logs.String(), "media handler connected") {
		t.Error("nothing was logged: the search proves nothing")
	}
}
