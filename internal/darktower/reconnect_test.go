package darktower_test

import (
	"context"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/mc"
)

// restored waits until both hear each other over what the cut cannot have touched.
func restored(returner, stayer *person, cut time.Time) (heard, reached media.Received) {
	returner.t.Helper()
	heard = returner.hear(stayer, returner.MadeAfterCut)
	reached = stayer.hear(returner, func(r media.Received) bool { return returner.SentAfter(r, cut) })
	return heard, reached
}

func TestAfterACleanCutOneComesBackAsSomebodyNew(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	stayer, returner := w.converse(t)
	before := returner.SenderID()
	cut, err := returner.CutClean()
	if err != nil {
		t.Fatal(err)
	}
	if returner.Dead() != nil {
		t.Errorf("who has cut is not dead: %v", returner.Dead())
	}
	returner.ready()
	heard, reached := restored(returner, stayer, cut)
	if returner.Resumed() || returner.SenderID() == before || !returner.Redialed() {
		t.Errorf("came back as %d, was %d, resumed %v", returner.SenderID(), before, returner.Resumed())
	}
	if reached.Sequence > 1000 || reached.Generation == 0 || heard.ConnEpoch != 2 {
		t.Errorf("heard %+v, reached %+v", heard, reached)
	}
	epochs := map[uint32]uint16{}
	for _, s := range returner.Sent() {
		if id, seen := epochs[s.Epoch]; seen && id != s.SenderID {
			t.Fatalf("epoch %d has two sender ids", s.Epoch)
		} else if !seen && s.Sequence != 0 {
			t.Errorf("epoch %d begins at sequence %d", s.Epoch, s.Sequence)
		}
		epochs[s.Epoch] = s.SenderID
	}
	if len(epochs) != 2 {
		t.Errorf("epochs %v", epochs)
	}
	if v := stayer.View(); len(v.Roster) != 1 {
		t.Errorf("%d others on the stayer's roster", len(v.Roster))
	}
}

func TestAfterAnAbruptCutTheIdentityIsResumed(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	stayer, returner := w.converse(t)
	id, participant := returner.SenderID(), returner.ParticipantID()
	cut, err := returner.CutAbrupt()
	if err != nil {
		t.Fatal(err)
	}
	returner.arrive()
	resumedAt := len(returner.Sent())
	returner.do("talking", returner.Talk)
	returner.do("declaring", returner.Declare)
	heard, reached := restored(returner, stayer, cut)
	if !returner.Resumed() || returner.SenderID() != id || returner.ParticipantID() != participant {
		t.Fatalf("came back as %d (%s), was %d (%s)", returner.SenderID(), returner.ParticipantID(), id, participant)
	}
	sent := returner.Sent()
	old := sent[resumedAt-1]
	if reached.Sequence <= old.Sequence || reached.Generation <= old.Generation {
		t.Errorf("the stayer accepted %+v; before the cut the sender was at generation %d, sequence %d", reached, old.Generation, old.Sequence)
	}
	for i, s := range sent {
		if s.Epoch != 1 || s.Sequence != uint32(i) {
			t.Fatalf("frame %d: epoch %d, sequence %d: a resumed identity goes on counting", i, s.Epoch, s.Sequence)
		}
	}
	if heard.ConnEpoch != 2 {
		t.Errorf("heard over connection %d", heard.ConnEpoch)
	}
	if n := stayer.ReceivedStats().Refused["replay_detected"]; n > 0 {
		t.Errorf("the stayer refused %d frames as replays", n)
	}
	after := 0
	for _, c := range returner.Connections() {
		if c.AfterCut {
			after++
		}
	}
	if after != 3 || len(returner.Connections()) != 6 {
		t.Errorf("%d of %d connections were made after the cut, want 3 of 6", after, len(returner.Connections()))
	}
	returner.do("leaving", returner.Leave)
	stayer.do("leaving", stayer.Leave)
	w.quiesce(t)
}

