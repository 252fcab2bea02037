package mc

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

func TestAJoinAnswersWithTheRosterTheHandlersAndTheKey(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.join("ann"), r.join("bob", func(j *joinRequest) { j.key = nil })
		got := b.response
		if len(got.ExistingParticipants) != 1 || got.ExistingParticipants[0].ParticipantId != a.p.id ||
			got.ExistingParticipants[0].Name != "ann" || got.ExistingParticipants[0].GetSenderId() != 1 ||
			len(got.ExistingParticipants[0].IdentityPublicKey) != 32 {
			t.Errorf("roster = %v", got.ExistingParticipants)
		}
		if len(got.MediaServers) != 2 || got.MediaServers[0].MediaHandlerUrl != "https://mh-0" || got.MediaServers[1].MediaHandlerUrl != "https://mh-1" {
			t.Errorf("media servers = %v", got.MediaServers)
		}
		if len(got.MeetingKek) != 32 || string(got.MeetingKek) != string(a.response.MeetingKek) || got.KekGeneration != 0 || got.KekRotationDebounceSeconds != 60 {
			t.Errorf("key of generation %d, W %d", got.KekGeneration, got.KekRotationDebounceSeconds)
		}
		if got.GetSenderId() != 2 || got.CorrelationId == "" || len(got.BindingToken) != 64 || strings.Trim(got.BindingToken, "0123456789abcdef") != "" {
			t.Errorf("sender %d, binding %q", got.GetSenderId(), got.BindingToken)
		}
		joined := a.hears()[0].GetParticipantJoined().Participant
		if joined.ParticipantId != b.p.id || len(joined.IdentityPublicKey) != 0 {
			t.Errorf("the others hear %v", joined)
		}
		b.wants("nothing before it declares")
	})
}

func TestDisplayNames(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"Ann", "Ann"},
		{"", "Participant 3"},
		{strings.Repeat("x", 300), strings.Repeat("x", 256)},
		{strings.Repeat("é", 200), strings.Repeat("é", 128)},
		{"x" + strings.Repeat("é", 200), "x" + strings.Repeat("é", 127)},
	} {
		if got := displayName(tc.in, 3); got != tc.want {
			t.Errorf("%q becomes %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestACleanLeaveIsToldAtOnceAndRotatesTheKeyOnceAfterW(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b, c := r.join("ann"), r.join("bob"), r.join("cid")
		a.hears()
		b.leave(true)
		a.wants("bob leaves", "left VOLUNTARY")
		sleep(40 * time.Second)
		c.leave(true)
		a.wants("cid leaves", "left VOLUNTARY")
		sleep(19 * time.Second)
		a.wants("before W")
		sleep(time.Second)
		got := a.hears()
		if len(got) != 1 || got[0].GetMeetingKekUpdate() == nil {
			t.Fatalf("after W: %v", got)
		}
		u := got[0].GetMeetingKekUpdate()
		if u.KekGeneration != 1 || u.KekRotationDebounceSeconds != 60 || len(u.MeetingKek) != 32 || string(u.MeetingKek) == string(a.response.MeetingKek) {
			t.Errorf("update to generation %d", u.KekGeneration)
		}
		sleep(10 * time.Minute)
		a.wants("one rotation for both")

		d := r.join("dan")
		if d.sender() != 4 || string(d.response.MeetingKek) != string(u.MeetingKek) || d.response.KekGeneration != 1 {
			t.Errorf("a later joiner is sender %d with generation %d", d.sender(), d.response.KekGeneration)
		}
		sleep(10 * time.Minute)
		a.wants("a join never rotates", "joined 4")
	})
}

func TestTheDebounceIsAnnouncedInWholeSecondsAndNeverAsZero(t *testing.T) {
	for _, tc := range []struct {
		w    time.Duration
		want uint32
	}{{20 * time.Millisecond, 1}, {time.Second, 1}, {1500 * time.Millisecond, 2}, {time.Minute, 60}} {
		inMeeting(t, func(r *rig) {
			r.opts.Times.KEKDebounce = tc.w
			if got := r.join("ann").response.KekRotationDebounceSeconds; got != tc.want {
				t.Errorf("%s is announced as %d, want %d", tc.w, got, tc.want)
			}
		})
	}
}

