package mc

import (
	"context"
	"testing"
	"time"
)

func (w *person) mutes(audio, video bool) {
	w.r.m.muteSelf(context.Background(), w.p, w.c, kinds{audio, video})
}

func (w *person) mutesOther(target string, audio, video bool) {
	w.r.m.muteOther(context.Background(), w.p, w.c, target, kinds{audio, video})
}

func (w *person) asks(audio, video bool) {
	w.r.m.askUnmute(context.Background(), w.p, w.c, kinds{audio, video})
}

func TestAClientsOwnMuteShowsOnlyInTheSlotsThatHoldIt(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.enters("bob", 1)
		a.hears()
		b.hears()
		b.mutes(true, false)
		a.wants("bob mutes", "slots 2m")
		b.wants("bob mutes")
		b.mutes(true, false)
		b.mutes(true, true)
		a.wants("the same, and video")
		b.mutes(false, true)
		a.wants("bob unmutes", "slots 2")
	})
}

func TestMuteReportsAreLimitedAndRepeatsAreFree(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.enters("bob", 1)
		a.hears()
		for i := range 20 {
			for range 10 {
				b.mutes(i%2 == 0, false)
			}
		}
		if got := len(a.hears()); got != 8 {
			t.Errorf("%d changes at once, want 8", got)
		}
		sleep(250 * time.Millisecond)
		for i := range 4 {
			b.mutes(i%2 == 0, false)
		}
		if got := len(a.hears()); got != 1 {
			t.Errorf("%d changes 250 ms later, want 1", got)
		}
	})
}

func TestAHostMutesAndUnmutesForEverybody(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b, c := r.enters("ann", 2, asHost), r.enters("bob", 2), r.enters("cid", 2)
		for _, w := range []*person{a, b, c} {
			w.hears()
		}
		before := r.mh[0].last().PolicyGeneration
		a.mutesOther(b.p.id, true, false)
		a.wants("bob is muted", "mute audio=true video=false by=true", "slots 2m 3")
		b.wants("bob is muted", "mute audio=true video=false by=true")
		c.wants("bob is muted", "mute audio=true video=false by=true", "slots 1 2m")
		for _, h := range r.mh {
			got := h.last()
			if len(got.ServerMutedSources) != 1 || got.ServerMutedSources[0].SenderId != 2 || got.PolicyGeneration < before {
				t.Errorf("%s applies %v", h.id, got)
			}
		}
		a.mutesOther(b.p.id, true, false)
		a.wants("the same again")

		d := r.join("dan")
		d.wants("a later joiner is told", "mute audio=true video=false by=true")
		a.hears()

		b.mutes(true, false)
		b.mutes(false, false)
		a.wants("bob cannot clear it")

		a.mutesOther(b.p.id, false, false)
		a.wants("bob is unmuted", "mute audio=false video=false by=false", "slots 2 3")
		if got := r.mh[1].last(); len(got.ServerMutedSources) != 0 {
			t.Errorf("still muted at mh-1: %v", got)
		}
		a.mutesOther(a.p.id, false, true)
		a.wants("a host mutes itself", "mute audio=false video=true by=true")
	})
}

func TestServerMuteIsInForceAtTheHandlerBeforeItShows(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1, asHost), r.enters("bob", 1)
		a.hears()
		hold := make(chan struct{})
		r.mh[0].set(hold, false)
		r.mh[1].set(hold, false)
		a.mutesOther(b.p.id, true, false)
		a.wants("not applied yet", "mute audio=true video=false by=true")
		close(hold)
		a.wants("applied", "slots 2m")
	})
}

func TestAServerMuteThatMayNotBeIsRefusedWithoutSayingWhy(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.join("ann", asHost), r.join("bob")
		a.hears()
		b.mutesOther(a.p.id, true, true)
		b.wants("not a host", "FORBIDDEN: Server mute request refused")
		a.wants("untouched")
		a.mutesOther("nobody", true, true)
		a.wants("an unknown target", "FORBIDDEN: Server mute request refused")
		for range 10 {
			b.mutesOther(a.p.id, true, true)
		}
		if got := len(b.hears()); got != 3 {
			t.Errorf("%d more refusals, want 3 of a burst of 4", got)
		}
		sleep(time.Second)
		b.mutesOther(a.p.id, true, true)
		b.mutesOther(a.p.id, true, true)
		if got := len(b.hears()); got != 1 {
			t.Errorf("%d refusals a second later, want 1", got)
		}
	})
}

func TestAHostsServerMutesAreLimited(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.join("ann", asHost), r.join("bob")
		a.hears()
		for i := range 20 {
			a.mutesOther(b.p.id, i%2 == 0, false)
		}
		if got := len(a.hears()); got != 8 {
			t.Errorf("%d applied at once, want 8", got)
		}
	})
}

func TestAWishToBeUnmutedReachesTheOtherHosts(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, z, b := r.join("ann", asHost), r.join("zoe", asHost), r.join("bob")
		b.asks(true, true)
		a.mutesOther(b.p.id, true, false)
		a.mutesOther(z.p.id, true, false)
		for _, w := range []*person{a, z, b} {
			w.hears()
		}
		sleep(5 * time.Second)
		b.asks(false, true)
		a.wants("asked about a kind that is not muted")
		sleep(5 * time.Second)
		b.asks(true, false)
		a.wants("bob asks", "unmute? audio=true video=false")
		z.wants("bob asks", "unmute? audio=true video=false")
		b.wants("nobody answers")
		z.asks(true, false)
		a.wants("a host asks", "unmute? audio=true video=false")
		z.wants("not the asker")

		sleep(time.Minute)
		for range 5 {
			b.asks(true, true)
		}
		if got := len(a.hears()); got != 2 {
			t.Errorf("%d relayed at once, want 2", got)
		}
		sleep(5 * time.Second)
		b.asks(true, true)
		b.asks(true, true)
		if got := len(a.hears()); got != 1 {
			t.Errorf("%d relayed five seconds later, want 1", got)
		}
	})
}
