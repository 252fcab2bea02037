package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"testing"
)

func TestEachIdentityIsItsOwn(t *testing.T) {
	a, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.Public(), b.Public()) || len(a.Public()) != ed25519.PublicKeySize {
		t.Errorf("public keys %x and %x", a.Public(), b.Public())
	}
	if !ed25519.Verify(a.Public(), []byte("hello"), ed25519.Sign(a.private, []byte("hello"))) {
		t.Error("the public key does not belong to the private one")
	}
	a.Public()[0] ^= 0xff
	if !bytes.Equal(a.Public(), a.private.Public().(ed25519.PublicKey)) {
		t.Error("the caller's copy is the key itself")
	}
}

// The standard library knows a usable key too, but says so only in words.
func TestAUsablePublicKeyIsAPointOnTheCurve(t *testing.T) {
	usable := func(key []byte) bool {
		err := ed25519.VerifyWithOptions(key, nil, make([]byte, ed25519.SignatureSize), &ed25519.Options{})
		return err == nil || !strings.Contains(err.Error(), "bad public key")
	}
	keys := [][]byte{identityFrom(1).Public()}
	for i := range 200 {
		sum := sha256.Sum256([]byte{byte(i)})
		keys = append(keys, sum[:])
	}
	for _, last := range []byte{0, 0x7f, 0x80, 0xff} { // small, non-canonical, with either sign
		for first := range 256 {
			key := bytes.Repeat([]byte{last | last<<1}, ed25519.PublicKeySize)
			key[0], key[31] = byte(first), last
			keys = append(keys, key)
		}
	}
	counts := make(map[bool]int)
	for _, key := range keys {
		want := usable(key)
		counts[want]++
		if usablePublicKey(key) != want {
			t.Errorf("%x: usable should be %v", key, want)
		}
	}
	if counts[true] < 100 || counts[false] < 100 {
		t.Errorf("a poor sample: %v", counts)
	}
	for _, n := range []int{0, 31, 33} {
		if usablePublicKey(make([]byte, n)) {
			t.Errorf("a key of %d bytes is usable", n)
		}
	}
}
