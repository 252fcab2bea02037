// Package framing is how one protobuf message lies on a WebTransport stream of
// MC or MH: a length of four bytes, big-endian, and then that many bytes
// (platform contract, MC B.4 and MH C.2). It knows lengths and bounds; it knows
// nothing of what the bytes mean.
package framing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// HeaderLen is the size of the length in front of each message, in bytes.
	HeaderLen = 4
	// MaxLen is the largest message body either side accepts, in bytes.
	MaxLen = 65536
)

// ErrEmpty is a message of length zero, which neither side may send.
var ErrEmpty = errors.New("framing: message of length 0")

// A SizeError is a message longer than MaxLen. On the reading side nothing of
// the body was read: the stream cannot be used any further.
type SizeError struct {
	// Len is the length that was announced or asked for, in bytes.
	Len uint64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("framing: message of %d bytes, the limit is %d", e.Len, MaxLen)
}

// A CutError is a stream that ended or failed inside a message.
type CutError struct {
	// Got and Want count bytes: of the length itself when Header is set, of the
	// body otherwise.
	Got, Want int
	Header    bool
	// Err is io.ErrUnexpectedEOF, or what the stream failed with.
	Err error
}

func (e *CutError) Error() string {
	part := "body"
	if e.Header {
		part = "length"
	}
	return fmt.Sprintf("framing: stream ended after %d of %d bytes of a message's %s: %v", e.Got, e.Want, part, e.Err)
}

func (e *CutError) Unwrap() error { return e.Err }

// Append appends body as one framed message to dst. It returns ErrEmpty or a
// *SizeError, and dst as it was, for a body that may not be sent.
func Append(dst, body []byte) ([]byte, error) {
	if err := check(uint64(len(body))); err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...), nil
}

// Write sends body as one framed message in exactly one Write of w: MC throws a
// partly read frame away when one of its own messages becomes ready in between,
// and then takes the rest for a length (platform contract, MC B.4).
func Write(w io.Writer, body []byte) error {
	frame, err := Append(make([]byte, 0, HeaderLen+len(body)), body)
	if err != nil {
		return err
	}
	n, err := w.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	return err
}

// Read reads one message body. It uses buf when that is large enough and
// allocates otherwise; the length is judged before any memory is taken for it.
//
// It returns io.EOF when the stream ends between two messages, the stream's own
// error when it fails there, a *CutError when either happens inside a message,
// and ErrEmpty or a *SizeError for a length that is not allowed.
func Read(r io.Reader, buf []byte) ([]byte, error) {
	var header [HeaderLen]byte
	if n, err := io.ReadFull(r, header[:]); err != nil {
		if n == 0 {
			return nil, err
		}
		return nil, &CutError{Got: n, Want: HeaderLen, Header: true, Err: err}
	}
	size := binary.BigEndian.Uint32(header[:])
	if err := check(uint64(size)); err != nil {
		return nil, err
	}
	if uint64(cap(buf)) < uint64(size) {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if n, err := io.ReadFull(r, buf); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, &CutError{Got: n, Want: int(size), Err: err}
	}
	return buf, nil
}

func check(size uint64) error {
	switch {
	case size == 0:
		return ErrEmpty
	case size > MaxLen:
		return &SizeError{Len: size}
	}
	return nil
}
