package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Sizes in bytes.
const (
	KeyLen     = 32 // KEK, transmit key, SFrame key
	SaltLen    = 12
	NonceLen   = 12
	WrappedLen = KeyLen + frame.TagLen // wrapped transmit key and its tag

	kekGenerationLen = 2
)

// RFC 9605 section 4.4.2; the labels end with a space, the suite is
// AES_256_GCM_SHA512_128.
const (
	labelKey  = "SFrame 1.0 Secret key "
	labelSalt = "SFrame 1.0 Secret salt "
	suite     = "\x00\x05"
)

// ErrUnwrap is a wrapped transmit key that its tag does not vouch for.
var ErrUnwrap = errors.New("seal: wrapped transmit key does not open")

// Key is a symmetric key, a KEK's or a transmit key. It shows itself nowhere.
type Key [KeyLen]byte

// DeriveSFrame derives the key and the salt of a payload from a transmit key and
// its key id (platform contract, media B.3).
func DeriveSFrame(transmit Key, id KeyID) (key Key, salt [SaltLen]byte, err error) {
	secret, err := hkdf.Extract(sha512.New, transmit[:], nil)
	if err != nil {
		return key, salt, fmt.Errorf("deriving an SFrame secret: %w", err)
	}
	k, err := hkdf.Expand(sha512.New, secret, labelKey+string(id[:])+suite, KeyLen)
	if err != nil {
		return key, salt, fmt.Errorf("deriving an SFrame key: %w", err)
	}
	s, err := hkdf.Expand(sha512.New, secret, labelSalt+string(id[:])+suite, SaltLen)
	if err != nil {
		return key, salt, fmt.Errorf("deriving an SFrame salt: %w", err)
	}
	return Key(k), [SaltLen]byte(s), nil
}

// Nonce is the nonce of a payload: the salt, its last four bytes XOR the stream
// sequence (platform contract, media B.3).
func Nonce(salt [SaltLen]byte, sequence uint32) [NonceLen]byte {
	tail := salt[SaltLen-4:]
	binary.BigEndian.PutUint32(tail, binary.BigEndian.Uint32(tail)^sequence)
	return salt
}

// WrapKey wraps a transmit key for everyone who holds the KEK: ciphertext and tag
// (platform contract, media B.5). The same input gives the same bytes. Two
// transmit keys under one key id and one KEK would repeat a nonce.
func WrapKey(kek Key, id KeyID, transmit Key) ([WrappedLen]byte, error) {
	aead, err := newGCM(kek)
	if err != nil {
		return [WrappedLen]byte{}, err
	}
	return wrapWith(aead, id, transmit), nil
}

// UnwrapKey is the inverse of WrapKey. It fails with ErrUnwrap if the key was
// wrapped under another KEK, for another key id, or changed.
func UnwrapKey(kek Key, id KeyID, wrapped []byte) (Key, error) {
	aead, err := newGCM(kek)
	if err != nil {
		return Key{}, err
	}
	return unwrapWith(aead, id, wrapped)
}

func wrapWith(kek cipher.AEAD, id KeyID, transmit Key) [WrappedLen]byte {
	nonce := wrapNonce(id)
	return [WrappedLen]byte(kek.Seal(nil, nonce[:], transmit[:], id[:]))
}

func unwrapWith(kek cipher.AEAD, id KeyID, wrapped []byte) (Key, error) {
	if len(wrapped) != WrappedLen {
		return Key{}, fmt.Errorf("%w: %d bytes, want %d", ErrUnwrap, len(wrapped), WrappedLen)
	}
	nonce := wrapNonce(id)
	transmit, err := kek.Open(nil, nonce[:], wrapped, id[:])
	if err != nil {
		return Key{}, ErrUnwrap
	}
	return Key(transmit), nil
}

func wrapNonce(id KeyID) (nonce [NonceLen]byte) {
	copy(nonce[NonceLen-len(id):], id[:])
	return nonce
}

func newGCM(key Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("setting up AES-256: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("setting up AES-256-GCM: %w", err)
	}
	return aead, nil
}
