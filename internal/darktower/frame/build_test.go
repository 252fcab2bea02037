package frame_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestAPublisherRegionIsLaidOutAsTheContractSays(t *testing.T) {
	wrap := filled(frame.WrapLen, 0)
	for _, c := range []struct {
		name string
		h    frame.Header
		len  int
		want string
	}{
		{"bare", frame.Header{Flags: 1, Sequence: 0x01020304}, 24, "0201" + "00000018" + "01020304" + "0000"},
		{"salience", frame.Header{Sequence: 5, Salience: u8(42)}, 0x100000, "0200" + "00100000" + "00000005" + "0003" + "01012a"},
		{"key", frame.Header{Flags: 5, Wrap: wrap}, 104, "0205" + "00000068" + "00000000" + hex.EncodeToString(wrap) + "0000"},
		{"key and salience", frame.Header{Flags: 4, Wrap: wrap, Salience: u8(0)}, 0, "0204" + "00000000" + "00000000" + hex.EncodeToString(wrap) + "0003" + "010100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := frame.AppendPublisher([]byte("kept"), c.h, c.len)
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(got) != hex.EncodeToString([]byte("kept"))+c.want {
				t.Errorf("got %x, want %s", got, c.want)
			}
		})
	}
}

func TestARelayRegionIsAStreamIDAndAHopSequence(t *testing.T) {
	if got := frame.AppendRelay(nil, 0x0102, 0x03040506); !bytes.Equal(got, []byte{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %x", got)
	}
}

func TestAHeaderThatNobodyWouldAcceptIsNotBuilt(t *testing.T) {
	wrap := filled(frame.WrapLen, 0)
	for _, c := range []struct {
		name string
		h    frame.Header
		len  int
		want error
	}{
		{"undefined flag", frame.Header{Flags: 0x08}, 24, frame.ErrFlags},
		{"flag without key", frame.Header{Flags: 4}, 24, frame.ErrWrap},
		{"key without flag", frame.Header{Flags: 1, Wrap: wrap}, 24, frame.ErrWrap},
		{"key too short", frame.Header{Flags: 5, Wrap: wrap[1:]}, 24, frame.ErrWrap},
		{"key too long", frame.Header{Flags: 5, Wrap: append(wrap, 0)}, 24, frame.ErrWrap},
		{"payload too long", frame.Header{Flags: 1}, frame.MaxPayloadLen + 1, frame.ErrPayloadLen},
		{"payload of negative length", frame.Header{Flags: 1}, -1, frame.ErrPayloadLen},
		{"salience beyond its range", frame.Header{Flags: 1, Salience: u8(101)}, 24, frame.ErrSalience},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := frame.AppendPublisher([]byte("kept"), c.h, c.len)
			if !errors.Is(err, c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if string(got) != "kept" {
				t.Errorf("dst has become %q", got)
			}
		})
	}
}
