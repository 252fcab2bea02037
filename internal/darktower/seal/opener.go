package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// WrapOutcome is what an accepted frame's wrapped key was good for, spelled as
// the platform's clients count it.
type WrapOutcome string

// The closed set of outcomes. The last three are odd, and the frame was opened
// with the key bound before.
const (
	WrapNone                 WrapOutcome = "none"                     // the frame carries no key
	WrapCached               WrapOutcome = "cached"                   // unwrapped, and bound to its key id if that was free
	WrapAlreadyHeld          WrapOutcome = "already_held"             // the same bytes as before
	WrapGenerationConflict   WrapOutcome = "wrap_generation_conflict" // key id bound under another KEK generation
	WrapKEKGenerationNotHeld WrapOutcome = "kek_generation_not_held"  // the same, and that generation is not held
	WrapKeyIDMismatch        WrapOutcome = "wrap_key_id_mismatch"     // wrapped for another key id, or damaged
)

// WrapOutcomes returns the closed set.
func WrapOutcomes() []WrapOutcome {
	return []WrapOutcome{WrapNone, WrapCached, WrapAlreadyHeld, WrapGenerationConflict, WrapKEKGenerationNotHeld, WrapKeyIDMismatch}
}

// Opened is one frame as its receiver knows it.
type Opened struct {
	Sender      uint16
	Stream      uint8
	Generation  uint64 // of the transmit key
	Sequence    uint32 // stream sequence
	Plaintext   []byte
	WrapOutcome WrapOutcome
}

// RosterEntry is one person's identity key as MC published it.
type RosterEntry struct {
	Sender    uint16
	PublicKey []byte // 32 bytes; anything else is no key
}

// Opener verifies and opens what one participant receives, over all its handler
// connections. It may outlive a connection and a whole session: who is told the
// roster anew keeps the replay windows.
type Opener struct {
	ring    *Keyring
	scratch sync.Pool // of *scratch

	mu       sync.Mutex // protects all following fields
	senders  map[uint16]*senderState
	assigned map[uint16]struct{}
	swept    held // what was held when senders were last swept
}

type scratch struct {
	signed []byte
	nonce  [NonceLen]byte
}

// NewOpener returns an opener that knows nobody and unwraps with ring.
func NewOpener(ring *Keyring) *Opener {
	return &Opener{
		ring:    ring,
		scratch: sync.Pool{New: func() any { return new(scratch) }},
		senders: make(map[uint16]*senderState),
	}
}

// SetRoster tells the identity key of a sender, and reports whether it can be
// used. The same key again changes nothing. Another key drops the sender's bound
// transmit keys and keeps its replay state. With an unusable key (empty, of a
// wrong length, not a point on the curve) the sender counts as not on the roster.
func (o *Opener) SetRoster(sender uint16, publicKey []byte) (usable bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.setRosterLocked(sender, publicKey)
}

// ForgetRoster drops a sender that has left, with its bound transmit keys. Its
// replay state stays for as long as the KEK generations it belongs to.
func (o *Opener) ForgetRoster(sender uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgetRosterLocked(sender)
}

// ReplaceRoster tells the whole roster at once: SetRoster for each entry,
// ForgetRoster for everyone else. Of two entries for one sender the first counts.
func (o *Opener) ReplaceRoster(entries []RosterEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	named := make(map[uint16]struct{}, len(entries))
	for _, e := range entries {
		if _, again := named[e.Sender]; !again {
			named[e.Sender] = struct{}{}
			o.setRosterLocked(e.Sender, e.PublicKey)
		}
	}
	for sender := range o.senders {
		if _, stays := named[sender]; !stays {
			o.forgetRosterLocked(sender)
		}
	}
}

func (o *Opener) setRosterLocked(sender uint16, publicKey []byte) bool {
	state := o.senders[sender]
	if state != nil && state.public != nil && bytes.Equal(state.public, publicKey) {
		return true
	}
	o.forgetRosterLocked(sender)
	if sender == 0 || !usablePublicKey(publicKey) {
		return false
	}
	if state = o.senders[sender]; state == nil {
		state = new(senderState)
		o.senders[sender] = state
	}
	state.public = bytes.Clone(publicKey)
	return true
}

func (o *Opener) forgetRosterLocked(sender uint16) {
	state := o.senders[sender]
	if state == nil {
		return
	}
	state.forget()
	if state.empty() {
		delete(o.senders, sender)
	}
}

