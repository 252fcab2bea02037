package webtransport

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// answerWait is how long the connection of a session that the server ended stays,
// so that the server's own close can arrive and streams can be read to their end.
const answerWait = 200 * time.Millisecond

// Close ends the session politely: a CLOSE_WEBTRANSPORT_SESSION capsule with code
// and reason (in one DATA frame, since wtransport reads a capsule from no more),
// up to linger for the server to end the session in turn, then the QUIC connection
// is closed with H3_NO_ERROR. Without linger that close overtakes the capsule and
// the code is lost; three round trips and 50 ms are plenty.
//
// All that the session held is released when Close returns. A session that has
// ended already is only released; later calls wait for the first.
func (s *Session) Close(code uint32, reason string, linger time.Duration) error {
	s.closing.Do(func() {
		if s.ctx.Err() == nil {
			s.sayGoodbye(code, reason, linger)
		}
		s.release(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	})
	return nil
}

func (s *Session) sayGoodbye(code uint32, reason string, linger time.Duration) {
	s.end(&SessionError{Via: ViaLocal, Code: uint64(code), Reason: boundReason(reason)})
	capsule := appendClose(nil, code, reason)
	err := s.req.TryWriteAll(capsule)
	if errors.Is(err, quic.ErrWouldBlock) && linger > 0 {
		_ = s.req.SetWriteDeadline(time.Now().Add(linger))
		_, err = s.req.Write(capsule)
	}
	if err != nil {
		return // the connection went meanwhile, or the server reads nothing
	}
	_ = s.req.Close()
	if linger <= 0 {
		return
	}
	t := time.NewTimer(linger)
	defer t.Stop()
	select {
	case <-s.peerDone:
	case <-s.conn.Context().Done():
	case <-t.C:
	}
}

// CloseConnection ends the QUIC connection itself, at once, with an application
// code and no capsule. All that the session held is released when it returns; it
// cuts a lingering Close short.
func (s *Session) CloseConnection(code uint64, reason string) error {
	reason = boundReason(reason)
	s.end(&SessionError{Via: ViaLocal, Code: code, Reason: reason})
	s.release(quic.ApplicationErrorCode(code), reason)
	return nil
}

// watch reads the CONNECT stream until the session ends.
func (s *Session) watch() {
	end := s.awaitEnd()
	s.end(end)
	close(s.peerDone)
	if gone(s.conn) {
		return
	}
	// The server ended the session, not the connection. One carries the other, so
	// the connection goes too, which also ends every stream.
	_ = s.req.Close()
	t := time.NewTimer(answerWait)
	defer t.Stop()
	select {
	case <-s.conn.Context().Done():
	case <-t.C:
		_ = s.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
}

func (s *Session) awaitEnd() *SessionError {
	code, reason, closed, err := readCapsules(s.req)
	if closed {
		return &SessionError{Via: ViaCapsule, Remote: true, Code: uint64(code), Reason: reason}
	}
	if v, ok := errors.AsType[*h3Violation](err); ok {
		s.breach(v)
	}
	if v := s.fault.Load(); v != nil {
		return &SessionError{Via: ViaProtocol, Remote: true, Code: uint64(v.code), Err: v}
	}
	if errors.Is(err, io.EOF) && s.closesWithin(answerWait) || gone(s.conn) { // the connection's own error says more than the stream's
		err = context.Cause(s.conn.Context())
	}
	return sessionEnd(err)
}

// closesWithin waits for the connection's end, which may be right behind that of its
// streams: a server on wtransport that drops a session ends its control stream and
// the CONNECT stream before it closes the connection.
func (s *Session) closesWithin(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-s.conn.Context().Done():
		return true
	case <-t.C:
		return false
	}
}

// sessionEnd classifies the error that ended a CONNECT stream or its connection.
// http3's errors wrap both stream and application errors.
func sessionEnd(err error) *SessionError {
	if ae, ok := errors.AsType[*quic.ApplicationError](err); ok {
		if !ae.Remote { // http3 closes over a breach only; our own closes were noted before
			return &SessionError{Via: ViaProtocol, Remote: true, Code: uint64(ae.ErrorCode), Reason: boundReason(ae.ErrorMessage)}
		}
		return &SessionError{Via: ViaConnectionClose, Remote: true, Code: uint64(ae.ErrorCode), Reason: boundReason(ae.ErrorMessage)}
	}
	if se, ok := errors.AsType[*quic.StreamError](err); ok {
		return &SessionError{Via: ViaReset, Remote: se.Remote, Code: uint64(se.ErrorCode)}
	}
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return &SessionError{Via: ViaIdleTimeout, Err: err}
	}
	if te, ok := errors.AsType[*quic.TransportError](err); ok {
		return &SessionError{Via: ViaTransport, Remote: te.Remote, Code: uint64(te.ErrorCode), Reason: boundReason(te.ErrorMessage), Err: err}
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return &SessionError{Via: ViaTransport, Remote: true, Err: err}
	}
	if errors.Is(err, io.EOF) {
		return &SessionError{Via: ViaFIN, Remote: true}
	}
	return &SessionError{Via: ViaTransport, Err: err}
}
