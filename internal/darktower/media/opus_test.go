package media

import (
	"bytes"
	"fmt"
	"testing"
)

func TestSilencePacketsAreValidOpusOfEverySize(t *testing.T) {
	for n := minPlaintextLen; n <= MaxPlaintextLen; n++ {
		p := appendSilence(nil, n, 0x0102030405060708)
		if len(p) != n {
			t.Fatalf("asked for %d bytes, got %d", n, len(p))
		}
		frame, err := opusFrame(p)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !bytes.Equal(frame, []byte{0xff, 0xfe}) {
			t.Fatalf("%d bytes: the frame is %x", n, frame)
		}
	}
	if bytes.Equal(appendSilence(nil, 80, 1), appendSilence(nil, 80, 2)) {
		t.Error("two frames have the same plaintext")
	}
	for _, n := range []int{-1, 1, minPlaintextLen - 1, MaxPlaintextLen + 1} {
		if _, err := NewSender(SenderConfig{PlaintextLen: n}); err == nil {
			t.Errorf("a plaintext of %d bytes was taken", n)
		}
	}
}

// opusFrame reads a code 3 packet with one frame, as RFC 6716 3.2.5 has it.
func opusFrame(p []byte) ([]byte, error) {
	if p[0]&3 != 3 || p[0]>>3 != 31 || p[0]&4 != 0 {
		return nil, fmt.Errorf("TOC byte %#x", p[0])
	}
	if p[1]&0x3f != 1 || p[1]&0x40 == 0 || p[1]&0x80 != 0 {
		return nil, fmt.Errorf("frame count byte %#x", p[1])
	}
	padding, i := 0, 2
	for ; p[i] == 255; i++ {
		padding += 254
	}
	padding += int(p[i])
	i++
	if i+padding > len(p) {
		return nil, fmt.Errorf("padding of %d bytes in %d", padding, len(p)-i)
	}
	return p[i : len(p)-padding], nil
}
