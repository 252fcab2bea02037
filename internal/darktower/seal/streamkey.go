package seal

import (
	"crypto/cipher"
	"crypto/ed25519"
	"slices"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// sealedHead is what a payload holds besides the ciphertext, which is as long as
// the plaintext.
const sealedHead = frame.KeyIDLen + frame.TagLen

// streamKey is a transmit key made ready for frames. It never changes.
type streamKey struct {
	id   KeyID
	aead cipher.AEAD
	salt [SaltLen]byte
}

func newStreamKey(transmit Key, id KeyID) (*streamKey, error) {
	key, salt, err := DeriveSFrame(transmit, id)
	if err != nil {
		return nil, err
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return &streamKey{id: id, aead: aead, salt: salt}, nil
}

// appendFrame appends a whole frame: header, a relay region of zeros, sealed
// payload, signature. nonce is scratch that outlives the call; were it a local
// variable it would be allocated for each frame.
//
// The signature covers the publisher region and the payload without the relay
// region between them, so the publisher region is written next to the payload
// first and moved to its place once the signature is made.
func (k *streamKey) appendFrame(dst []byte, id *Identity, h frame.Header, plaintext []byte, nonce *[NonceLen]byte) ([]byte, error) {
	payloadLen := sealedHead + len(plaintext)
	publisherLen := h.Len()
	start := len(dst)
	grown := slices.Grow(dst, publisherLen+frame.RelayLen+payloadLen+frame.SignatureLen)
	out := grown[start : start+publisherLen+frame.RelayLen+payloadLen+frame.SignatureLen]

	signed := out[frame.RelayLen : frame.RelayLen+publisherLen+payloadLen]
	if _, err := frame.AppendPublisher(signed[:0:publisherLen], h, payloadLen); err != nil {
		return dst, err
	}
	publisher, payload := signed[:publisherLen], signed[publisherLen:]

	// GCM puts its tag behind the ciphertext, the platform in front of it. The
	// tag has room where the signature will be.
	*nonce = Nonce(k.salt, h.Sequence)
	copy(payload, k.id[:])
	body := out[publisherLen+frame.RelayLen+sealedHead:]
	sealed := k.aead.Seal(body[:0], nonce[:], plaintext, publisher)
	copy(payload[frame.KeyIDLen:], sealed[len(plaintext):])

	signature := ed25519.Sign(id.private, signed)
	copy(out, publisher)
	clear(out[publisherLen : publisherLen+frame.RelayLen])
	copy(out[len(out)-frame.SignatureLen:], signature)
	return grown[:start+len(out)], nil
}

// open appends the plaintext of a payload to dst. Neither publisher nor payload
// may overlap dst. nonce is scratch, as in appendFrame.
func (k *streamKey) open(dst, publisher, payload []byte, sequence uint32, nonce *[NonceLen]byte) ([]byte, error) {
	*nonce = Nonce(k.salt, sequence)
	start := len(dst)
	dst = append(dst, payload[sealedHead:]...)
	dst = append(dst, payload[frame.KeyIDLen:sealedHead]...)
	return k.aead.Open(dst[:start], nonce[:], dst[start:], publisher)
}
