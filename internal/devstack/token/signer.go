package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/golang-jwt/jwt/v5"
)

// Signer is an EdDSA key with a name: AC's half of every token. It is safe for
// concurrent use.
type Signer struct {
	kid     string
	private ed25519.PrivateKey
}

// NewSigner makes a fresh key. The platform names its keys
// auth-{cluster}-{year}-{number}; any non-empty kid works.
func NewSigner(kid string) (*Signer, error) {
	if kid == "" {
		return nil, errors.New("making a signing key: it needs a kid")
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	return &Signer{kid: kid, private: private}, nil
}

// Sign returns claims as a compact JWS with alg EdDSA, typ JWT and the kid.
func (s *Signer) Sign(claims jwt.Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"] = s.kid
	raw, err := t.SignedString(s.private)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return raw, nil
}

// JWK returns the public half.
func (s *Signer) JWK() JWK {
	return JWK{
		KeyID:     s.kid,
		KeyType:   "OKP",
		Curve:     "Ed25519",
		X:         base64.RawURLEncoding.EncodeToString(s.private.Public().(ed25519.PublicKey)),
		Use:       "sig",
		Algorithm: "EdDSA",
	}
}

// JWKS returns the document that lists this key alone.
func (s *Signer) JWKS() JWKS { return JWKS{Keys: []JWK{s.JWK()}} }

// String names the key without showing it.
func (s *Signer) String() string { return "signing key " + s.kid }

// GoString names the key without showing it.
func (s *Signer) GoString() string { return s.String() }

// LogValue names the key without showing it.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// JWKS is the document at /.well-known/jwks.json (platform contract, AC/GC 3.1).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is one public key of it.
type JWK struct {
	KeyID     string `json:"kid"`
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"` // the raw 32-byte key, base64url without padding
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// maxKeys bounds a JWKS document.
const maxKeys = 64

// parseJWKS returns the usable keys of a document by kid; keys of another kind
// are passed over.
func parseJWKS(b []byte) (map[string]ed25519.PublicKey, error) {
	var doc JWKS
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, errors.New("the JWKS document is not JSON of the right shape")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("the JWKS document lists %d keys, more than %d", len(doc.Keys), maxKeys)
	}
	keys := make(map[string]ed25519.PublicKey, len(doc.Keys))
	for _, k := range doc.Keys {
		if k.KeyID == "" || k.KeyType != "OKP" || k.Curve != "Ed25519" {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("the JWKS document's key %q is not %d bytes of base64url", k.KeyID, ed25519.PublicKeySize)
		}
		keys[k.KeyID] = ed25519.PublicKey(x)
	}
	return keys, nil
}