func TestALostConnectionIsHeldForItsGrace(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.enters("ann", 1)
		sleep(7 * time.Second) // off the beat of the five-second look
		b := r.enters("bob", 1)
		a.hears()
		b.leave(false)
		c := r.join("cid")
		if got := len(c.response.ExistingParticipants); got != 2 {
			t.Errorf("a joiner sees %d others, want 2", got)
		}
		a.wants("bob is lost", "joined 3")
		a.slotsAre("bob is lost", "2")
		sleep(32 * time.Second)
		a.wants("grace over, but not looked at")
		sleep(time.Second)
		a.wants("looked at", "left TIMEOUT", "directive []", "slots -")
	})
}

func TestNobodyWithoutAConnectionIsGivenANewKey(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.opts.Times.KEKDebounce = time.Second
		a, b, c := r.join("ann"), r.join("bob"), r.join("cid")
		a.hears()
		b.hears()
		b.leave(false)
		c.leave(true)
		sleep(2 * time.Second)
		a.wants("rotated", "left VOLUNTARY", "key 1")
		b.wants("lost")
	})
}

func TestTheLastOneOutEndsTheMeeting(t *testing.T) {
	for _, voluntary := range []bool{true, false} {
		t.Run(fmt.Sprint("voluntary ", voluntary), func(t *testing.T) {
			inMeeting(t, func(r *rig) {
				a := r.join("ann")
				a.leave(voluntary)
				sleep(time.Minute)
				select {
				case m := <-r.over:
					if m != r.m {
						t.Error("another meeting is over")
					}
				default:
					t.Fatal("the meeting is not over")
				}
				a.wants("no rotation follows")
				if _, err := r.tryJoin("bob"); !errors.Is(err, errMeetingOver) {
					t.Errorf("joining afterwards: %v", err)
				}
				if got := r.m.mediaConnected(t.Context(), "ann", "mh-0", "x"); got != 0 {
					t.Errorf("media afterwards is bound to %d", got)
				}
			})
		})
	}
}

func TestSenderIDsAreNeverReusedInsideOneKeyGeneration(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.join("ann")
		for want := uint32(2); want <= 4; want++ {
			w := r.join("bob")
			if w.sender() != want {
				t.Errorf("sender %d, want %d", w.sender(), want)
			}
			w.leave(true)
		}
	})
}

func TestASpentSenderSpaceOpensAFreshOneUnderANewKey(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.join("ann"), r.join("bob")
		b.connect("mh-0")
		b.leave(true) // its media connection is still open
		a.hears()
		r.m.lastSender = maxSenderID
		c := r.join("cid")
		if c.sender() != 3 || c.response.KekGeneration != 1 {
			t.Errorf("sender %d with generation %d, want 3 and 1", c.sender(), c.response.KekGeneration)
		}
		a.wants("the key comes before the joiner", "key 1", "joined 3")

		r.m.kek.generation = math.MaxUint16
		r.m.lastSender = maxSenderID
		if _, err := r.tryJoin("dan"); !errors.Is(err, errGenerationExhausted) {
			t.Errorf("with all generations used: %v", err)
		}
	})
}

func TestWrongKeysForEverybody(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.opts.Faults.Set(fault.Faults{MC: fault.MC{WrongKEK: true, WrongRosterKey: true}})
		a, b := r.join("ann"), r.join("bob")
		if string(a.response.MeetingKek) == string(b.response.MeetingKek) || a.response.KekGeneration != b.response.KekGeneration {
			t.Error("the meeting keys do not differ in one generation")
		}
		if got := b.response.ExistingParticipants[0].IdentityPublicKey; len(got) != 32 || strings.HasPrefix(string(got), "ann") {
			t.Error("the identity key is the one that was sent")
		}
	})
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := newKEK(3)
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), k.LogValue().String()} {
		if s != "meeting key of generation 3" {
			t.Errorf("printed as %q", s)
		}
	}
}

func TestNoHandlerOfUseIsNoMeeting(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.m.reassign([]assignment{{id: "mh-0", url: ""}, {id: "mh-1", url: "https://mh-1"}})
		if _, err := r.tryJoin("ann"); !errors.Is(err, errNoHandlers) {
			t.Errorf("joining: %v", err)
		}
		r.m.reassign(twoHandlers())
		r.join("ann")
		r.m.reassign([]assignment{{id: "mh-9", url: "https://mh-9", grpc: "9"}})
		if got := r.join("bob").response.MediaServers; len(got) != 2 {
			t.Errorf("the handlers are not frozen: %v", got)
		}
	})
}

func TestAnEntryHasNoMuteStateAndNoStreams(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		want := &signalingv1.Participant{ParticipantId: a.p.id, Name: "ann", SenderId: a.response.SenderId, IdentityPublicKey: a.p.key}
		if got := a.p.entry(); got.String() != want.String() {
			t.Errorf("entry = %v", got)
		}
	})
}
