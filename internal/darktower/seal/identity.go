package seal

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
)

// Identity is the Ed25519 key pair that a participant signs its frames with:
// made before the join, kept for the whole meeting, over reconnects too
// (platform contract, media B.1).
type Identity struct {
	private ed25519.PrivateKey
}

// NewIdentity makes a fresh identity.
func NewIdentity() (*Identity, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("making an identity key: %w", err)
	}
	return &Identity{private: private}, nil
}

// Public is the half that MC publishes on the roster: 32 raw bytes, the caller's own copy.
func (id *Identity) Public() ed25519.PublicKey {
	return bytes.Clone(id.private[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// usablePublicKey reports whether key is the encoding of a point on the curve.
// Verification under any other key fails like a forged signature would; the
// contract wants the two told apart (platform contract, media B.8 step 5).
//
// With y from the encoding, x² = (y²-1)/(dy²+1) must have a root modulo p. The
// quotient is a square exactly when the product is.
func usablePublicKey(key []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	reversed := bytes.Clone(key)
	slices.Reverse(reversed)
	reversed[0] &= 0x7f // the sign of x

	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)

	y := new(big.Int).SetBytes(reversed)
	yy := y.Mul(y, y)
	yy.Mod(yy, p)
	u := new(big.Int).Sub(yy, one)
	w := new(big.Int).Mul(d, yy)
	w.Add(w, one)
	return big.Jacobi(u.Mul(u, w).Mod(u, p), p) >= 0
}
