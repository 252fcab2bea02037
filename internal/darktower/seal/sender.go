package seal

import (
	"crypto/ed25519"
	"slices"
)

// senderState is all that an Opener knows of one sender.
type senderState struct {
	public ed25519.PublicKey // nil: no usable roster entry
	keys   []*boundKey       // at most maxKeys, oldest first
	replay []*replayScope    // one for each KEK generation held, so at most two
}

// boundKey is a transmit key, bound to its key id and to the KEK generation it
// came under. It never changes.
type boundKey struct {
	*streamKey
	kek   uint16
	block [WrappedLen]byte // as received
}

// find returns the key bound to a key id, nil if there is none.
func (s *senderState) find(id KeyID) *boundKey {
	for _, k := range slices.Backward(s.keys) {
		if k.id == id {
			return k
		}
	}
	return nil
}

// bind remembers a key, unless its key id is bound already: the first binding wins.
func (s *senderState) bind(k *boundKey) {
	if s.find(k.id) != nil {
		return
	}
	if len(s.keys) == maxKeys {
		s.keys = append(s.keys[:0], s.keys[1:]...)
	}
	s.keys = append(s.keys, k)
}

// admit is the replay check of one frame under one KEK generation.
func (s *senderState) admit(kek uint16, id KeyID, sequence uint32) bool {
	for _, r := range s.replay {
		if r.kek == kek {
			return r.admit(id, sequence)
		}
	}
	r := &replayScope{kek: kek}
	s.replay = append(s.replay, r)
	return r.admit(id, sequence)
}

// forget drops the roster entry and the keys that came under it. The replay state
// stays: an old frame is no fresher for a new identity.
func (s *senderState) forget() { s.public, s.keys = nil, nil }

// sweep drops all that belongs to KEK generations that are not held.
func (s *senderState) sweep(h held) {
	s.keys = slices.DeleteFunc(s.keys, func(k *boundKey) bool { return h.find(k.kek) == nil })
	s.replay = slices.DeleteFunc(s.replay, func(r *replayScope) bool { return h.find(r.kek) == nil })
}

// empty reports whether there is nothing left to remember.
func (s *senderState) empty() bool { return s.public == nil && len(s.replay) == 0 }
