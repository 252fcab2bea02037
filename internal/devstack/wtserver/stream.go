package wtserver

import (
	"time"

	"github.com/quic-go/webtransport-go"
)

// Stream is a bidirectional stream that a client opened.
type Stream struct{ wt *webtransport.Stream }

// Read reads what the client wrote; io.EOF is its FIN.
func (s *Stream) Read(b []byte) (int, error) { return s.wt.Read(b) }

// Write writes to the client.
func (s *Stream) Write(b []byte) (int, error) { return s.wt.Write(b) }

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
