package wtserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// Cause says how a session ended, as a server of the platform concludes it
// (platform contract, MC B.10).
type Cause int

const (
	// ClientClosed: the client closed the QUIC connection, with any code.
	ClientClosed Cause = iota + 1
	// SessionClosed: the client ended the WebTransport session alone, by a close
	// capsule, a FIN or a reset of the CONNECT stream; the server has then closed
	// the QUIC connection itself.
	SessionClosed
	// Lost: the peer fell silent until the idle timeout, or reset statelessly.
	Lost
	// Local: this side dropped the session.
	Local
)

func (c Cause) String() string {
	switch c {
	case ClientClosed:
		return "client closed"
	case SessionClosed:
		return "session closed"
	case Lost:
		return "lost"
	case Local:
		return "local"
	default:
		return fmt.Sprintf("cause %d", int(c))
	}
}

// End is how a session ended.
type End struct {
	Cause  Cause
	Code   uint64 // what the client closed with, when it did
	Reason string
}

func (e End) String() string {
	return fmt.Sprintf("%s (code %#x)", e.Cause, e.Code)
}

// ErrEnded is returned by waits of a session that has ended.
var ErrEnded = errors.New("session ended")

// Session is one WebTransport session and the QUIC connection under it.
type Session struct {
	wt      *webtransport.Session
	conn    *quic.Conn
	connect *http3.Stream // the CONNECT stream; only looked at after the session's end
	buffer  *datagrams    // nil when no receive buffer is modelled

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	ended chan End      // delivers the end once, then closed
	done  chan struct{} // closed at the end
	end   End           // valid after done

	mu      sync.Mutex // protects all following fields
	streams []*Stream
}

func newSession(wt *webtransport.Session, conn *quic.Conn, connect *http3.Stream, receiveBuffer int) *Session {
	s := &Session{wt: wt, conn: conn, connect: connect, ended: make(chan End, 1), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.watch)
	if receiveBuffer > 0 {
		s.buffer = newDatagrams(receiveBuffer)
		s.wg.Go(s.drain)
	}
	return s
}

// watch learns how the session ends. A QUIC close that has arrived wins over
// the end of the session alone.
func (s *Session) watch() {
	select {
	case <-s.wt.Context().Done():
	case <-s.conn.Context().Done():
	}
	end, over := End{}, s.conn.Context().Err() != nil
	if !over {
		var code quic.ApplicationErrorCode
		if end, code, over = s.sessionEnd(); !over {
			s.conn.CloseWithError(code, "")
		}
	}
	if over {
		<-s.conn.Context().Done()
		end = connectionEnd(context.Cause(s.conn.Context()))
	}
	s.end = end
	close(s.done) // first: who has the end from End may ask Ended
	s.ended <- end
	close(s.ended)
	s.cancel()
}

// sessionEnd finds out why the library ended the session; over means that the
// QUIC connection itself is going. The library keeps only a text, so the CONNECT
// stream is read once more: it repeats what it ended with and never blocks.
func (s *Session) sessionEnd() (end End, code quic.ApplicationErrorCode, over bool) {
	_, err := s.connect.Read(make([]byte, 1))
	reset, isReset := errors.AsType[*quic.StreamError](err)
	switch {
	case isReset && reset.Remote:
		return End{Cause: SessionClosed, Code: uint64(reset.ErrorCode)}, codeClosedCritical, false
	case isConnectionEnd(err):
		return End{}, 0, true
	}
	// Now a capsule, a FIN, or something malformed. The stream maps answer with
	// the library's own close error once the session is over.
	_, closeErr := s.wt.AcceptUniStream(s.wt.Context())
	if capsule, ok := errors.AsType[*webtransport.SessionError](closeErr); ok {
		return End{Cause: SessionClosed, Code: uint64(capsule.ErrorCode), Reason: capsule.Message}, codeNoError, false
	}
	if errors.Is(err, io.EOF) {
		return End{Cause: SessionClosed}, codeNoError, false
	}
	return End{Cause: SessionClosed}, codeDatagramError, false
}

// isConnectionEnd reports whether err, from a stream, is that of its connection.
func isConnectionEnd(err error) bool {
	if _, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*quic.TransportError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return true
	}
	_, ok := errors.AsType[*quic.StatelessResetError](err)
	return ok || errors.Is(err, quic.ErrTransportClosed)
}

