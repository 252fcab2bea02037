package frame_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func seeds(f *testing.F, add func(b []byte)) {
	for _, h := range shapes {
		b := build(f, h, filled(30, 0), 1, 2)
		add(b)
		add(b[:h.Len()+frame.RelayLen])
		add(append(bytes.Clone(b), 0))
	}
	add(nil)
	add([]byte{2, 0x80})
}

// What is accepted can be built again from its fields, byte for byte; what is
// refused is refused for a reason that a relay knows.
func FuzzDecode(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	relayReasons := frame.Reasons()[:8]
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := frame.Decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("decoding changed the buffer")
		}
		if err != nil {
			var reject *frame.RejectError
			if !errors.As(err, &reject) || !slices.Contains(relayReasons, reject.Reason) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		h := frame.Header{Flags: v.Flags(), Sequence: v.StreamSequence(), Wrap: v.Wrap()}
		if s, ok := v.Salience(); ok {
			h.Salience = &s
		}
		again, err := frame.AppendPublisher(nil, h, v.PayloadLen())
		if err != nil {
			t.Fatalf("the header of an accepted frame cannot be built: %v", err)
		}
		again = append(frame.AppendRelay(again, v.StreamID(), v.HopSequence()), v.Payload()...)
		if again = append(again, v.Signature()...); !bytes.Equal(again, b) {
			t.Fatalf("built again:\n%x, want\n%x", again, b)
		}
	})
}

// A rewrite changes the relay bytes and no other, and can be undone.
func FuzzRewriteRelay(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b, uint16(7), uint32(0xdeadbeef)) })
	f.Fuzz(func(t *testing.T, b []byte, streamID uint16, hop uint32) {
		before := bytes.Clone(b)
		old, decodeErr := frame.Decode(before)
		err := frame.RewriteRelay(b, streamID, hop)
		if (err == nil) != (decodeErr == nil) {
			t.Fatalf("rewriting says %v, decoding %v", err, decodeErr)
		}
		if err != nil {
			if !bytes.Equal(b, before) {
				t.Fatal("a refused rewrite changed the buffer")
			}
			return
		}
		v, err := frame.Decode(b)
		if err != nil {
			t.Fatalf("a rewritten frame is refused: %v", err)
		}
		if v.StreamID() != streamID || v.HopSequence() != hop {
			t.Fatalf("got stream %d, hop %d, want %d, %d", v.StreamID(), v.HopSequence(), streamID, hop)
		}
		p := len(v.Publisher())
		if !bytes.Equal(b[:p], before[:p]) || !bytes.Equal(b[p+frame.RelayLen:], before[p+frame.RelayLen:]) {
			t.Fatal("a byte outside the relay region has changed")
		}
		if err := frame.RewriteRelay(b, old.StreamID(), old.HopSequence()); err != nil || !bytes.Equal(b, before) {
			t.Fatalf("the rewrite cannot be undone: %v", err)
		}
	})
}