func TestAsDeployedAnAbruptCutLeavesAGhostUntilItIsClosed(t *testing.T) {
	w := newWorld(t, devstack.Options{AsDeployed: true, Times: devstack.Times{MC: mc.Times{Idle: time.Second, Grace: 500 * time.Millisecond, GraceTick: 100 * time.Millisecond}}})
	stayer, returner := w.converse(t)
	before := returner.SenderID()
	if _, err := returner.CutAbrupt(); err != nil {
		t.Fatal(err)
	}
	returner.do("connecting", returner.ConnectMC)
	returner.do("joining", returner.JoinMC)
	if returner.Resumed() || returner.SenderID() == before {
		t.Fatalf("resumed %v as %d", returner.Resumed(), returner.SenderID())
	}
	if _, ghost := returner.View().PersonOf(before); !ghost {
		t.Errorf("the ghost is not on the roster")
	}
	stayer.do("seeing the ghost time out", func(ctx context.Context) error {
		_, err := stayer.AwaitView(ctx, left(1))
		return err
	})
}

func TestAfterAHandlerWasCutMediaComesBack(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	stayer, returner := w.converse(t)
	url := returner.InboundHandler()
	id := returner.SenderID()
	cut, err := returner.CutHandler(url)
	if err != nil {
		t.Fatal(err)
	}
	returner.do("redialing", func(ctx context.Context) error {
		r, err := returner.RedialHandler(ctx)
		if err == nil && (r.URL != url || r.ConnEpoch != 2) {
			t.Errorf("redialed %+v", r)
		}
		return err
	})
	restored(returner, stayer, cut)
	returner.do("being bound", returner.AwaitBound)
	if returner.SenderID() != id || returner.Redialed() || returner.Dead() != nil {
		t.Errorf("the MC session is another one")
	}
	if cuts := returner.Cuts(); len(cuts) != 1 || cuts[0].Kind != darktower.CutKindHandler || !cuts[0].At.Equal(cut) || cuts[0].URL != url {
		t.Errorf("cuts %+v", cuts)
	}
}

func TestAMigrationKeepsEverythingButTheAddress(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	stayer, returner := w.converse(t)
	id := returner.SenderID()
	cut, err := returner.Migrate()
	if err != nil {
		t.Fatal(err)
	}
	restored(returner, stayer, cut)
	moved := time.Now()
	returner.hear(stayer, after(moved.Add(300*time.Millisecond)))
	if returner.SenderID() != id || returner.Redialed() || len(returner.Connections()) != 3 {
		t.Errorf("more changed than the address")
	}
	// MC hears the returner at its new address.
	returner.do("muting", func(ctx context.Context) error { return returner.Mute(ctx, true) })
	stayer.do("seeing the mute", func(ctx context.Context) error {
		_, err := stayer.AwaitView(ctx, signaling.Expectation{What: "the returner to be muted", Missing: func(v signaling.View) (string, error) {
			if s, ok := v.SlotOf(id); ok && !s.Active(id) {
				return "", nil
			}
			return "not muted", nil
		}})
		return err
	})
}

func TestReleaseOnEveryPathFreesEverything(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	for _, upTo := range []string{"made", "asked", "connected", "joined", "talking", "dark", "cut"} {
		p := w.invite(t)
		ctx := t.Context()
		steps := []struct {
			name string
			do   func() error
		}{
			{"made", func() error { return nil }},
			{"asked", func() error { _, err := p.RequestJoin(ctx, w.code); return err }},
			{"connected", func() error { return p.ConnectMC(ctx) }},
			{"joined", func() error { return p.JoinMC(ctx) }},
			{"talking", func() error {
				if _, err := p.ConnectHandlers(ctx); err != nil {
					return err
				}
				return p.Talk(ctx)
			}},
			{"dark", func() error { _, err := p.CutAbrupt(); return err }},
			{"cut", func() error { _, err := p.CutClean(); return err }},
		}
		for _, s := range steps {
			if err := s.do(); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if s.name == upTo {
				break
			}
		}
		p.Release()
		for _, c := range p.Connections() {
			if c.Open {
				t.Errorf("%s: %s is open", upTo, c.URL)
			}
		}
		w.quiesce(t) // nobody was left behind, in the dark or not
	}
}

func TestReleaseWhileConnectingFreesWhatWasConnected(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	for range 5 {
		p := w.invite(t)
		p.do("asking GC", func(ctx context.Context) error { _, err := p.RequestJoin(ctx, w.code); return err })
		done := make(chan struct{})
		go func() {
			defer close(done)
			if p.ConnectMC(t.Context()) == nil && p.JoinMC(t.Context()) == nil {
				_, _ = p.ConnectHandlers(t.Context())
			}
		}()
		p.Release()
		<-done
	}
	w.quiesce(t)
}