func connectionEnd(cause error) End {
	if e, ok := errors.AsType[*quic.ApplicationError](cause); ok {
		if !e.Remote {
			return End{Cause: Local}
		}
		return End{Cause: ClientClosed, Code: uint64(e.ErrorCode), Reason: e.ErrorMessage}
	}
	if e, ok := errors.AsType[*quic.TransportError](cause); ok {
		if !e.Remote {
			return End{Cause: Local}
		}
		return End{Cause: ClientClosed, Code: uint64(e.ErrorCode), Reason: e.ErrorMessage}
	}
	if errors.Is(cause, quic.ErrTransportClosed) {
		return End{Cause: Local}
	}
	return End{Cause: Lost}
}

// AcceptStream waits for the next bidirectional stream that the client has
// written on. The error wraps ErrEnded when the session has ended.
func (s *Session) AcceptStream(ctx context.Context) (*Stream, error) {
	str, err := s.wt.AcceptStream(ctx)
	if err != nil {
		if ctx.Err() == nil {
			err = streamError(err)
		}
		return nil, fmt.Errorf("accepting a stream: %w", err)
	}
	st := &Stream{wt: str}
	s.mu.Lock()
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	return st, nil
}

// SendDatagram sends one datagram. It blocks while the connection's send queue
// is full, and returns *quic.DatagramTooLargeError when b does not fit the path.
func (s *Session) SendDatagram(b []byte) error { return s.wt.SendDatagram(b) }

// ReceiveDatagram waits for a datagram. With a modelled receive buffer it
// returns what is still buffered before it reports the session's end.
func (s *Session) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	if s.buffer == nil {
		return s.wt.ReceiveDatagram(ctx)
	}
	return s.buffer.next(ctx)
}

// ReceiveDropped returns how many datagrams the modelled receive buffer has
// pushed out unread.
func (s *Session) ReceiveDropped() int {
	if s.buffer == nil {
		return 0
	}
	return s.buffer.droppedCount()
}

// ReceiveBuffered returns how many datagrams wait in the modelled receive buffer.
func (s *Session) ReceiveBuffered() int {
	if s.buffer == nil {
		return 0
	}
	return s.buffer.buffered()
}

// drain reads the session at all times, so that the only buffer that overflows
// is the modelled one.
func (s *Session) drain() {
	defer s.buffer.close()
	for {
		b, err := s.wt.ReceiveDatagram(s.ctx)
		if err != nil {
			return
		}
		s.buffer.add(b)
	}
}

// Drop ends the session at once the way the platform does when it lets go of a
// connection: a QUIC close with application code 0 and an empty reason. It
// returns when the close has been sent.
func (s *Session) Drop() { s.conn.CloseWithError(0, "") }

// lastWord is how long after the acknowledgement a finished session is dropped.
// Across a network that takes a round trip; on loopback it would take
// microseconds, and a client whose reader has not had its turn would see only
// the close.
const lastWord = 25 * time.Millisecond

// Finish closes the send half of every accepted stream, waits until the client
// has acknowledged all that was written, at most grace, and drops the session.
func (s *Session) Finish(grace time.Duration) {
	s.mu.Lock()
	streams := append([]*Stream(nil), s.streams...)
	s.mu.Unlock()
	ids := make([]quic.StreamID, 0, len(streams))
	for _, st := range streams {
		if st.CloseWrite() == nil {
			ids = append(ids, st.wt.StreamID())
		}
	}
	if acks, ok := s.conn.QlogTrace().(*ackTrace); ok && len(ids) > 0 {
		ctx, cancel := context.WithTimeout(s.ctx, grace)
		acks.wait(ctx, ids)
		cancel()
		select {
		case <-time.After(lastWord):
		case <-s.ctx.Done():
		}
	}
	s.Drop()
}

// End delivers how the session ended, once, and is then closed.
func (s *Session) End() <-chan End { return s.ended }

// Done is closed when the session has ended; Ended then says how.
func (s *Session) Done() <-chan struct{} { return s.done }

// Ended returns how the session ended; ok is false while it lasts.
func (s *Session) Ended() (end End, ok bool) {
	select {
	case <-s.done:
		return s.end, true
	default:
		return End{}, false
	}
}

// RemoteAddr returns the client's present address.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

func (s *Session) wait() { s.wg.Wait() }
