package mc

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// refusal is why a join failed and what the client is told; code 0 tells it
// nothing (platform contract, MC B.6).
type refusal struct {
	code signalingv1.ErrorCode
	text string
	err  error // for the log
}

// Texts of the join table.
const (
	textFirst        = "First message must be JoinRequest"
	textName         = "Participant name too long"
	textToken        = "Invalid or expired token"
	textIdentity     = "Invalid join request"
	textNotFound     = "Meeting not found"
	textRestarting   = "Meeting is restarting, please try again"
	textInternal     = "An internal error occurred"
	textShuttingDown = "Server is shutting down, please reconnect"
	textForbidden    = "Forbidden" // no join raises it; only a fault does
)

func refuse(code signalingv1.ErrorCode, text, why string) *refusal {
	return &refusal{code: code, text: text, err: errors.New(why)}
}

// firstMessage reads the message that must be a JoinRequest: rows 1 to 3.
func firstMessage(stream *wtserver.Stream, buf *[]byte) (*signalingv1.ClientMessage, *refusal) {
	body, err := readFrame(stream, buf)
	if err != nil {
		return nil, &refusal{err: err}
	}
	var msg signalingv1.ClientMessage
	if err := proto.Unmarshal(body, &msg); err != nil {
		return nil, &refusal{err: errors.New("the first message does not decode")}
	}
	if msg.GetJoinRequest() == nil {
		return &msg, refuse(signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST, textFirst, "the first message is another")
	}
	return &msg, nil
}

// check judges a JoinRequest by itself and by its token: rows 4 to 7.
func (s *Server) check(ctx context.Context, r *signalingv1.JoinRequest) (joinRequest, *refusal) {
	const (
		invalid      = signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST
		unauthorized = signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED
	)
	if len(r.ParticipantName) > maxName {
		return joinRequest{}, refuse(invalid, textName, "the participant name is too long")
	}
	claims, err := s.tokens.Meeting(ctx, r.JoinToken, s.opts.Times.ClockSkew)
	if err != nil {
		return joinRequest{}, &refusal{code: unauthorized, text: textToken, err: err}
	}
	if claims.MeetingID != r.MeetingId {
		return joinRequest{}, refuse(unauthorized, textToken, "the token is for another meeting")
	}
	if n := len(r.IdentityPublicKey); n != 0 && n != ed25519.PublicKeySize {
		return joinRequest{}, refuse(invalid, textIdentity, "the identity key has a wrong length")
	}
	return joinRequest{
		user:          claims.Subject,
		name:          claims.DisplayName,
		host:          claims.Role == token.RoleHost,
		key:           r.IdentityPublicKey,
		correlationID: r.CorrelationId,
		bindingToken:  r.BindingToken,
	}, nil
}

// admit takes the join to its meeting: rows 8 to 13.
func (s *Server) admit(ctx context.Context, id string, r joinRequest, c *client) (*meeting, *participant, *signalingv1.JoinResponse, *refusal) {
	m, err := s.table.open(id)
	if err != nil {
		return nil, nil, nil, refusalOf(err)
	}
	p, response, err := m.join(ctx, r, c)
	if err != nil {
		return nil, nil, nil, refusalOf(err)
	}
	return m, p, response, nil
}

func refusalOf(err error) *refusal {
	r := &refusal{err: err}
	switch {
	case errors.Is(err, errNotHere):
		r.code, r.text = signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND, textNotFound
	case errors.Is(err, errReleasing):
		r.code, r.text = signalingv1.ErrorCode_ERROR_CODE_CONFLICT, textRestarting
	case errors.Is(err, errMeetingOver), errors.Is(err, errShuttingDown):
		r.code, r.text = signalingv1.ErrorCode_ERROR_CODE_CAPACITY_EXCEEDED, textShuttingDown
	default:
		r.code, r.text = signalingv1.ErrorCode_ERROR_CODE_INTERNAL_ERROR, textInternal
	}
	return r
}

// bent applies the faults that stand before a join's answer. hold means never to
// answer.
func (s *Server) bent(ctx context.Context) (r *refusal, hold bool) {
	f := s.opts.Faults.Get().MC
	if f.JoinDelay > 0 {
		select {
		case <-time.After(f.JoinDelay):
		case <-ctx.Done():
		}
	}
	if f.JoinError > 0 {
		return refuse(signalingv1.ErrorCode(f.JoinError), faultText(f.JoinError), "a fault is set"), false
	}
	return nil, f.JoinNever
}

// faultText is the join table's text for a code.
func faultText(code int) string {
	switch signalingv1.ErrorCode(code) {
	case signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST:
		return textIdentity
	case signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED:
		return textToken
	case signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN:
		return textForbidden
	case signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND:
		return textNotFound
	case signalingv1.ErrorCode_ERROR_CODE_CONFLICT:
		return textRestarting
	case signalingv1.ErrorCode_ERROR_CODE_CAPACITY_EXCEEDED:
		return textShuttingDown
	default:
		return textInternal
	}
}
