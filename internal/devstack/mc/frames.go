package mc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame is the largest message body, in bytes (platform contract, MC B.4).
const maxFrame = 65536

var errEmptyFrame = errors.New("a frame of length zero")

// readFrame reads one message: a 4-byte big-endian length and that many bytes.
// The result is valid until the next call with the same buf.
func readFrame(r io.Reader, buf *[]byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		return nil, errEmptyFrame
	case n > maxFrame:
		return nil, fmt.Errorf("a frame of %d bytes, more than %d", n, maxFrame)
	}
	if cap(*buf) < int(n) {
		*buf = make([]byte, n)
	}
	body := (*buf)[:n]
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("a frame cut short: %w", err)
	}
	return body, nil
}

// appendFrame appends the length and body to dst.
func appendFrame(dst, body []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...)
}
