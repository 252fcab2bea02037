package mc

import (
	"testing"
	"time"
)

func TestAResumedParticipantIsItselfAgain(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b, c := r.enters("ann", 2, asHost), r.enters("bob", 2), r.enters("cid", 2)
		a.mutesOther(b.p.id, true, false)
		for _, w := range []*person{a, b, c} {
			w.hears()
		}
		b.leave(false)
		sleep(20 * time.Second)
		again := r.join("bob", resuming(b))
		if again.p != b.p || again.response.ParticipantId != b.response.ParticipantId || again.sender() != b.sender() {
			t.Fatalf("another participant: sender %d", again.sender())
		}
		if again.response.CorrelationId == b.response.CorrelationId || again.response.BindingToken == b.response.BindingToken {
			t.Error("the binding was not renewed")
		}
		if string(again.response.MeetingKek) != string(b.response.MeetingKek) || again.response.KekGeneration != 0 {
			t.Error("resuming rotated the key")
		}
		if len(again.response.ExistingParticipants) != 2 || len(again.response.MediaServers) != 2 {
			t.Errorf("answered with %v", again.response)
		}
		a.wants("the others hear nothing of it")
		again.wants("its own server mute is replayed", "mute audio=true video=false by=true")
		again.declare(audioSlots(2)...)
		again.wants("the view in full, slots kept", "directive [mh-1]", "slots 1 3")
		a.slotsAre("nobody has moved", "2m 3")

		sleep(10 * time.Minute)
		a.wants("no timeout, no rotation")
		third := r.join("bob", resuming(again))
		if third.p != b.p {
			t.Error("resuming a second time makes a new session")
		}
	})
}

func TestResumingReplacesAConnectionThatIsStillUp(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.enters("bob", 1)
		a.hears()
		sleep(10 * time.Minute) // the binding lives as long as the connection
		again := r.join("bob", resuming(b))
		if again.p != b.p {
			t.Fatal("a new participant")
		}
		select {
		case <-b.c.replaced:
		default:
			t.Error("the old connection was not dropped")
		}
		b.leave(true)
		b.declare()
		b.mutes(true, false)
		a.wants("what the old connection still says or does is ignored")
	})
}

func TestAnInvalidBindingIsANewSession(t *testing.T) {
	inMeeting(t, func(r *rig) {
		b := r.enters("bob", 1)
		other := r.join("zoe")
		for _, tc := range []struct {
			name, user string
			change     func(*joinRequest)
		}{
			{"an unknown correlation id", "bob", func(j *joinRequest) { j.correlationID = "x" }},
			{"no correlation id", "bob", func(j *joinRequest) { j.correlationID = "" }},
			{"no token", "bob", func(j *joinRequest) { j.bindingToken = "" }},
			{"another's token", "bob", func(j *joinRequest) { j.bindingToken = other.response.BindingToken }},
			{"a token cut short", "bob", func(j *joinRequest) { j.bindingToken = j.bindingToken[:63] }},
			{"another user", "eve", func(*joinRequest) {}},
		} {
			w := r.join(tc.user, resuming(b), tc.change)
			if w.p == b.p || w.sender() == b.sender() {
				t.Errorf("%s resumes", tc.name)
			}
			w.leave(true)
		}
		if b.p.gone || b.p.client != b.c {
			t.Error("the session that was not resumed has suffered")
		}
	})
}

func TestABindingLivesForItsTimeFromTheDisconnect(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.join("ann")
		sleep(2 * time.Second)
		b := r.join("bob")
		b.leave(false)
		sleep(30 * time.Second)
		again := r.join("bob", resuming(b))
		if again.p != b.p {
			t.Fatal("30 s after the disconnect it is a new session")
		}
		again.leave(false)
		sleep(30*time.Second + time.Millisecond)
		if late := r.join("bob", resuming(again)); late.p == b.p || b.p.gone {
			t.Error("just after, while the grace has not been looked at, it resumes")
		}
	})
}

func TestABindingIsGoodOnce(t *testing.T) {
	inMeeting(t, func(r *rig) {
		b := r.join("bob")
		again := r.join("bob", resuming(b))
		if third := r.join("bob", resuming(b)); third.p == again.p {
			t.Error("an old binding resumes")
		}
	})
}

func TestACleanLeaveCannotBeResumed(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.join("ann")
		b := r.join("bob")
		b.leave(true)
		if again := r.join("bob", resuming(b)); again.sender() == b.sender() {
			t.Error("resumed")
		}
	})
}

func TestAChangedIdentityKeyIsPublished(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.join("ann"), r.join("bob")
		a.hears()
		again := r.join("bob", resuming(b), func(j *joinRequest) { j.key = []byte("another key of thirty-two bytes.") })
		got := a.hears()
		if again.p != b.p || len(got) != 1 || string(got[0].GetParticipantJoined().GetParticipant().GetIdentityPublicKey()) != "another key of thirty-two bytes." {
			t.Errorf("the others hear %v", got)
		}
	})
}

func TestAsDeployedABindingIsIgnored(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.opts.AsDeployed = true
		a, b := r.join("ann"), r.join("bob")
		a.hears()
		b.leave(false)
		again := r.join("bob", resuming(b))
		if again.p == b.p || again.sender() != 3 || len(again.response.ExistingParticipants) != 2 {
			t.Errorf("resumed as sender %d", again.sender())
		}
		a.wants("a new participant", "joined 3")
		if got := again.connect("mh-0"); got != 0 {
			t.Errorf("media is bound to %d while the old entry is in its grace", got)
		}
		sleep(35 * time.Second)
		a.wants("the old entry", "left TIMEOUT")
		if got := again.connect("mh-0"); got != 3 {
			t.Errorf("media is bound to %d afterwards", got)
		}
	})
}

func TestBindingTokensDependOnMeetingParticipantAndNonce(t *testing.T) {
	k1, err := bindingKey([]byte("master"), "one")
	if err != nil {
		t.Fatal(err)
	}
	k2, err := bindingKey([]byte("master"), "two")
	if err != nil {
		t.Fatal(err)
	}
	b, other := newBinding(), newBinding()
	seen := map[string]bool{}
	for _, token := range []string{
		b.token(k1, "p"), b.token(k2, "p"), b.token(k1, "q"), other.token(k1, "p"),
		binding{b.correlationID, other.nonce}.token(k1, "p"),
	} {
		if seen[token] {
			t.Errorf("token %s twice", token)
		}
		seen[token] = true
	}
	if first, second := b.token(k1, "p"), b.token(k1, "p"); first != second {
		t.Error("a token is not reproducible")
	}
}
