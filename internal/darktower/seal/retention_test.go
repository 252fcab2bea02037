package seal

import (
	"testing"
	"time"
)

// handover is a listener that has heard sequence 0 under generation 3 and has
// then been given generation 4: generation 3 is held for 30 s more.
func handover(t *testing.T) (*Opener, *Keyring) {
	t.Helper()
	o, ring := listener(t)
	expect(t, o, wellFormed().bytes(t), epoch, "cached")
	install(t, ring, 0x91, 4, time.Minute, epoch)
	return o, ring
}

// under4 is the sender's next transmit key, under the new KEK.
func under4() crafted {
	c := wellFormed()
	c.kek, c.kekGen, c.generation, c.transmit, c.sequence = pattern(0x91), 4, 2, pattern(0x52), 10
	return c
}

func TestLateFramesOfAnOldKEKAreHeardWhileItIsHeld(t *testing.T) {
	o, _ := handover(t)
	expect(t, o, under4().bytes(t), epoch, "cached")
	late := wellFormed()
	late.sequence = 1
	expect(t, o, late.bytes(t), epoch.Add(30*time.Second-1), "already_held")
	expect(t, o, late.bytes(t), epoch.Add(30*time.Second-1), "replay_detected")
	late.sequence = 2
	expect(t, o, late.bytes(t), epoch.Add(30*time.Second), "kek_generation_stale")
	expect(t, o, late.bytes(t), epoch.Add(30*time.Second), "kek_generation_stale")
}

func TestLateFramesOfAnOldTransmitKeyUnderOneKEKAreReplays(t *testing.T) {
	o, _ := listener(t)
	next := wellFormed()
	next.generation, next.sequence, next.transmit = 2, 10, pattern(0x52)
	expect(t, o, next.bytes(t), epoch, "cached")
	late := wellFormed()
	late.sequence = 9
	expect(t, o, late.bytes(t), epoch, "replay_detected")
	if o.senders[7].find(keyID(t, 7, 0, 1)) != nil {
		t.Error("a replayed frame had its key bound")
	}
}

func TestAKeyWhoseKEKHasGoneIsNotUsed(t *testing.T) {
	o, _ := handover(t)
	after := epoch.Add(30 * time.Second)
	bare := wellFormed()
	bare.wrapped, bare.sequence = false, 1
	expect(t, o, bare.bytes(t), after, "kek_generation_stale")
	expect(t, o, bare.bytes(t), after, "no_transmit_key") // by now it is forgotten
}

func TestAllThatBelongsToAKEKGoesWithIt(t *testing.T) {
	for name, trigger := range map[string]func(o *Opener, ring *Keyring, after time.Time){
		"by a frame":                      func(o *Opener, _ *Keyring, after time.Time) { receive(t, o, under4().bytes(t), after) },
		"by a timer":                      func(o *Opener, _ *Keyring, after time.Time) { o.Expire(after) },
		"by a timer of the ring":          func(o *Opener, r *Keyring, after time.Time) { r.Expire(after); o.Expire(epoch) },
		"by a third KEK, before its time": func(o *Opener, r *Keyring, _ time.Time) { install(t, r, 0xb1, 5, 0, epoch); o.Expire(epoch) },
	} {
		t.Run(name, func(t *testing.T) {
			o, ring := handover(t)
			state := o.senders[7]
			if len(state.keys) != 1 || len(state.replay) != 1 {
				t.Fatalf("%d keys, %d replay scopes", len(state.keys), len(state.replay))
			}
			trigger(o, ring, epoch.Add(30*time.Second))
			for _, k := range state.keys {
				if k.kek == 3 {
					t.Error("a transmit key of generation 3 is still bound")
				}
			}
			for _, r := range state.replay {
				if r.kek == 3 {
					t.Error("a replay window of generation 3 is still there")
				}
			}
			if o.senders[7] == nil {
				t.Error("the sender has gone from the roster")
			}
		})
	}
}

func TestASenderThatHasLeftIsForgottenWithItsLastKEK(t *testing.T) {
	o, _ := handover(t)
	o.ForgetRoster(7)
	if o.senders[7] == nil {
		t.Fatal("its replay state has gone with it")
	}
	o.Expire(epoch.Add(30 * time.Second))
	if o.senders[7] != nil {
		t.Error("something is still remembered")
	}
}

// A new KEK may come with a new namespace of sender ids.
func TestANumberSeenUnderOneKEKIsFreshUnderTheNext(t *testing.T) {
	o, _ := handover(t)
	bob := identityFrom(0x41)
	o.SetRoster(7, bob.Public())
	c := wellFormed()
	c.identity, c.kek, c.kekGen, c.transmit = bob, pattern(0x91), 4, pattern(0x61)
	expect(t, o, c.bytes(t), epoch, "cached")
	expect(t, o, c.bytes(t), epoch, "replay_detected")
}
