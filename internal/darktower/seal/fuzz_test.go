package seal

import (
	"bytes"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Whatever arrives, only what the sender made is opened, and only once. at and
// flip change one byte, so that the fuzzer need not find the way back to a frame.
func FuzzOpen(f *testing.F) {
	keyed, bare, loud := wellFormed(), wellFormed(), wellFormed()
	bare.wrapped, bare.sequence = false, 1
	volume := uint8(50)
	loud.salience, loud.sequence = &volume, 2
	var genuine [][]byte
	for _, c := range []crafted{keyed, bare, loud} {
		b := c.bytes(f)
		genuine = append(genuine, b)
		f.Add(b, uint16(0), byte(0))
		f.Add(b, uint16(len(b)-1), byte(1))
		f.Add(b, uint16(1), byte(4))
		f.Add(b[:len(b)-1], uint16(5), byte(1))
	}
	f.Add([]byte{}, uint16(0), byte(0))
	block := decode(f, genuine[0]).Wrap()[kekGenerationLen:]

	f.Fuzz(func(t *testing.T, b []byte, at uint16, flip byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] ^= flip
		}
		v, err := frame.Decode(b)
		if err != nil {
			return
		}
		for _, primed := range []bool{false, true} {
			o, _ := listener(t)
			if primed {
				prime(t, o, keyID(t, 7, 0, 1), keyed.transmit, 3, block)
			}
			opened, err := o.Open(nil, v, epoch)
			if err != nil {
				if _, isReject := err.(*frame.RejectError); !isReject || opened.Plaintext != nil {
					t.Fatalf("refused with %T %v and plaintext %q", err, err, opened.Plaintext)
				}
				continue
			}
			if !madeBySender(b, v, genuine) || !bytes.Equal(opened.Plaintext, keyed.plaintext) {
				t.Fatalf("a forged frame was opened: %x", b)
			}
			if _, err := o.Open(nil, v, epoch); err == nil {
				t.Fatal("it was opened twice")
			}
		}
	})
}

// madeBySender reports whether b is a genuine frame, relay bytes aside.
func madeBySender(b []byte, v frame.View, genuine [][]byte) bool {
	for _, g := range genuine {
		g = bytes.Clone(g)
		if frame.RewriteRelay(g, v.StreamID(), v.HopSequence()) == nil && bytes.Equal(g, b) {
			return true
		}
	}
	return false
}
