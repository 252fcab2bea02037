package seal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Errors of a Sealer.
var (
	ErrNoKEK        = errors.New("seal: no KEK to wrap under")
	ErrExhausted    = errors.New("seal: the stream has used up its numbers")
	ErrSealerExists = errors.New("seal: this stream already has a sealer")
)

// audioFlags are the flags of every frame: each one can be decoded by itself and
// carries its key (platform contract, media A.2 and B.6).
const audioFlags = frame.FlagIndependent | frame.FlagKeyBearing

// Sealer builds the frames of one stream of one sender. It owns the stream
// sequence, which starts at 0 and is never reset, and the generation of the
// transmit key, which is 1 for the first frame. Both live as long as the sender
// id: a participant that gets its sender id back after a reconnect goes on with
// the Sealer it had.
//
// The contract has one generation counter for all streams of a sender. Here each
// stream has its own: receivers keep their marks for each stream, and a sender of
// audio has only one.
type Sealer struct {
	identity *Identity
	ring     *Keyring
	sender   uint16
	stream   uint8
	random   func() Key

	mu         sync.Mutex // protects all following fields
	next       uint64     // stream sequence of the next frame
	generation uint64     // of key
	key        *streamKey // nil before the first frame
	kek        *heldKEK   // the one key is wrapped under
	wrap       [frame.WrapLen]byte
	stale      bool // a fresh transmit key was asked for
	nonce      [NonceLen]byte
}

// NewSealer returns the sealer of a stream. Two sealers of one stream would use
// each nonce twice and so give the keys away; ring grants one sealer for each
// sender id and stream, and a second is refused with ErrSealerExists. A sender id
// of 0 is refused with ErrKeyID.
func NewSealer(id *Identity, ring *Keyring, sender uint16, stream uint8) (*Sealer, error) {
	if _, err := NewKeyID(sender, stream, 0); err != nil {
		return nil, err
	}
	if !ring.claim(sender, stream) {
		return nil, fmt.Errorf("%w: sender %d, stream %d", ErrSealerExists, sender, stream)
	}
	return &Sealer{identity: id, ring: ring, sender: sender, stream: stream, random: randomKey}, nil
}

func randomKey() (k Key) {
	_, _ = rand.Read(k[:]) // documented never to fail
	return k
}

// Sealed says what a frame is known by at its receivers.
type Sealed struct {
	Sequence   uint32
	Generation uint64
}

// Rotate makes the next frame begin a fresh transmit key, of the next generation:
// due every 60 s, when the set of targets becomes non-empty, on unmute and on
// reconnect (platform contract, media B.6). A newer KEK in the ring needs no
// Rotate. Several calls between two frames are one rotation.
func (s *Sealer) Rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
}

// Generation is the generation of the last frame, 0 before the first.
func (s *Sealer) Generation() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// NextSequence is the stream sequence that the next frame will carry, and so the
// number of frames built. It is meaningless once the stream is exhausted.
func (s *Sealer) NextSequence() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint32(s.next)
}

// Sender is the sender id that the sealer seals for.
func (s *Sealer) Sender() uint16 { return s.sender }

// Stream is the number of the stream.
func (s *Sealer) Stream() uint8 { return s.stream }

// Append seals and signs plaintext and appends the whole frame to dst. The frame
// carries the wrapped key and a relay region of zeros, for frame.RewriteRelay or
// frame.RewriteHop to fill for each connection. plaintext must not overlap the
// spare capacity of dst.
//
// Append begins a fresh transmit key by itself if a newer KEK has become current.
// Without a KEK nothing is sent: ErrNoKEK. The frame's number is consumed when
// Append succeeds, whatever becomes of the frame. On an error dst is returned
// unchanged.
func (s *Sealer) Append(dst, plaintext []byte) ([]byte, Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next > math.MaxUint32 {
		return dst, Sealed{}, fmt.Errorf("%w: sequence of sender %d, stream %d", ErrExhausted, s.sender, s.stream)
	}
	kek := s.ring.newest()
	if kek == nil {
		return dst, Sealed{}, ErrNoKEK
	}
	if s.key == nil || s.stale || s.kek != kek {
		if err := s.rotateLocked(kek); err != nil {
			return dst, Sealed{}, err
		}
	}
	sealed := Sealed{Sequence: uint32(s.next), Generation: s.generation}
	h := frame.Header{Flags: audioFlags, Sequence: sealed.Sequence, Wrap: s.wrap[:]}
	out, err := s.key.appendFrame(dst, s.identity, h, plaintext, &s.nonce)
	if err != nil {
		return dst, Sealed{}, fmt.Errorf("building frame %d: %w", sealed.Sequence, err)
	}
	s.next++
	return out, sealed, nil
}

func (s *Sealer) rotateLocked(kek *heldKEK) error {
	id, err := NewKeyID(s.sender, s.stream, s.generation+1)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExhausted, err)
	}
	transmit := s.random()
	key, err := newStreamKey(transmit, id)
	if err != nil {
		return err
	}
	wrapped := wrapWith(kek.aead, id, transmit)
	binary.BigEndian.PutUint16(s.wrap[:], kek.Generation)
	copy(s.wrap[kekGenerationLen:], wrapped[:])
	s.generation, s.key, s.kek, s.stale = s.generation+1, key, kek, false
	return nil
}
