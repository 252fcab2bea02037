package frame_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func u8(v uint8) *uint8 { return &v }

// filled is n bytes counting up from first.
func filled(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// build is a whole frame with a payload and a signature that mean nothing here.
func build(t testing.TB, h frame.Header, payload []byte, streamID uint16, hop uint32) []byte {
	t.Helper()
	b, err := frame.AppendPublisher(nil, h, len(payload))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != h.Len() {
		t.Fatalf("the publisher region has %d bytes, Len says %d", len(b), h.Len())
	}
	b = append(frame.AppendRelay(b, streamID, hop), payload...)
	return append(b, filled(frame.SignatureLen, 0xa0)...)
}

// The four shapes of a header.
var shapes = map[string]frame.Header{
	"bare":              {Flags: frame.FlagIndependent, Sequence: 9},
	"salience":          {Flags: frame.FlagIndependent | frame.FlagDiscardable, Sequence: 9, Salience: u8(100)},
	"key":               {Flags: frame.FlagIndependent | frame.FlagKeyBearing, Sequence: 9, Wrap: filled(frame.WrapLen, 0x10)},
	"key and salience":  {Flags: frame.FlagKeyBearing, Sequence: 1<<32 - 1, Wrap: filled(frame.WrapLen, 0x10), Salience: u8(0)},
	"nothing flagged":   {},
	"every flag is set": {Flags: 7, Wrap: filled(frame.WrapLen, 0xff), Salience: u8(1)},
}

func wantReason(t testing.TB, err error, want frame.Reason) {
	t.Helper()
	var reject *frame.RejectError
	switch {
	case want == "" && err != nil:
		t.Fatalf("refused with %v, want accepted", err)
	case want == "":
	case !errors.As(err, &reject):
		t.Fatalf("got error %v, want refused with %s", err, want)
	case reject.Reason != want:
		t.Fatalf("refused with %s, want %s", reject.Reason, want)
	}
}

func set(b []byte, at int, values ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], values)
	return b
}
