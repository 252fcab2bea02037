package media

import (
	"encoding/binary"
	"fmt"
)

const (
	// DefaultPlaintextLen is what 20 ms of Opus take at 32 kbit/s, in bytes.
	DefaultPlaintextLen = 80
	// MaxPlaintextLen keeps a frame within one datagram on every path, in bytes
	// (platform contract, media C.1).
	MaxPlaintextLen = 940

	// minPlaintextLen is the smallest padded packet of appendSilence.
	minPlaintextLen = 5
)

// checkPlaintextLen refuses sizes that appendSilence cannot make.
func checkPlaintextLen(n int) error {
	if n < minPlaintextLen || n > MaxPlaintextLen {
		return fmt.Errorf("media: plaintext of %d bytes, allowed are %d to %d", n, minPlaintextLen, MaxPlaintextLen)
	}
	return nil
}

// appendSilence appends an Opus packet of n bytes that any decoder plays as 20 ms
// of silence: a browser in the same meeting feeds what we send to its decoder.
// The packet is one CELT frame (fullband, mono) padded to size (RFC 6716 3.2.5).
// A decoder must accept any padding, so that is where count goes: no two frames
// have the same plaintext.
func appendSilence(dst []byte, n int, count uint64) []byte {
	const (
		toc       = 31<<3 | 3 // CELT, fullband, 20 ms; mono; code 3: counted frames
		oneFrame  = 1 | 1<<6  // one frame, with padding, constant bit rate
		fullChunk = 255       // stands for 254 bytes and a further length byte
	)
	rest := n - 4 // padding and its length bytes
	lengthBytes := (rest + fullChunk - 1) / fullChunk
	padding := rest - lengthBytes
	dst = append(dst, toc, oneFrame)
	for range lengthBytes - 1 {
		dst = append(dst, fullChunk)
	}
	dst = append(dst, byte(padding-(lengthBytes-1)*(fullChunk-1)))
	dst = append(dst, 0xff, 0xfe) // a frame of silence
	var mark [8]byte
	binary.BigEndian.PutUint64(mark[:], count)
	for i := range padding {
		dst = append(dst, mark[i%len(mark)])
	}
	return dst
}
