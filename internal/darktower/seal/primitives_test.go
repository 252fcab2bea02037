package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// Numbers that the contract itself gives (platform contract, media B.9).
func TestTheKeyScheduleGivesTheNumbersOfTheContract(t *testing.T) {
	id := KeyID{1, 2, 3, 4, 5, 6, 7, 8}
	key, salt, err := DeriveSFrame(pattern(0x20), id)
	if err != nil {
		t.Fatal(err)
	}
	nonce := Nonce(salt, 7)
	wrapped, err := WrapKey(pattern(0x10), id, pattern(0x20))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"key", key[:], "c9ad7a8dd073e8df832683a6ddde87eb4190b7a10c1659d07046a1ce8df94432"},
		{"salt", salt[:], "de74ded07c444f3a5ac19a07"},
		{"nonce of frame 7", nonce[:], "de74ded07c444f3a5ac19a00"},
		{"head of the wrapped key", wrapped[:4], "426990ba"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s is %s, want %s", c.what, got, c.want)
		}
	}
}

func TestANonceDiffersFromItsSaltInTheLastFourBytesOnly(t *testing.T) {
	salt := [SaltLen]byte{0: 0xff, 8: 0x11, 9: 0x22, 10: 0x33, 11: 0x44}
	want := [NonceLen]byte{0: 0xff, 8: 0xee, 9: 0x22, 10: 0x33, 11: 0x45}
	if got := Nonce(salt, 0xff000001); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	if salt[8] != 0x11 {
		t.Error("the salt has changed")
	}
}

func TestAWrappedKeyOpensForItsKeyIDAndItsKEKOnly(t *testing.T) {
	id, kek, transmit := keyID(t, 7, 1, 5), pattern(1), pattern(2)
	wrapped, err := WrapKey(kek, id, transmit)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := WrapKey(kek, id, transmit)
	if !bytes.Equal(wrapped[:], again[:]) {
		t.Error("wrapping the same key twice gives different bytes")
	}
	if got, err := UnwrapKey(kek, id, wrapped[:]); err != nil || got != transmit {
		t.Errorf("it does not open: %v", err)
	}
	damaged := wrapped
	damaged[0] ^= 1
	for _, c := range []struct {
		name    string
		kek     Key
		id      KeyID
		wrapped []byte
	}{
		{"another KEK", pattern(3), id, wrapped[:]},
		{"another generation", kek, keyID(t, 7, 1, 6), wrapped[:]},
		{"another stream", kek, keyID(t, 7, 2, 5), wrapped[:]},
		{"another sender", kek, keyID(t, 8, 1, 5), wrapped[:]},
		{"a changed byte", kek, id, damaged[:]},
		{"a missing byte", kek, id, wrapped[1:]},
		{"nothing", kek, id, nil},
	} {
		if got, err := UnwrapKey(c.kek, c.id, c.wrapped); !errors.Is(err, ErrUnwrap) || got != (Key{}) {
			t.Errorf("%s: got error %v", c.name, err)
		}
	}
}

func TestAKeyIDHasThreeParts(t *testing.T) {
	for _, c := range []struct {
		sender     uint16
		stream     uint8
		generation uint64
		want       KeyID
		shown      string
	}{
		{0x0102, 3, 0x0405060708, KeyID{1, 2, 3, 4, 5, 6, 7, 8}, "258/3/17264150280"},
		{1, 0, 0, KeyID{0, 1}, "1/0/0"},
		{65535, 255, MaxGeneration, KeyID{255, 255, 255, 255, 255, 255, 255, 255}, "65535/255/1099511627775"},
	} {
		id, err := NewKeyID(c.sender, c.stream, c.generation)
		if err != nil || id != c.want {
			t.Errorf("got %x, %v, want %x", id[:], err, c.want[:])
		}
		if id.Sender() != c.sender || id.Stream() != c.stream || id.Generation() != c.generation || id.String() != c.shown {
			t.Errorf("taken apart it is %d, %d, %d, shown as %s", id.Sender(), id.Stream(), id.Generation(), id)
		}
	}
	if _, err := NewKeyID(0, 1, 1); !errors.Is(err, ErrKeyID) {
		t.Errorf("sender 0: %v", err)
	}
	if _, err := NewKeyID(1, 1, MaxGeneration+1); !errors.Is(err, ErrKeyID) {
		t.Errorf("a generation of 41 bits: %v", err)
	}
}
