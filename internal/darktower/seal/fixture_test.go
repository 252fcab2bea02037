package seal

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// epoch is the moment the tests start at; nothing here asks a clock.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// pattern is a key whose bytes count up from first.
func pattern(first byte) (k Key) {
	for i := range k {
		k[i] = first + byte(i)
	}
	return k
}

func identityFrom(first byte) *Identity {
	seed := pattern(first)
	return &Identity{private: ed25519.NewKeyFromSeed(seed[:])}
}

func keyID(t testing.TB, sender uint16, stream uint8, generation uint64) KeyID {
	t.Helper()
	id, err := NewKeyID(sender, stream, generation)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func install(t testing.TB, r *Keyring, first byte, generation uint32, debounce time.Duration, now time.Time) {
	t.Helper()
	key := pattern(first)
	if changed, err := r.Install(key[:], generation, debounce, now); err != nil || !changed {
		t.Fatalf("installing KEK generation %d: changed %v, error %v", generation, changed, err)
	}
}

// crafted is a frame made by hand: unlike a Sealer it can be made wrong.
type crafted struct {
	sender     uint16
	stream     uint8
	generation uint64
	sequence   uint32
	flags      byte // besides key-bearing, which wrapped decides
	salience   *uint8
	identity   *Identity
	transmit   Key
	wrapped    bool
	kek        Key
	kekGen     uint16
	wrapFor    *KeyID // nil: the frame's own
	streamID   uint16
	hop        uint32
	plaintext  []byte
}

func (c crafted) bytes(t testing.TB) []byte {
	t.Helper()
	id := keyID(t, c.sender, c.stream, c.generation)
	key, err := newStreamKey(c.transmit, id)
	if err != nil {
		t.Fatal(err)
	}
	h := frame.Header{Flags: c.flags, Sequence: c.sequence, Salience: c.salience}
	if c.wrapped {
		h.Flags |= frame.FlagKeyBearing
		h.Wrap = c.block(t)
	}
	b, err := key.appendFrame(nil, c.identity, h, c.plaintext, new([NonceLen]byte))
	if err != nil {
		t.Fatal(err)
	}
	if err := frame.RewriteRelay(b, c.streamID, c.hop); err != nil {
		t.Fatal(err)
	}
	return b
}

func (c crafted) block(t testing.TB) []byte {
	t.Helper()
	id := keyID(t, c.sender, c.stream, c.generation)
	if c.wrapFor != nil {
		id = *c.wrapFor
	}
	wrapped, err := WrapKey(c.kek, id, c.transmit)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, c.kekGen), wrapped[:]...)
}

// resign makes the signature of a changed frame good again.
func resign(t testing.TB, b []byte, id *Identity) {
	t.Helper()
	v := decode(t, b)
	copy(v.Signature(), ed25519.Sign(id.private, append(append([]byte(nil), v.Publisher()...), v.Payload()...)))
}

func decode(t testing.TB, b []byte) frame.View {
	t.Helper()
	v, err := frame.Decode(b)
	if err != nil {
		t.Fatalf("decoding a frame of %d bytes: %v", len(b), err)
	}
	return v
}

// receive opens b and says how that went: the wrap outcome, or the reason.
func receive(t testing.TB, o *Opener, b []byte, now time.Time) (Opened, string) {
	t.Helper()
	v, err := frame.Decode(b)
	if err == nil {
		var opened Opened
		if opened, err = o.Open(nil, v, now); err == nil {
			return opened, string(opened.WrapOutcome)
		}
	}
	var reject *frame.RejectError
	if !errors.As(err, &reject) {
		t.Fatalf("a refusal of another type: %T %v", err, err)
	}
	return Opened{}, string(reject.Reason)
}

// expect fails the test unless b goes as wanted.
func expect(t testing.TB, o *Opener, b []byte, now time.Time, want string) {
	t.Helper()
	if _, got := receive(t, o, b, now); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// sender 7 on stream 0 with KEK generation 3, in a meeting where all is well.
func wellFormed() crafted {
	return crafted{
		sender: 7, generation: 1, flags: frame.FlagIndependent,
		identity: identityFrom(0x31), transmit: pattern(0x51),
		wrapped: true, kek: pattern(0x71), kekGen: 3,
		plaintext: []byte("twenty milliseconds of silence"),
	}
}

// listener is an opener that is ready for wellFormed.
func listener(t testing.TB) (*Opener, *Keyring) {
	t.Helper()
	ring := NewKeyring()
	install(t, ring, 0x71, 3, time.Minute, epoch)
	o := NewOpener(ring)
	if !o.SetRoster(7, identityFrom(0x31).Public()) {
		t.Fatal("the roster key was refused")
	}
	o.SetAssigned([]uint16{7})
	return o, ring
}

// prime binds a transmit key as if a block had been unwrapped, and leaves the
// replay windows alone.
func prime(t testing.TB, o *Opener, id KeyID, transmit Key, kek uint16, block []byte) {
	t.Helper()
	key, err := newStreamKey(transmit, id)
	if err != nil {
		t.Fatal(err)
	}
	bound := &boundKey{streamKey: key, kek: kek}
	copy(bound.block[:], block)
	o.mu.Lock()
	defer o.mu.Unlock()
	state := o.senders[id.Sender()]
	if state == nil {
		t.Fatalf("priming sender %d, which is not on the roster", id.Sender())
	}
	state.bind(bound)
}
