package browser

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/interop/chromium"
)

// enough is how many frames each has to hear of the other before anything is
// judged: three seconds' worth.
const enough = 150

// identity is what a join at the page returns.
type identity struct {
	SenderID      uint16
	ParticipantID string
	IdentityKey   string
	Handlers      int
}

func (w *world) joinFrom(b *browser) identity {
	var self identity
	cred := credentials("browser")
	b.call(&self, "join", map[string]any{
		"email": cred.Email, "password": cred.Password, "displayName": cred.DisplayName,
		"code": w.code.Reveal(), "hashes": w.pins(), "slots": 2,
	})
	return self
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

func TestABrowserAndAParticipantHearEachOther(t *testing.T) {
	w := newWorld(t)
	b := open(t, w.serve(t))
	ours := w.enter(t)
	self := w.joinFrom(b)

	if self.SenderID == ours.SenderID() || self.SenderID == 0 || self.Handlers != len(w.HandlerURLs) {
		t.Fatalf("the page joined as sender %d with %d handlers", self.SenderID, self.Handlers)
	}
	ours.do("meeting the browser", func(ctx context.Context) error {
		_, err := ours.AwaitHearing(ctx, self.SenderID)
		return err
	})
	if who, ok := ours.View().PersonOf(self.SenderID); !ok || hex.EncodeToString(who.IdentityKey) != self.IdentityKey {
		t.Errorf("our roster shows another identity key than the page's")
	}
	ours.hears(self.SenderID, enough, func(media.Received) bool { return true })
	b.call(nil, "awaitHeard", ours.SenderID(), enough, ms(patience))

	muteAndUnmute(t, b, ours, self)
	newMeetingKey(t, w, b, ours, self)

	var r report
	b.call(nil, "mute", true) // what it has sent by now is all it sends
	b.call(&r, "report")
	judgePage(t, &r, ours.SenderID())

	picture := filepath.Join(t.TempDir(), "page.png")
	if kept := os.Getenv("DARKTOWER_BROWSER_PICTURE"); kept != "" {
		picture = kept
	}
	b.screenshot(picture)
	if data, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("the picture of the page: %v, %d bytes", err, len(data))
	}

	b.call(nil, "leave")
	ours.do("seeing the browser leave", func(ctx context.Context) error {
		v, err := ours.AwaitView(ctx, gone(self.ParticipantID))
		if err == nil {
			t.Logf("the browser left: MC says %v", v.Left[len(v.Left)-1].Reason)
		}
		return err
	})
	ours.do("leaving", ours.Leave)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Quiesce(ctx); err != nil {
		t.Errorf("the meeting does not become empty: %v", err)
	}
	heard := judgeOurs(t, &r, ours, self.SenderID)
	tell(t, b, &r, heard)
}

// hears waits until n frames of sender that fulfil cond have been accepted.
func (p *person) hears(sender uint16, n int, cond func(media.Received) bool) {
	p.t.Helper()
	p.do(fmt.Sprintf("hearing %d frames of sender %d", n, sender), func(ctx context.Context) error {
		heard := 0
		_, err := p.AwaitFrame(ctx, func(r media.Received) bool {
			if r.Accepted() && r.SenderID == sender && cond(r) {
				heard++
			}
			return heard >= n
		})
		return err
	})
}

// muteAndUnmute has the page fall silent and speak again, under a new transmit
// key, and then ours.
func muteAndUnmute(t *testing.T, b *browser, ours *person, self identity) {
	before := ours.newest(self.SenderID)
	b.call(nil, "mute", true)
	var muted, later report
	b.call(&muted, "report")
	ours.do("seeing the mute", func(ctx context.Context) error {
		_, err := ours.AwaitView(ctx, inState(self.SenderID, signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED))
		return err
	})
	b.call(nil, "awaitHeard", ours.SenderID(), muted.heard(ours.SenderID())+10, ms(patience))
	b.call(&later, "report")
	if len(later.Sent) != len(muted.Sent) {
		t.Errorf("the page sent %d frames while it was muted", len(later.Sent)-len(muted.Sent))
	}
	b.call(nil, "mute", false)
	ours.hears(self.SenderID, 10, func(r media.Received) bool { return r.Generation == before.Generation+1 })
	ours.do("seeing the unmute", func(ctx context.Context) error {
		_, err := ours.AwaitView(ctx, inState(self.SenderID, signalingv1.SlotState_SLOT_STATE_ACTIVE))
		return err
	})
	ours.do("muting", func(ctx context.Context) error { return ours.Mute(ctx, true) })
	b.call(nil, "awaitSlot", ours.SenderID(), "source_muted", ms(patience))
	ours.do("unmuting", func(ctx context.Context) error { return ours.Mute(ctx, false) })
	b.call(nil, "awaitSlot", ours.SenderID(), "active", ms(patience))
}

// newMeetingKey has a third participant come and go: who stays gets another
// meeting key, and goes on under it.
func newMeetingKey(t *testing.T, w *world, b *browser, ours *person, self identity) {
	third := w.enter(t)
	b.call(nil, "awaitHeard", third.SenderID(), 10, ms(patience))
	third.hears(self.SenderID, 10, func(media.Received) bool { return true })
	before := ours.newest(self.SenderID)
	third.do("leaving", third.Leave)
	b.call(nil, "awaitKek", 1, ms(patience))
	ours.hears(self.SenderID, 25, func(r media.Received) bool { return r.Generation > before.Generation })
	var r report
	b.call(&r, "report")
	b.call(nil, "awaitHeard", ours.SenderID(), r.heard(ours.SenderID())+25, ms(patience))
	if kek := ours.View().KEK; kek == nil || kek.Generation != 1 || r.KEKGeneration != 1 {
		t.Errorf("meeting keys %v at ours and %d at the page, not both 1", kek, r.KEKGeneration)
	}
}

// newest is the last frame accepted of sender.
func (p *person) newest(sender uint16) media.Received {
	var last media.Received
	for _, r := range p.Received() {
		if r.Accepted() && r.SenderID == sender {
			last = r
		}
	}
	return last
}

func inState(sender uint16, state signalingv1.SlotState) signaling.Expectation {
	return signaling.Expectation{What: fmt.Sprintf("sender %d to be %v", sender, state), Missing: func(v signaling.View) (string, error) {
		a, ok := v.SlotOf(sender)
		if ok && a.State == state {
			return "", nil
		}
		return a.State.String(), nil
	}}
}

func gone(participant string) signaling.Expectation {
	return signaling.Expectation{What: "the browser to leave", Missing: func(v signaling.View) (string, error) {
		if _, there := v.Roster[participant]; there {
			return "on the roster", nil
		}
		return "", nil
	}}
}

func TestThePageAgreesWithTheContractOnItsOwn(t *testing.T) {
	node := chromium.Node(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "frames.test.mjs")
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
