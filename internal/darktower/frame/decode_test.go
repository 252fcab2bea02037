package frame_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestAViewShowsEveryFieldOfAFrame(t *testing.T) {
	for name, h := range shapes {
		t.Run(name, func(t *testing.T) {
			payload := filled(40, 0x40)
			b := build(t, h, payload, 0x1234, 0xdeadbeef)
			v, err := frame.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			salience, has := v.Salience()
			if has != (h.Salience != nil) || has && salience != *h.Salience {
				t.Errorf("salience %d, %v", salience, has)
			}
			if v.Flags() != h.Flags || v.KeyBearing() != (h.Wrap != nil) || v.StreamSequence() != h.Sequence ||
				v.PayloadLen() != 40 || v.StreamID() != 0x1234 || v.HopSequence() != 0xdeadbeef {
				t.Errorf("flags %x, key %v, sequence %d, payload %d, stream %x, hop %x",
					v.Flags(), v.KeyBearing(), v.StreamSequence(), v.PayloadLen(), v.StreamID(), v.HopSequence())
			}
			id, err := v.KeyIDBytes()
			if err != nil {
				t.Error(err)
			}
			for what, pair := range map[string][2][]byte{
				"bytes":     {v.Bytes(), b},
				"wrap":      {v.Wrap(), h.Wrap},
				"publisher": {v.Publisher(), b[:h.Len()]},
				"payload":   {v.Payload(), payload},
				"signature": {v.Signature(), filled(frame.SignatureLen, 0xa0)},
				"key id":    {id, payload[:8]},
			} {
				if !bytes.Equal(pair[0], pair[1]) {
					t.Errorf("%s is %x, want %x", what, pair[0], pair[1])
				}
			}
			if (v.Wrap() == nil) != (h.Wrap == nil) {
				t.Errorf("wrap is %v, want %v", v.Wrap(), h.Wrap)
			}
		})
	}
}

func TestAppendingToASpanLeavesTheFrameAlone(t *testing.T) {
	b := build(t, shapes["key and salience"], filled(40, 0), 1, 2)
	want := bytes.Clone(b)
	v, err := frame.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := v.KeyIDBytes()
	for _, span := range [][]byte{v.Publisher(), v.Wrap(), v.Payload(), v.Signature(), id} {
		_ = append(span, 0xff)
	}
	if !bytes.Equal(b, want) {
		t.Error("the frame has changed")
	}
}

func TestAFrameIsRefusedForItsFirstFault(t *testing.T) {
	bare := build(t, shapes["bare"], filled(24, 0), 1, 2)     // publisher region of 12
	key := build(t, shapes["key"], filled(24, 0), 1, 2)       // 62
	loud := build(t, shapes["salience"], filled(24, 0), 1, 2) // 15
	for _, c := range []struct {
		name string
		b    []byte
		want frame.Reason
	}{
		{"nil is truncated", nil, frame.Truncated},
		{"no bytes are truncated", []byte{}, frame.Truncated},
		{"one byte of another version is an unknown version", []byte{1}, frame.UnknownVersion},
		{"one byte of this version is truncated", []byte{2}, frame.Truncated},
		{"version 0", set(bare, 0, 0), frame.UnknownVersion},
		{"version before flags", set(bare, 0, 3, 0x80), frame.UnknownVersion},
		{"the prefix is needed before flags are looked at", set(bare, 1, 0x80)[:9], frame.Truncated},
		{"flag bit 3", set(bare, 1, 0x08), frame.ReservedFlagBitSet},
		{"flag bit 7 beside legal ones", set(bare, 1, 0x87), frame.ReservedFlagBitSet},
		{"flags before payload length", set(bare, 1, 0x10, 0xff, 0xff, 0xff, 0xff), frame.ReservedFlagBitSet},
		{"payload one byte too long", set(bare, 2, 0, 0x10, 0, 1), frame.PayloadLengthExceedsMax},
		{"payload length before a missing wrap", set(key, 2, 0xff, 0xff, 0xff, 0xff)[:10], frame.PayloadLengthExceedsMax},
		{"the longest payload that is not there", set(bare, 2, 0, 0x10, 0, 0), frame.PayloadLengthExceedsAvailable},
		{"key-bearing without room for a key", key[:59], frame.Truncated},
		{"no extension length", key[:61], frame.Truncated},
		{"extensions of four bytes", set(bare, 10, 0, 4), frame.ExtensionsTooLarge},
		{"extensions of 65,535 bytes", set(bare, 10, 0xff, 0xff), frame.ExtensionsTooLarge},
		{"too large extensions in a short buffer", set(bare, 10, 0, 4)[:12], frame.ExtensionsTooLarge},
		{"extensions cut short", loud[:14], frame.Truncated},
		{"one byte of extensions is no entry", set(bare, 10, 0, 1), frame.ExtensionsMalformed},
		{"two bytes have no value", set(bare, 10, 0, 2, 1, 1), frame.ExtensionsMalformed},
		{"slack after an empty entry", set(bare, 10, 0, 3, 1, 0, 0), frame.ExtensionsMalformed},
		{"unknown extension", set(loud, 12, 2), frame.ExtensionsMalformed},
		{"extension type 0", set(loud, 12, 0), frame.ExtensionsMalformed},
		{"salience of two bytes", set(loud, 13, 2), frame.ExtensionsMalformed},
		{"salience of no bytes", set(loud, 13, 0), frame.ExtensionsMalformed},
		{"salience 101", set(loud, 14, 101), frame.ExtensionsMalformed},
		{"salience 255", set(loud, 14, 255), frame.ExtensionsMalformed},
		{"malformed extensions before a missing relay region", set(loud, 14, 101)[:15], frame.ExtensionsMalformed},
		{"no relay region", bare[:12], frame.Truncated},
		{"half a relay region", bare[:17], frame.Truncated},
		{"no room for a signature", bare[:18+63], frame.Truncated},
		{"a missing signature before a payload that is too long for the rest", set(bare, 2, 0, 1, 0, 0)[:18+63], frame.Truncated},
		{"payload one byte longer than what is left", set(bare, 5, 25), frame.PayloadLengthExceedsAvailable},
		{"payload cut by one byte", bare[:len(bare)-1], frame.PayloadLengthExceedsAvailable},
		{"one byte after the signature", append(bytes.Clone(bare), 0), frame.TrailingBytes},
		{"payload one byte shorter than what is left", set(bare, 5, 23), frame.TrailingBytes},
		{"bare is a frame", bare, ""},
		{"key is a frame", key, ""},
		{"loud is a frame", loud, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := frame.Decode(c.b)
			wantReason(t, err, c.want)
			if err != nil && v.Bytes() != nil {
				t.Error("a refused frame has a view")
			}
		})
	}
}

