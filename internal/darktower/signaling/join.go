package signaling

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// A JoinRequest says who joins which meeting. It prints without token and name.
type JoinRequest struct {
	// MeetingID is the meeting's id from GC, which the token must name too.
	MeetingID string
	// Token is the meeting token from GC, at most 8192 bytes.
	Token string
	// Name is the display name, at most 256 bytes. MC takes the name on the roster
	// from the token instead (platform contract, MC C.8).
	Name string
	// IdentityKey is the key that this participant's frames are signed with. MC
	// would admit none, and then nobody could accept a frame.
	IdentityKey ed25519.PublicKey
	// CorrelationID and BindingToken are those of the session to resume. Empty for
	// a first join.
	CorrelationID, BindingToken string
}

// String names the meeting and nothing secret.
func (r JoinRequest) String() string {
	return fmt.Sprintf("join of meeting %q, resuming: %t", r.MeetingID, r.CorrelationID != "" || r.BindingToken != "")
}

// Format prints String for every verb.
func (r JoinRequest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs String.
func (r JoinRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText encodes String.
func (r JoinRequest) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r JoinRequest) check() error {
	detail := ""
	switch {
	case r.MeetingID == "":
		detail = "no meeting id"
	case r.Token == "":
		detail = "no meeting token"
	case len(r.Token) > maxToken:
		detail = fmt.Sprintf("the token has %d bytes, more than %d", len(r.Token), maxToken)
	case len(r.Name) > maxText:
		detail = fmt.Sprintf("the name has %d bytes, more than %d", len(r.Name), maxText)
	case len(r.IdentityKey) != ed25519.PublicKeySize:
		detail = fmt.Sprintf("the identity key has %d bytes, not %d", len(r.IdentityKey), ed25519.PublicKeySize)
	default:
		return nil
	}
	return &RequestError{Request: "join_request", Detail: detail}
}

// Join opens the one stream, asks to join and waits for the answer (platform
// contract, MC B.6 and B.7). A session joins once.
//
// A refusal is a *ServerError; an end without an answer a *ClosedError; no answer in
// time a *TimeoutError; an answer that is no use a *ProtocolError. After any of
// these the session is over and the connection closed. A *RequestError or
// ErrJoinTwice is the caller's mistake and leaves the session as it was.
func (s *Session) Join(ctx context.Context, r JoinRequest) (View, error) {
	if err := r.check(); err != nil {
		return s.View(), err
	}
	if err := s.beginJoin(r); err != nil {
		return s.View(), err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.JoinTimeout)
	defer cancel()

	view, err := s.join(ctx, r)
	if err != nil {
		s.fail(err)
		<-s.done
		return view, err
	}
	return view, nil
}

func (s *Session) beginJoin(r JoinRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.joining {
		return ErrJoinTwice
	}
	s.joining = true
	for _, p := range []string{r.Token, r.BindingToken, r.Name} {
		if len(p) > 3 { // shorter ones could be any word
			s.private = append(s.private, newSecret(p))
		}
	}
	return nil
}

func (s *Session) join(ctx context.Context, r JoinRequest) (View, error) {
	start := time.Now()
	stream, err := s.transport.OpenStream(ctx)
	if err != nil {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return s.View(), &TimeoutError{Phase: PhaseJoin, Waiting: "a stream to MC", After: time.Since(start), Err: err}
		case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)): // the caller gave up, and no session ended
			return s.View(), fmt.Errorf("waiting for a stream to MC: %w", err)
		}
		return s.View(), &ClosedError{Phase: PhaseJoin, Missing: "a stream to MC", Err: err}
	}
	s.mu.Lock()
	s.stream = stream
	s.mu.Unlock()
	s.streams <- stream

	answer := Expectation{"the JoinResponse", func(v View) (string, error) {
		if v.Joined {
			return "", nil
		}
		if v.Messages == 0 {
			return "MC accepted the session and has said nothing", nil
		}
		return v.String(), nil
	}}
	err = s.send(ctx, "join_request", &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_JoinRequest{
		JoinRequest: &signalingv1.JoinRequest{
			MeetingId:       r.MeetingID,
			JoinToken:       r.Token,
			ParticipantName: r.Name,
			// Present and empty, as the platform's own client sends it.
			Capabilities:      &signalingv1.ParticipantCapabilities{},
			CorrelationId:     r.CorrelationID,
			BindingToken:      r.BindingToken,
			IdentityPublicKey: r.IdentityKey,
		},
	}})
	if err != nil {
		// MC may have refused before it had read everything: its answer, if there is
		// one, says more than the failed write.
		wait, cancel := context.WithTimeout(ctx, settle)
		defer cancel()
		view, ended := s.board.wait(wait, PhaseJoin, answer)
		var refusal *ServerError
		if errors.As(ended, &refusal) {
			return view, bare(ended)
		}
		return view, err
	}
	view, err := s.board.wait(ctx, PhaseJoin, answer)
	var late *TimeoutError
	if errors.As(err, &late) {
		late.After = time.Since(start) // of the whole join, sending included
	}
	return view, bare(err)
}

// bare takes the wait's words off an error that says everything itself.
func bare(err error) error {
	var (
		closed  *ClosedError
		refusal *ServerError
		broken  *ProtocolError
	)
	switch {
	case errors.As(err, &closed):
		return closed
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &broken):
		return broken
	}
	return err
}