// SetAssigned tells which senders MC's latest assignments put on any of our
// slots, and replaces the set told before. The frames of all others are refused.
func (o *Opener) SetAssigned(senders []uint16) {
	assigned := make(map[uint16]struct{}, len(senders))
	for _, s := range senders {
		assigned[s] = struct{}{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.assigned = assigned
}

// Expire drops the KEK whose retention has ended, with the keys and the replay
// state that came under it. Open does so too; a timer only makes it prompt.
func (o *Opener) Expire(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweepLocked(o.ring.held(now))
}

// Open verifies and opens one frame that arrived at now, and appends its
// plaintext to dst, which may overlap the frame. With TagLen bytes of capacity
// more than the plaintext needs, dst does not grow.
//
// The error is a *frame.RejectError. Opened then says what the frame claims to
// be, if it got as far as a key id, and nobody has vouched for it.
func (o *Opener) Open(dst []byte, v frame.View, now time.Time) (Opened, error) {
	id, err := KeyIDOf(v)
	if err != nil {
		return Opened{}, err
	}
	opened := Opened{Sender: id.Sender(), Stream: id.Stream(), Generation: id.Generation(), Sequence: v.StreamSequence()}

	// The signature covers two spans with the relay region between them, and
	// wants one.
	s := o.scratch.Get().(*scratch)
	defer o.scratch.Put(s)
	s.signed = append(append(s.signed[:0], v.Publisher()...), v.Payload()...)
	publisher, payload := s.signed[:len(v.Publisher())], s.signed[len(v.Publisher()):]

	key, outcome, reason := o.admit(id, v, s.signed, now)
	if reason != "" {
		return opened, frame.Reject(reason)
	}
	out, err := key.open(dst, publisher, payload, opened.Sequence, &s.nonce)
	if err != nil {
		return opened, frame.Reject(frame.DecryptFailed)
	}
	opened.Plaintext, opened.WrapOutcome = out[len(dst):], outcome
	return opened, nil
}

// admit makes every check but the last and returns the key to open with. The
// signature, by far the most expensive of them, is verified without the lock.
func (o *Opener) admit(id KeyID, v frame.View, signed []byte, now time.Time) (*streamKey, WrapOutcome, frame.Reason) {
	for {
		public := o.publicKey(id.Sender())
		if public == nil {
			return nil, "", frame.NoRosterEntry
		}
		if !ed25519.Verify(public, signed, v.Signature()) {
			return nil, "", frame.SignatureInvalid
		}
		key, outcome, reason, current := o.admitVerified(id, v, public, now)
		if current {
			return key, outcome, reason
		}
	}
}

func (o *Opener) publicKey(sender uint16) ed25519.PublicKey {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state := o.senders[sender]; state != nil {
		return state.public
	}
	return nil
}

// admitVerified goes on once the signature has been verified with public. If the
// roster has changed meanwhile, current is false and nothing has been done.
func (o *Opener) admitVerified(id KeyID, v frame.View, public ed25519.PublicKey, now time.Time) (_ *streamKey, _ WrapOutcome, _ frame.Reason, current bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := o.senders[id.Sender()]
	if state == nil || !bytes.Equal(state.public, public) {
		return nil, "", "", false
	}
	if _, ok := o.assigned[id.Sender()]; !ok {
		return nil, "", frame.SenderNotAssigned, true
	}

	h := o.ring.held(now) // under the lock: a sweep must never use an older answer than the one before
	bound := state.find(id)
	if bound != nil && h.find(bound.kek) == nil {
		reason := h.missing(bound.kek)
		o.sweepLocked(h)
		return nil, "", reason, true
	}
	o.sweepLocked(h)

	r := resolve(h, bound, id, v.Wrap())
	if r.reason != "" {
		return nil, "", r.reason, true
	}
	if !state.admit(r.kek, id, v.StreamSequence()) {
		return nil, "", frame.ReplayDetected, true
	}
	if r.outcome != WrapCached {
		return bound.streamKey, r.outcome, "", true
	}
	key, err := newStreamKey(r.transmit, id)
	if err != nil {
		return nil, "", frame.DecryptFailed, true
	}
	state.bind(&boundKey{streamKey: key, kek: r.kek, block: [WrappedLen]byte(v.Wrap()[kekGenerationLen:])})
	return key, WrapCached, "", true
}

// resolution is which transmit key a frame is opened with: a fresh one exactly if
// the outcome is WrapCached, else the bound one.
type resolution struct {
	outcome  WrapOutcome
	kek      uint16 // generation the key came under
	transmit Key    // if fresh
	reason   frame.Reason
}

// resolve finds the transmit key of a frame with this key id, bound key (nil for
// none, else of a generation in h) and block (nil for none). It changes nothing
// (platform contract, media B.8 step 8).
func resolve(h held, bound *boundKey, id KeyID, wrap []byte) resolution {
	if wrap == nil {
		if bound == nil {
			return resolution{reason: frame.NoTransmitKey}
		}
		return resolution{outcome: WrapNone, kek: bound.kek}
	}
	generation, block := binary.BigEndian.Uint16(wrap), wrap[kekGenerationLen:]
	kek := h.find(generation)
	switch {
	case bound != nil && bound.kek != generation && kek != nil:
		return resolution{outcome: WrapGenerationConflict, kek: bound.kek}
	case bound != nil && bound.kek != generation:
		return resolution{outcome: WrapKEKGenerationNotHeld, kek: bound.kek}
	case bound != nil && bytes.Equal(bound.block[:], block):
		return resolution{outcome: WrapAlreadyHeld, kek: bound.kek}
	case kek == nil:
		return resolution{reason: h.missing(generation)}
	}
	transmit, err := unwrapWith(kek.aead, id, block)
	switch {
	case err == nil:
		return resolution{outcome: WrapCached, kek: generation, transmit: transmit}
	case bound != nil:
		return resolution{outcome: WrapKeyIDMismatch, kek: bound.kek}
	default:
		return resolution{reason: frame.UnwrapFailed}
	}
}

// sweepLocked drops what belongs to KEK generations no longer held. It does work
// only when what is held has changed.
func (o *Opener) sweepLocked(h held) {
	if h == o.swept {
		return
	}
	o.swept = h
	for sender, state := range o.senders {
		state.sweep(h)
		if state.empty() {
			delete(o.senders, sender)
		}
	}
}
