package seal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// MaxGeneration is the highest generation of a transmit key: 40 bits.
const MaxGeneration = 1<<40 - 1

// ErrKeyID is a key id that cannot be written.
var ErrKeyID = errors.New("seal: key id out of range")

// KeyID names one transmit key within a meeting: sender id (16 bits), stream (8),
// generation (40), big-endian (platform contract, media B.2). It is public: each
// frame carries it in clear.
type KeyID [frame.KeyIDLen]byte

// NewKeyID packs a key id. A sender of 0 or a generation beyond MaxGeneration is
// refused with ErrKeyID, never truncated.
func NewKeyID(sender uint16, stream uint8, generation uint64) (KeyID, error) {
	if sender == 0 {
		return KeyID{}, fmt.Errorf("%w: sender id 0", ErrKeyID)
	}
	if generation > MaxGeneration {
		return KeyID{}, fmt.Errorf("%w: generation %d needs more than 40 bits", ErrKeyID, generation)
	}
	var id KeyID
	binary.BigEndian.PutUint64(id[:], uint64(sender)<<48|uint64(stream)<<40|generation)
	return id, nil
}

// KeyIDOf is the key id that a frame claims. The error is a *frame.RejectError:
// the payload is too short for one. The claim holds only once Open has accepted
// the frame.
func KeyIDOf(v frame.View) (KeyID, error) {
	b, err := v.KeyIDBytes()
	if err != nil {
		return KeyID{}, err
	}
	return KeyID(b), nil
}

// Sender is the sender id, 0 only in a forged key id.
func (id KeyID) Sender() uint16 { return binary.BigEndian.Uint16(id[:]) }

// Stream is the number of the sender's stream.
func (id KeyID) Stream() uint8 { return id[2] }

// Generation counts the transmit keys of the sender.
func (id KeyID) Generation() uint64 {
	return binary.BigEndian.Uint64(id[:]) & MaxGeneration
}

// String shows the three parts, as in "258/3/17".
func (id KeyID) String() string {
	return fmt.Sprintf("%d/%d/%d", id.Sender(), id.Stream(), id.Generation())
}
