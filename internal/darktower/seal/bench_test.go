package seal

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// audioLen is one packet of 20 ms at 32 kbit/s, in bytes.
const audioLen = 80

// BenchmarkSealFrame builds, seals and signs one frame; compare it with
// BenchmarkSealBare, the two primitives alone on the same bytes.
func BenchmarkSealFrame(b *testing.B) {
	s, _ := talker(b)
	plaintext, buf := make([]byte, audioLen), make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Append(buf, plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealBare(b *testing.B) {
	aead, err := newGCM(pattern(0x51))
	if err != nil {
		b.Fatal(err)
	}
	private, nonce := identityFrom(0x31).private, make([]byte, NonceLen)
	publisher, plaintext, buf := make([]byte, 62), make([]byte, audioLen), make([]byte, 0, 512)
	signed := make([]byte, 62+sealedHead+audioLen)
	b.ReportAllocs()
	for b.Loop() {
		aead.Seal(buf, nonce, plaintext, publisher)
		ed25519.Sign(private, signed)
	}
}

// BenchmarkOpenFrame decodes, verifies, admits and opens one frame; compare it
// with BenchmarkOpenBare, the two primitives alone on the same bytes.
func BenchmarkOpenFrame(b *testing.B) {
	o, _ := listener(b)
	raw := audioFrame(b)
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		v, err := frame.Decode(raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := o.Open(dst, v, epoch); err != nil {
			b.Fatal(err)
		}
		forgetReplay(o)
	}
}

func audioFrame(tb testing.TB) []byte {
	c := wellFormed()
	c.plaintext = make([]byte, audioLen)
	return c.bytes(tb)
}

// forgetReplay lets the same frame in once more.
func forgetReplay(o *Opener) {
	for _, r := range o.senders[7].replay {
		for i := range r.contexts {
			r.contexts[i].window.seen = 0
		}
	}
}

func BenchmarkOpenBare(b *testing.B) {
	v := decode(b, audioFrame(b))
	public := identityFrom(0x31).Public()
	key, err := newStreamKey(wellFormed().transmit, keyID(b, 7, 0, 1))
	if err != nil {
		b.Fatal(err)
	}
	signed := bytes.Join([][]byte{v.Publisher(), v.Payload()}, nil)
	sealed := bytes.Join([][]byte{v.Payload()[sealedHead:], v.Payload()[frame.KeyIDLen:sealedHead]}, nil)
	nonce := Nonce(key.salt, 0)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(public, signed, v.Signature()) {
			b.Fatal("the signature is bad")
		}
		if _, err := key.aead.Open(buf, nonce[:], sealed, v.Publisher()); err != nil {
			b.Fatal(err)
		}
	}
}
