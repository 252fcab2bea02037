package seal

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// One frame with every fault there is, mended from the first check to the last.
func TestAFrameIsRefusedAtTheFirstCheckItFails(t *testing.T) {
	ring := NewKeyring()
	o := NewOpener(ring)
	alice := identityFrom(0x31)

	// Sequence 0 has been seen, but the key it was opened with is gone.
	install(t, ring, 0x71, 3, time.Minute, epoch)
	o.SetRoster(7, alice.Public())
	o.SetAssigned([]uint16{7})
	expect(t, o, wellFormed().bytes(t), epoch, "cached")
	o.ForgetRoster(7)
	o.SetAssigned(nil)

	c := wellFormed()
	c.kek = pattern(0x01) // wrapped under a key that nobody has
	b := c.bytes(t)
	decode(t, b).Payload()[10] ^= 1 // in the tag
	expect(t, o, append(bytes.Clone(b), 0), epoch, "trailing_bytes")

	short := append([]byte{2, 1, 0, 0, 0, 23}, make([]byte, 6+6+23+64)...)
	expect(t, o, short, epoch, "truncated")

	expect(t, o, b, epoch, "no_roster_entry")
	o.SetRoster(7, alice.Public())
	expect(t, o, b, epoch, "signature_invalid")
	resign(t, b, alice)
	expect(t, o, b, epoch, "sender_not_assigned")
	o.SetAssigned([]uint16{7})
	expect(t, o, b, epoch, "unwrap_failed")

	copy(decode(t, b).Wrap(), wellFormed().block(t))
	resign(t, b, alice)
	expect(t, o, b, epoch, "replay_detected")
	if n := len(o.senders[7].keys); n != 0 {
		t.Fatalf("a replayed frame had its key bound: %d keys", n)
	}

	c = wellFormed()
	c.sequence = 1
	b = c.bytes(t)
	decode(t, b).Payload()[10] ^= 1
	resign(t, b, alice)
	expect(t, o, b, epoch, "decrypt_failed")

	c.sequence = 2
	expect(t, o, c.bytes(t), epoch, "already_held") // bound by the frame that did not decrypt
}

func TestWhichTransmitKeyAFrameIsOpenedWith(t *testing.T) {
	// What the receiver holds before the frame arrives.
	type state int
	const (
		nothingBound state = iota
		boundUnder3        // the frame's key id, under the KEK of generation 3
	)
	damaged := pattern(0x01)
	for _, c := range []struct {
		name  string
		state state
		frame func(c *crafted)
		want  string
	}{
		{"no block, nothing bound", nothingBound, func(c *crafted) { c.wrapped = false }, "no_transmit_key"},
		{"no block, key bound", boundUnder3, func(c *crafted) { c.wrapped = false }, "none"},
		{"a good block, nothing bound", nothingBound, func(*crafted) {}, "cached"},
		{"the block that is bound", boundUnder3, func(*crafted) {}, "already_held"},
		{"a damaged block, nothing bound", nothingBound, func(c *crafted) { c.kek = damaged }, "unwrap_failed"},
		{"a damaged block, key bound", boundUnder3, func(c *crafted) { c.kek = damaged }, "wrap_key_id_mismatch"},
		{"a block for another key id, nothing bound", nothingBound, func(c *crafted) { c.wrapFor = &KeyID{0, 7, 0, 9} }, "unwrap_failed"},
		{"a block for another key id, key bound", boundUnder3, func(c *crafted) { c.wrapFor = &KeyID{0, 7, 0, 9} }, "wrap_key_id_mismatch"},
		{"a block under a newer KEK, nothing bound", nothingBound, func(c *crafted) { c.kekGen = 5 }, "no_kek_for_generation"},
		{"a block under an older KEK, nothing bound", nothingBound, func(c *crafted) { c.kekGen = 2 }, "kek_generation_stale"},
		{"a block under the other KEK held, key bound", boundUnder3, func(c *crafted) { c.kek, c.kekGen = pattern(0x91), 4 }, "wrap_generation_conflict"},
		{"a damaged block under the other KEK held, key bound", boundUnder3, func(c *crafted) { c.kek, c.kekGen = damaged, 4 }, "wrap_generation_conflict"},
		{"a block under a newer KEK, key bound", boundUnder3, func(c *crafted) { c.kekGen = 5 }, "kek_generation_not_held"},
		{"a block under an older KEK, key bound", boundUnder3, func(c *crafted) { c.kekGen = 2 }, "kek_generation_not_held"},
		{"a good block under the current KEK, nothing bound", nothingBound, func(c *crafted) { c.kek, c.kekGen = pattern(0x91), 4 }, "cached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, ring := listener(t)
			install(t, ring, 0x91, 4, time.Minute, epoch)
			f := wellFormed()
			if c.state == boundUnder3 {
				prime(t, o, keyID(t, 7, 0, 1), f.transmit, 3, f.block(t)[kekGenerationLen:])
			}
			c.frame(&f)
			opened, got := receive(t, o, f.bytes(t), epoch)
			if got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			if accepted := slices.Contains(WrapOutcomes(), WrapOutcome(c.want)); accepted != (string(opened.Plaintext) == string(f.plaintext)) {
				t.Errorf("plaintext %q", opened.Plaintext)
			}
			bound := o.senders[7].find(keyID(t, 7, 0, 1))
			if want := c.state == boundUnder3 || c.want == "cached"; want != (bound != nil) {
				t.Errorf("a key is bound: %v", bound != nil)
			}
			if c.state == boundUnder3 && bound.kek != 3 {
				t.Errorf("the key has moved to generation %d", bound.kek)
			}
		})
	}
}

