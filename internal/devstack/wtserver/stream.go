package wtserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// ErrReset is wrapped by reads and writes of a stream that the client has reset
// or asked to stop, while the session lasts.
var ErrReset = errors.New("stream reset")

// Stream is a bidirectional stream that a client opened.
type Stream struct{ wt *webtransport.Stream }

// Read reads what the client wrote. The error is io.EOF at its FIN, and else
// wraps ErrReset, ErrEnded or os.ErrDeadlineExceeded.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.wt.Read(b)
	return n, streamError(err)
}

// Write writes to the client. The error wraps ErrReset, ErrEnded or
// os.ErrDeadlineExceeded.
func (s *Stream) Write(b []byte) (int, error) {
	n, err := s.wt.Write(b)
	return n, streamError(err)
}

// streamError tells the end of the session from that of the stream alone, which
// the library reports by many types.
func streamError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	_, bySession := errors.AsType[*webtransport.SessionError](err)
	_, byHTTP := errors.AsType[*http3.Error](err)
	switch {
	case bySession || byHTTP || isConnectionEnd(err):
		return fmt.Errorf("%w: %w", ErrEnded, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	return fmt.Errorf("%w: %w", ErrReset, err)
}

// CloseWrite ends the send half with a FIN.
func (s *Stream) CloseWrite() error { return s.wt.Close() }

// CancelRead asks the client to stop sending.
func (s *Stream) CancelRead(code uint32) { s.wt.CancelRead(webtransport.StreamErrorCode(code)) }

// CancelWrite resets the send half.
func (s *Stream) CancelWrite(code uint32) { s.wt.CancelWrite(webtransport.StreamErrorCode(code)) }

// SetReadDeadline bounds all later reads.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.wt.SetReadDeadline(t) }

// SetWriteDeadline bounds all later writes.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.wt.SetWriteDeadline(t) }
