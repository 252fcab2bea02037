package seal

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Retention of the KEK that a newer one replaced.
const (
	MaxRetention     = 30 * time.Second
	DefaultRetention = 10 * time.Second // when MC names no debounce
)

// Refusals of a KEK. The one that is held stays.
var (
	ErrKEKMalformed = errors.New("seal: malformed KEK")
	ErrKEKConflict  = errors.New("seal: another KEK is held for this generation")
	ErrKEKOlder     = errors.New("seal: KEK is older than the one held")
)

// KEK is a meeting's key encryption key: it wraps transmit keys. It shows its
// generation and never its key.
type KEK struct {
	Generation       uint16
	Key              Key
	RotationDebounce time.Duration // W of the message that brought it; 0: none named
}

// Keyring holds a participant's KEKs: the current one, and for a while at most
// one previous (platform contract, media B.8).
type Keyring struct {
	mu       sync.Mutex // protects all following fields
	current  *heldKEK
	previous *heldKEK
	until    time.Time // end of previous
	sealing  map[streamOf]struct{}
}

// heldKEK never changes except for Key, which is wiped when the ring lets go.
type heldKEK struct {
	KEK
	aead cipher.AEAD
}

type streamOf struct {
	sender uint16
	stream uint8
}

// NewKeyring returns an empty ring.
func NewKeyring() *Keyring { return &Keyring{sealing: make(map[streamOf]struct{})} }

// Install takes a KEK as MC delivered it, and reports whether it became the
// current one. debounce is W of the same message, 0 if it named none: it sets for
// how long the KEK that was current before is still held, min(W/2, 30 s), or 10 s
// without W.
//
// The same generation with the same key again is no change, and does not extend
// any retention. Refused, with what is held left as it is: a key that is not 32
// bytes or all zero, or a generation beyond 16 bits (ErrKEKMalformed); another
// key for the generation held (ErrKEKConflict); a lower generation (ErrKEKOlder).
// A key of no bytes is how MC says "not provisioned".
func (r *Keyring) Install(key []byte, generation uint32, debounce time.Duration, now time.Time) (changed bool, err error) {
	if len(key) != KeyLen {
		return false, fmt.Errorf("%w: %d bytes, want %d", ErrKEKMalformed, len(key), KeyLen)
	}
	if generation > math.MaxUint16 {
		return false, fmt.Errorf("%w: generation %d needs more than 16 bits", ErrKEKMalformed, generation)
	}
	if Key(key) == (Key{}) {
		return false, fmt.Errorf("%w: generation %d is all zero", ErrKEKMalformed, generation)
	}
	next := &heldKEK{KEK: KEK{Generation: uint16(generation), Key: Key(key), RotationDebounce: max(debounce, 0)}}
	if next.aead, err = newGCM(next.Key); err != nil {
		return false, err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(now)
	if held := r.current; held != nil {
		switch {
		case next.Generation < held.Generation:
			return false, fmt.Errorf("%w: got generation %d, hold %d", ErrKEKOlder, next.Generation, held.Generation)
		case next.Generation > held.Generation:
		case subtle.ConstantTimeCompare(held.Key[:], next.Key[:]) == 1:
			return false, nil
		default:
			return false, fmt.Errorf("%w: generation %d", ErrKEKConflict, next.Generation)
		}
	}
	r.dropPreviousLocked()
	r.current, r.previous, r.until = next, r.current, now.Add(retention(next.RotationDebounce))
	return true, nil
}

func retention(debounce time.Duration) time.Duration {
	if debounce <= 0 {
		return DefaultRetention
	}
	return min(debounce/2, MaxRetention)
}

// Current is the newest KEK, the only one to wrap under.
func (r *Keyring) Current() (KEK, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return KEK{}, false
	}
	return r.current.KEK, true
}

// Lookup is the KEK of a generation, if it is held at now.
func (r *Keyring) Lookup(generation uint16, now time.Time) (KEK, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(now)
	for _, k := range []*heldKEK{r.current, r.previous} {
		if k != nil && k.Generation == generation {
			return k.KEK, true
		}
	}
	return KEK{}, false
}

// Expire wipes the previous KEK if its retention has ended. Every look-up does so
// too; a timer that calls Expire only makes it prompt.
func (r *Keyring) Expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(now)
}

func (r *Keyring) expireLocked(now time.Time) {
	if r.previous != nil && !now.Before(r.until) {
		r.dropPreviousLocked()
	}
}

func (r *Keyring) dropPreviousLocked() {
	if r.previous != nil {
		clear(r.previous.Key[:])
		r.previous = nil
	}
}

// held is what a ring holds at one moment.
type held struct{ current, previous *heldKEK }

func (r *Keyring) held(now time.Time) held {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(now)
	return held{r.current, r.previous}
}

// find returns the KEK of a generation, nil if it is not held.
func (h held) find(generation uint16) *heldKEK {
	for _, k := range [...]*heldKEK{h.current, h.previous} {
		if k != nil && k.Generation == generation {
			return k
		}
	}
	return nil
}

// missing says why a generation is not held: gone already, or not known yet.
func (h held) missing(generation uint16) frame.Reason {
	oldest := h.previous
	if oldest == nil {
		oldest = h.current
	}
	if oldest != nil && generation < oldest.Generation {
		return frame.KEKGenerationStale
	}
	return frame.NoKEKForGeneration
}

// newest is the KEK to wrap under, nil if there is none.
func (r *Keyring) newest() *heldKEK {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// claim makes sure that one stream of one sender is sealed by one Sealer only.
func (r *Keyring) claim(sender uint16, stream uint8) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := streamOf{sender, stream}
	if _, taken := r.sealing[key]; taken {
		return false
	}
	r.sealing[key] = struct{}{}
	return true
}