func TestTheFirstKeyBoundToAKeyIDStays(t *testing.T) {
	o, _ := listener(t)
	first, second := wellFormed(), wellFormed()
	second.transmit, second.sequence = pattern(0x52), 1
	expect(t, o, first.bytes(t), epoch, "cached")
	expect(t, o, second.bytes(t), epoch, "cached") // opened with the key it brings
	first.wrapped, first.sequence = false, 2
	expect(t, o, first.bytes(t), epoch, "none")
	second.wrapped, second.sequence = false, 3
	expect(t, o, second.bytes(t), epoch, "decrypt_failed")
}

func TestARefusedFrameChangesNothing(t *testing.T) {
	good := wellFormed().bytes(t)
	for _, c := range []struct {
		name    string
		prepare func(o *Opener)
		mend    func(o *Opener)
		want    string
	}{
		{"not on the roster", func(o *Opener) { o.ForgetRoster(7) }, func(o *Opener) { o.SetRoster(7, identityFrom(0x31).Public()) }, "no_roster_entry"},
		{"another key on the roster", func(o *Opener) { o.SetRoster(7, identityFrom(0x32).Public()) }, func(o *Opener) { o.SetRoster(7, identityFrom(0x31).Public()) }, "signature_invalid"},
		{"not assigned", func(o *Opener) { o.SetAssigned([]uint16{8}) }, func(o *Opener) { o.SetAssigned([]uint16{8, 7}) }, "sender_not_assigned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _ := listener(t)
			c.prepare(o)
			expect(t, o, good, epoch, c.want)
			c.mend(o)
			expect(t, o, good, epoch, "cached")
		})
	}
}

func TestARefusedFrameStillSaysWhatItClaimsToBe(t *testing.T) {
	o, _ := listener(t)
	o.SetAssigned(nil)
	opened, err := o.Open(nil, decode(t, wellFormed().bytes(t)), epoch)
	if err == nil || opened.Sender != 7 || opened.Generation != 1 || opened.Plaintext != nil || opened.WrapOutcome != "" {
		t.Errorf("%+v, %v", opened, err)
	}
	if _, err := o.Open(nil, frame.View{}, epoch); err == nil {
		t.Error("the zero view was opened")
	}
}