func TestEveryPrefixOfAFrameIsRefused(t *testing.T) {
	for name, h := range shapes {
		b := build(t, h, filled(30, 0), 1, 2)
		payloadCounts := h.Len() + frame.RelayLen + frame.SignatureLen
		for n := range b {
			want := frame.Truncated
			if n >= payloadCounts {
				want = frame.PayloadLengthExceedsAvailable
			}
			if _, err := frame.Decode(b[:n]); !errors.Is(err, frame.Reject(want)) {
				t.Errorf("%s, %d of %d bytes: got %v, want %s", name, n, len(b), err, want)
			}
		}
	}
}

func TestTheLongestFrameIsAccepted(t *testing.T) {
	b := build(t, shapes["key and salience"], make([]byte, frame.MaxPayloadLen), 1, 2)
	if len(b) != frame.MaxLen || frame.MaxLen != 1048711 || frame.MaxHeaderLen != 71 {
		t.Errorf("it has %d bytes, limit %d, header limit %d", len(b), frame.MaxLen, frame.MaxHeaderLen)
	}
	_, err := frame.Decode(b)
	wantReason(t, err, "")
}

func TestOnlyAReceiverRefusesAPayloadWithoutRoomForAKeyID(t *testing.T) {
	for n := range frame.KeyIDLen + frame.TagLen + 1 {
		v, err := frame.Decode(build(t, shapes["bare"], filled(n, 0), 1, 2))
		if err != nil {
			t.Fatalf("a relay refuses a payload of %d bytes: %v", n, err)
		}
		want := frame.Truncated
		if n == frame.KeyIDLen+frame.TagLen {
			want = ""
		}
		_, err = v.KeyIDBytes()
		wantReason(t, err, want)
	}
	_, err := frame.View{}.KeyIDBytes()
	wantReason(t, err, frame.Truncated)
}

func TestNothingAllocates(t *testing.T) {
	good := build(t, shapes["key and salience"], filled(104, 0), 1, 2)
	bad := append(bytes.Clone(good), 0)
	buf := make([]byte, 0, 256)
	for name, f := range map[string]func(){
		"decoding":           func() { _, _ = frame.Decode(good) },
		"refusing":           func() { _, _ = frame.Decode(bad) },
		"rewriting a relay":  func() { _ = frame.RewriteRelay(good, 3, 4) },
		"rewriting a hop":    func() { _ = frame.RewriteHop(good, 5) },
		"appending a header": func() { _, _ = frame.AppendPublisher(buf, shapes["key and salience"], 104) },
		"a refusal":          func() { _ = frame.Reject(frame.SenderNotAssigned) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
