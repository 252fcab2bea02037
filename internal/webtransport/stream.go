package webtransport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// endWait bounds the wait for the session's end that a stream's error announced.
const endWait = time.Second

// sendHalf and receiveHalf are what both kinds of QUIC streams have.
type sendHalf interface {
	Write([]byte) (int, error)
	Close() error
	CancelWrite(quic.StreamErrorCode)
	SetWriteDeadline(time.Time) error
	SetReliableBoundary()
}

type receiveHalf interface {
	Read([]byte) (int, error)
	CancelRead(quic.StreamErrorCode)
	SetReadDeadline(time.Time) error
}

// SendStream is the sending half of a stream. The stream's header goes out with
// the first Write.
type SendStream struct {
	s   *Session
	str sendHalf

	mu     sync.Mutex // serialises writers, protects header
	header []byte     // not sent yet; nil: sent, or not ours to send
}

// ReceiveStream is the receiving half of a stream.
type ReceiveStream struct {
	s   *Session
	str receiveHalf
}

// Stream is a bidirectional stream.
type Stream struct {
	SendStream
	ReceiveStream
}

func (s *Session) newStream(q *quic.Stream, header []byte) *Stream {
	return &Stream{SendStream{s: s, str: q, header: header}, ReceiveStream{s: s, str: q}}
}

func (s *Session) newReceiveStream(q *quic.ReceiveStream) *ReceiveStream {
	return &ReceiveStream{s: s, str: q}
}

// OpenStream opens a bidirectional stream. It waits while the server allows no
// more streams. The server learns of the stream with the first Write.
func (s *Session) OpenStream(ctx context.Context) (*Stream, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	q, err := s.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, s.openError(ctx, err)
	}
	return s.newStream(q, s.streamHeader(frameBidi)), nil
}

// OpenUniStream opens a stream to send only. See [Session.OpenStream].
func (s *Session) OpenUniStream(ctx context.Context) (*SendStream, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	q, err := s.conn.OpenUniStreamSync(ctx)
	if err != nil {
		return nil, s.openError(ctx, err)
	}
	return &SendStream{s: s, str: q, header: s.streamHeader(streamUni)}, nil
}

func (s *Session) streamHeader(typ uint64) []byte {
	return appendStreamHeader(make([]byte, 0, maxStreamHeader), typ, s.req.StreamID())
}

func (s *Session) openError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.streamError(err)
}

// AcceptStream waits for a bidirectional stream that the server opens.
func (s *Session) AcceptStream(ctx context.Context) (*Stream, error) {
	return accept(ctx, s, s.bidi)
}

// AcceptUniStream waits for a unidirectional stream that the server opens.
func (s *Session) AcceptUniStream(ctx context.Context) (*ReceiveStream, error) {
	return accept(ctx, s, s.uni)
}

func accept[T any](ctx context.Context, s *Session, pending <-chan T) (T, error) {
	select {
	case t := <-pending:
		return t, nil
	default:
	}
	var none T
	select {
	case t := <-pending:
		return t, nil
	case <-s.ctx.Done():
		return none, s.Err()
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// Write sends p. Errors are *[StreamError] when the stream was reset or stopped,
// *[SessionError] when the session has ended, or os.ErrDeadlineExceeded.
func (w *SendStream) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.write(p)
	return n, w.s.streamError(err)
}

// write sends p, after the header if that is still due. With mu held.
func (w *SendStream) write(p []byte) (int, error) {
	header := w.header
	if header == nil {
		return w.str.Write(p)
	}
	w.header = nil
	if w.s.dialect == Modern {
		// A reset must not take the header with it, or the server could not tell
		// whose stream it was.
		_, err := w.str.Write(header)
		w.str.SetReliableBoundary()
		if err != nil || len(p) == 0 {
			return 0, err
		}
		return w.str.Write(p)
	}
	n, err := w.str.Write(append(header, p...))
	return max(0, n-len(header)), err
}

// CloseWrite ends the sending half cleanly (FIN).
func (w *SendStream) CloseWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.header != nil {
		if _, err := w.write(nil); err != nil {
			return w.s.streamError(err)
		}
	}
	return w.s.streamError(w.str.Close())
}

// Reset abandons the sending half with an application code. Without Modern, a
// server may never see a stream that is reset before anything of it arrived.
func (w *SendStream) Reset(code uint32) {
	// A Write that is blocked holds mu, and has sent the header.
	if w.mu.TryLock() {
		if w.header != nil {
			_, _ = w.write(nil)
		}
		w.mu.Unlock()
	}
	w.str.CancelWrite(w.s.wireCode(code))
}

// SetWriteDeadline bounds the current and all later Writes; zero: no bound.
func (w *SendStream) SetWriteDeadline(t time.Time) error { return w.str.SetWriteDeadline(t) }

// Read receives into p. It gives io.EOF after a clean end, *[StreamError] when
// the stream was reset or stopped, *[SessionError] when the session has ended, or
// os.ErrDeadlineExceeded.
func (r *ReceiveStream) Read(p []byte) (int, error) {
	n, err := r.str.Read(p)
	return n, r.s.streamError(err)
}

// Stop asks the server to stop sending, with an application code.
func (r *ReceiveStream) Stop(code uint32) { r.str.CancelRead(r.s.wireCode(code)) }

// SetReadDeadline bounds the current and all later Reads; zero: no bound.
func (r *ReceiveStream) SetReadDeadline(t time.Time) error { return r.str.SetReadDeadline(t) }

func (s *Session) wireCode(code uint32) quic.StreamErrorCode {
	if s.rawStreamCodes {
		return quic.StreamErrorCode(code)
	}
	return quic.StreamErrorCode(toHTTPCode(code))
}

// streamError turns an error of a QUIC stream into one of ours.
func (s *Session) streamError(err error) error {
	if err == nil || err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if se, ok := errors.AsType[*quic.StreamError](err); ok {
		if se.Remote && se.ErrorCode == codeSessionGone {
			if end := s.awaitErr(); end != nil {
				return end
			}
		}
		e := &StreamError{Code: uint64(se.ErrorCode), HTTPCode: uint64(se.ErrorCode), Remote: se.Remote}
		if code, ok := fromHTTPCode(e.HTTPCode); ok {
			e.Code, e.Mapped = uint64(code), true
		}
		return e
	}
	if errors.Is(err, net.ErrClosed) || gone(s.conn) { // the connection went, and the session with it
		if end := s.awaitErr(); end != nil {
			return end
		}
	}
	return err
}

// awaitErr gives the session's end, which is on its way.
func (s *Session) awaitErr() error {
	t := time.NewTimer(endWait)
	defer t.Stop()
	select {
	case <-s.ctx.Done():
		return s.Err()
	case <-t.C:
		return nil
	}
}