func TestEveryReasonCanBeReached(t *testing.T) {
	reached := make(map[frame.Reason]bool)
	try := func(change func(o *Opener, c *crafted), damage func(b []byte) []byte) {
		t.Helper()
		o, ring := listener(t)
		install(t, ring, 0x91, 4, time.Minute, epoch)
		c := wellFormed()
		if change != nil {
			change(o, &c)
		}
		b := c.bytes(t)
		if damage != nil {
			b = damage(b)
		}
		_, got := receive(t, o, b, epoch)
		reached[frame.Reason(got)] = true
	}
	set := func(at int, value byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = value; return b }
	}
	loud := uint8(100)
	try(nil, set(0, 3))
	try(nil, set(1, 0x85))
	try(nil, set(2, 0xff))
	try(nil, set(5, 0xff))
	try(nil, func(b []byte) []byte { return b[:40] })
	try(nil, set(60, 1))
	try(func(_ *Opener, c *crafted) { c.salience = &loud }, set(64, 101))
	try(nil, func(b []byte) []byte { return append(b, 0) })
	try(func(_ *Opener, c *crafted) { c.wrapped = false }, nil)
	try(nil, set(6, 1))
	try(nil, func(b []byte) []byte {
		decode(t, b).Payload()[30] ^= 1
		resign(t, b, identityFrom(0x31))
		return b
	})
	try(func(_ *Opener, c *crafted) { c.kek = pattern(1) }, nil)
	try(func(o *Opener, c *crafted) { expect(t, o, c.bytes(t), epoch, "cached") }, nil)
	try(func(o *Opener, c *crafted) {
		prime(t, o, keyID(t, 7, 0, 1), c.transmit, 3, nil)
		c.wrapFor = &KeyID{0, 7, 0, 9}
	}, nil)
	try(func(_ *Opener, c *crafted) { c.kekGen = 5 }, nil)
	try(func(o *Opener, _ *crafted) { o.ForgetRoster(7) }, nil)
	try(func(_ *Opener, c *crafted) { c.kekGen = 2 }, nil)
	try(func(o *Opener, _ *crafted) { o.SetAssigned(nil) }, nil)
	for _, reason := range frame.Reasons() {
		if !reached[reason] {
			t.Errorf("%s was not reached", reason)
		}
	}
}

func TestPlaintextIsAppended(t *testing.T) {
	o, _ := listener(t)
	c := wellFormed()
	buf := append(make([]byte, 0, 4+len(c.plaintext)+frame.TagLen), "kept"...)
	opened, err := o.Open(buf, decode(t, c.bytes(t)), epoch)
	if err != nil || !bytes.Equal(opened.Plaintext, c.plaintext) || string(buf) != "kept" {
		t.Fatalf("%q, %v", opened.Plaintext, err)
	}
	if &opened.Plaintext[0] != &buf[:5][4] {
		t.Error("there was room, and the plaintext went elsewhere")
	}
}

func TestAFrameCanBeOpenedInPlace(t *testing.T) {
	o, _ := listener(t)
	c := wellFormed()
	for offset := range uint32(3) {
		c.sequence = offset
		b := c.bytes(t)
		at := 40 * int(offset)
		opened, err := o.Open(b[at:at], decode(t, b), epoch)
		if err != nil || !bytes.Equal(opened.Plaintext, c.plaintext) {
			t.Errorf("at %d: %q, %v", at, opened.Plaintext, err)
		}
	}
}

func TestThirtyTwoTransmitKeysAreKeptAndTheOldestMakesRoom(t *testing.T) {
	o, _ := listener(t)
	for stream := range uint8(maxKeys + 1) {
		c := wellFormed()
		c.stream = stream
		expect(t, o, c.bytes(t), epoch, "cached")
	}
	c := wellFormed()
	c.wrapped, c.sequence = false, 1
	for stream, want := range map[uint8]string{0: "no_transmit_key", 1: "none", maxKeys: "none"} {
		c.stream = stream
		expect(t, o, c.bytes(t), epoch, want)
	}
}
