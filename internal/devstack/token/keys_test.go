package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestKeysAreKeptForTheirTimeAndNotFetchedForAnUnknownKid(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	v := NewVerifier(a.url)
	v.Now = func() time.Time { return now }
	if _, err := v.User(t.Context(), a.sign(t, userClaims(now))); err != nil {
		t.Fatal(err)
	}

	next, err := NewSigner("auth-test-2026-02")
	if err != nil {
		t.Fatal(err)
	}
	set := JWKS{Keys: []JWK{next.JWK()}}
	a.set.Store(&set)
	rotated, err := next.Sign(userClaims(now))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(DefaultJWKSTTL - time.Second)
	if _, err := v.User(t.Context(), rotated); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("while the keys are fresh: %v", err)
	}
	if n := a.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times, want once", n)
	}
	now = now.Add(time.Second)
	if _, err := v.User(t.Context(), rotated); err != nil {
		t.Errorf("once the keys are old: %v", err)
	}
	if n := a.fetches.Load(); n != 2 {
		t.Errorf("fetched %d times, want twice", n)
	}
}

func TestAnAuthorityThatFailsMakesEveryTokenUncheckable(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	v := NewVerifier(a.url)
	v.Now = func() time.Time { return now }
	raw := a.sign(t, userClaims(now))

	a.status.Store(http.StatusInternalServerError)
	if _, err := v.User(t.Context(), raw); !errors.Is(err, ErrJWKSUnavailable) {
		t.Errorf("with an empty cache: %v", err)
	}
	a.status.Store(0)
	if _, err := v.User(t.Context(), raw); err != nil {
		t.Errorf("once it is back: %v", err)
	}
	a.status.Store(http.StatusInternalServerError)
	if _, err := v.User(t.Context(), raw); err != nil {
		t.Errorf("with a fresh cache: %v", err)
	}
	now = now.Add(DefaultJWKSTTL)
	if _, err := v.User(t.Context(), raw); !errors.Is(err, ErrJWKSUnavailable) {
		t.Errorf("with an old cache: %v", err)
	}
}

func TestAHostileJWKSDocumentIsRefused(t *testing.T) {
	key := func(kid, x string) JWK { return JWK{KeyID: kid, KeyType: "OKP", Curve: "Ed25519", X: x} }
	many := JWKS{}
	for i := range maxKeys + 1 {
		many.Keys = append(many.Keys, key(fmt.Sprint(i), ""))
	}
	tests := []struct {
		name string
		doc  any
	}{
		{"not an object", []int{1}},
		{"too many keys", many},
		{"a key that is not base64url", JWKS{Keys: []JWK{key("a", "+/+/")}}},
		{"a key of 31 bytes", JWKS{Keys: []JWK{key("a", base64.RawURLEncoding.EncodeToString(make([]byte, 31)))}}},
		{"a padded key", JWKS{Keys: []JWK{key("a", base64.URLEncoding.EncodeToString(make([]byte, 32)))}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.doc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseJWKS(b); err == nil {
				t.Error("it was taken")
			}
		})
	}
	keys, err := parseJWKS([]byte(`{"keys":[{"kid":"r","kty":"RSA"},{"kid":"","kty":"OKP","crv":"Ed25519"}]}`))
	if err != nil || len(keys) != 0 {
		t.Errorf("keys of other kinds: %v, %v; want none and no error", keys, err)
	}
}

func TestALocalVerifierNeedsNoNetwork(t *testing.T) {
	s, err := NewSigner("k")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewLocalVerifier(s.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Sign(userClaims(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.User(t.Context(), raw); err != nil {
		t.Error(err)
	}
}

func FuzzJWKS(f *testing.F) {
	s, err := NewSigner("k")
	if err != nil {
		f.Fatal(err)
	}
	b, err := json.Marshal(s.JWKS())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseJWKS(b)
		if err != nil {
			return
		}
		for kid, key := range keys {
			if kid == "" || len(key) != ed25519.PublicKeySize {
				t.Errorf("kid %q has a key of %d bytes", kid, len(key))
			}
		}
	})
}
