package signaling

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

var (
	// ErrNotJoined is a request on a session that has not joined.
	ErrNotJoined = errors.New("signaling: the session has not joined its meeting")
	// ErrJoinTwice is a second Join on one session.
	ErrJoinTwice = errors.New("signaling: a session joins once")
	// ErrReportedTwice is a second ReportHandlers on one session.
	ErrReportedTwice = errors.New("signaling: a session reports its handlers once")
	// ErrLeft is the cause of the end that Leave or Close brought about.
	ErrLeft = errors.New("this client left")
)

// A Phase is where in a session something happened.
type Phase string

// The phases of a session.
const (
	PhaseConnect Phase = "connect"
	PhaseJoin    Phase = "join"
	PhaseSession Phase = "session"
)

// A ServerError is MC's answer that something is refused (platform contract, MC
// B.6 and B.9). In PhaseJoin the session is over; in PhaseSession it stays open.
type ServerError struct {
	Code signalingv1.ErrorCode
	// Message is MC's text, cut and without control characters.
	Message string
	Phase   Phase
	At      time.Time
	// TraceParent is the W3C traceparent of the answer; empty when MC sent none
	// (platform contract, MC F).
	TraceParent string
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("MC refused in %s: %s %q", e.Phase, codeName(e.Code), e.Message)
}

// OfDeclaration reports whether this is the answer to a ReceiveCapability
// (platform contract, MC D.4).
func (e *ServerError) OfDeclaration() bool {
	return e.Code == signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST &&
		strings.HasPrefix(e.Message, "receive capability rejected")
}

// aReply reports whether MC sends this code as the answer to a request and keeps
// the session.
func (e *ServerError) aReply() bool {
	return e.Code == signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST ||
		e.Code == signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN
}

func codeName(c signalingv1.ErrorCode) string {
	if name, ok := signalingv1.ErrorCode_name[int32(c)]; ok {
		return strings.TrimPrefix(name, "ERROR_CODE_")
	}
	return fmt.Sprintf("error code %d", int32(c))
}

// A TimeoutError is a deadline that passed.
type TimeoutError struct {
	// Phase is where, Waiting what for.
	Phase   Phase
	Waiting string
	// Missing is what was still missing when the time was up.
	Missing string
	// After is how long was waited.
	After time.Duration
	Err   error
}

func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("MC %s: timed out after %s waiting for %s", e.Phase, e.After.Round(time.Millisecond), e.Waiting)
	if e.Missing != "" {
		s += ": " + e.Missing
	}
	return s
}

// Timeout marks the error for callers that ask by behaviour.
func (e *TimeoutError) Timeout() bool { return true }

func (e *TimeoutError) Unwrap() error { return e.Err }

// A ProtocolError is MC breaking the contract in a way that leaves the session
// unusable.
type ProtocolError struct {
	// Message is the proto name of what was read: "frame" when it is not even a
	// message.
	Message string
	Detail  string
	Err     error
}

func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("MC broke the protocol: %s: %s", e.Message, e.Detail)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// A ClosedError is a session that ended. Err is why: ErrLeft, io.EOF for a
// stream that MC finished, or the transport's own error.
type ClosedError struct {
	Phase Phase
	// Missing is what was still missing when the session ended; empty when
	// nothing was waited for.
	Missing string
	Err     error
	// Last is an error that MC sent right before the end and that was not the
	// answer to a request; nil otherwise.
	Last *ServerError
}

func (e *ClosedError) Error() string {
	s := fmt.Sprintf("MC session ended in %s", e.Phase)
	if e.Missing != "" {
		s += " without " + e.Missing
	}
	if e.Last != nil {
		s += fmt.Sprintf(" (%v)", e.Last)
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

// Unwrap returns Err and Last.
func (e *ClosedError) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Err}
	}
	return []error{e.Last, e.Err}
}

// A RequestError is a request this client may not send: the caller's mistake,
// found before anything went out.
type RequestError struct {
	Request, Detail string
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("signaling: %s not sent: %s", e.Request, e.Detail)
}
