package webtransport

import "time"

// SendStream is the sending half of a stream. The stream's header goes out with
// the first Write. Only one goroutine may write at a time.
type SendStream struct{}

// Write sends p. Errors are *[StreamError] when the server stopped the stream,
// *[SessionError] when the session has ended, or os.ErrDeadlineExceeded.
func (w *SendStream) Write(p []byte) (int, error) { return 0, errNotImplemented }

// CloseWrite ends the sending half cleanly (FIN).
func (w *SendStream) CloseWrite() error { return errNotImplemented }

// Reset abandons the sending half with an application code.
func (w *SendStream) Reset(code uint32) {}

// SetWriteDeadline bounds the current and all later Writes; zero: no bound.
func (w *SendStream) SetWriteDeadline(t time.Time) error { return errNotImplemented }

// ReceiveStream is the receiving half of a stream.
type ReceiveStream struct{}

// Read receives into p. It gives io.EOF after a clean end, *[StreamError] when
// the server reset the stream, *[SessionError] when the session has ended, or
// os.ErrDeadlineExceeded.
func (r *ReceiveStream) Read(p []byte) (int, error) { return 0, errNotImplemented }

// Stop asks the server to stop sending, with an application code.
func (r *ReceiveStream) Stop(code uint32) {}

// SetReadDeadline bounds the current and all later Reads; zero: no bound.
func (r *ReceiveStream) SetReadDeadline(t time.Time) error { return errNotImplemented }

// Stream is a bidirectional stream.
type Stream struct {
	SendStream
	ReceiveStream
}
