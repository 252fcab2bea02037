package signaling

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// settle is how long the end of the stream waits for the end of the session,
// which says more about the cause.
const settle = time.Second

// A PanicError is a panic while a message was handled, here or in
// Config.OnView. It ends the session instead of the process.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("signaling: panic while handling a message from MC: %v", e.Value)
}

// run reads from MC until the session ends. It is the only goroutine of a
// session, and the only one that changes the view.
func (s *Session) run() {
	defer close(s.done)
	var err error
	select {
	case stream := <-s.streams:
		err = s.read(stream)
	case <-s.transport.Done():
		err = &ClosedError{Phase: s.phase(), Err: s.transportEnd()}
	}
	if cause := s.blamed(); cause != nil {
		err = cause
	}
	s.board.end(err)
	select {
	case <-s.transport.Done():
	default:
		// MC let go of the stream, or broke it. Without a stream a session is of no
		// use, and what stays open is a ghost in the meeting.
		_ = s.transport.CloseConnection(0, "") // err is what counts
	}
}

// read handles one message after the other and returns why there are no more.
func (s *Session) read(stream *webtransport.Stream) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	var buf []byte
	// last is the message before, when that was an error nobody asked for.
	var last *ServerError
	for {
		body, err := framing.Read(stream, buf)
		if err != nil {
			return s.readEnd(err, last)
		}
		buf = body[:0]
		at := time.Now()
		m := new(signalingv1.ServerMessage)
		if err := proto.Unmarshal(body, m); err != nil {
			// The next frame may start anywhere: nothing more can be believed.
			s.cfg.OnMessage(Message{At: at, Kind: kindUnreadable, Bytes: len(body)})
			return &ProtocolError{Message: "frame", Detail: fmt.Sprintf("%d bytes that are no ServerMessage", len(body)), Err: err}
		}
		if e := m.GetError(); e != nil {
			e.Message = s.scrub(e.GetMessage())
		}
		s.cfg.Log.Debug("message from MC", "message", variant(m), "bytes", len(body))
		view, err := apply(s.View(), m, at)
		s.cfg.OnMessage(Message{At: at, Kind: kindOf(m), Bytes: len(body), Note: noteReceived(m, view.Self.ParticipantID)})
		if err != nil {
			return err
		}
		last = nil
		if m.GetError() != nil {
			if e := view.Refusals[len(view.Refusals)-1]; !e.aReply() {
				last = e
			}
		}
		s.cfg.OnView(view)
		s.board.post(view)
	}
}

// readEnd judges why the stream gave no further message.
func (s *Session) readEnd(err error, last *ServerError) error {
	var size *framing.SizeError
	if errors.Is(err, framing.ErrEmpty) || errors.As(err, &size) {
		return &ProtocolError{Message: "frame", Detail: "its length is not allowed", Err: err}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &ProtocolError{Message: "frame", Detail: "MC finished the stream inside it", Err: err}
	}
	// The end of the session may be on its way behind the end of the stream.
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-s.transport.Done():
		err = s.transportEnd()
	case <-timer.C:
	}
	return &ClosedError{Phase: s.phase(), Err: err, Last: last}
}

// transportEnd is why the session underneath ended, with a reason fit to print.
func (s *Session) transportEnd() error {
	err := s.transport.Err()
	if end, ok := err.(*webtransport.SessionError); ok && end.Reason != "" {
		clean := *end
		clean.Reason = plain(s.scrub(end.Reason))
		return &clean
	}
	return err
}

// scrub takes out of MC's text what is this client's own secret, should MC
// repeat it.
func (s *Session) scrub(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.private {
		text = strings.ReplaceAll(text, p.Reveal(), redacted)
	}
	return text
}
