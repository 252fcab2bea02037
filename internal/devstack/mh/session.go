package mh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// maxMessage is the largest connect message, in bytes (platform contract, media C.2).
const maxMessage = 65536

// conn is one client connection from its connect message on.
type conn struct {
	id        string // connection_id: one per session
	sess      *wtserver.Session
	meetingID string
	subject   string // the token's, which MC calls participant_id
	meeting   *meeting
	sender    uint16

	ingress *ring[[]byte]
	hops    map[uint32]uint32 // next hop number by egress stream; the forward loop's own

	takeover  chan struct{} // closed when another connection receives in its place
	takenOnce sync.Once
}

// takenOver stops the connection from receiving; it goes on publishing until it
// ends (platform contract, media C.2).
func (c *conn) takenOver() { c.takenOnce.Do(func() { close(c.takeover) }) }

// refusal is why a connect did not lead to a media session.
type refusal struct {
	outcome SessionStart
	err     error
}

func (r *refusal) Error() string { return string(r.outcome) + ": " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refused(outcome SessionStart, err error) error { return &refusal{outcome, err} }

// serve is one WebTransport session, from accept to the last report to MC. The
// client never gets an answer: whatever goes wrong, the session is dropped.
func (s *Server) serve(ctx context.Context, sess *wtserver.Session) {
	s.counts.connection(ConnectionAccepted)
	s.counts.open(1)
	defer s.counts.open(-1)

	c := &conn{id: uuid.NewString(), sess: sess, ingress: newRing[[]byte](ingressRing),
		hops: make(map[uint32]uint32), takeover: make(chan struct{})}
	err := s.session(ctx, c)
	if r, ok := errors.AsType[*refusal](err); ok {
		s.counts.start(r.outcome)
		s.counts.dropped(NoMediaSession, sess.ReceiveBuffered()+sess.ReceiveDropped())
		s.log.Info("media session refused", "handler", s.cfg.ID, "connection_id", c.id, "outcome", string(r.outcome), "error", r.err.Error())
	}
}

func (s *Server) session(ctx context.Context, c *conn) error {
	str, msg, err := readConnect(ctx, c.sess)
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, wtserver.ErrEnded)):
		return refused(ConnectAbandoned, err)
	case err != nil:
		s.counts.connection(ConnectionError)
		return refused(ConnectMessageRefused, err)
	}
	ctx, span := s.tracing.tracer.Start(s.tracing.remote(ctx, msg.GetTraceParent(), msg.GetTraceState()),
		"mh.webtransport.connection", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("connection_id", c.id), attribute.String("handler_id", s.cfg.ID)))
	defer span.End()

	err = s.connect(ctx, c, msg.GetConnectRequest().GetJoinToken())
	var egress *ring[outgoing]
	if err == nil {
		egress, err = bind(c)
	}
	reason := disconnectReason(c.sess)
	if err == nil {
		s.counts.start(SessionStarted)
		reason = s.relay(ctx, c, str, egress)
		c.meeting.unbind(c)
		s.counts.dropped(TransportReceiveDropped, c.sess.ReceiveDropped())
	} else {
		span.SetStatus(otelcodes.Error, err.Error())
	}
	// What MC was told to be connected it is told to be gone, whatever came between.
	if c.meeting != nil {
		s.report(ctx, c, reason)
	}
	return err
}

func bind(c *conn) (*ring[outgoing], error) {
	egress, err := c.meeting.bind(c)
	switch {
	case errors.Is(err, errSenderTaken):
		return nil, refused(DeclinedSenderBindingConflict, err)
	case err != nil:
		return nil, refused(ConnectAbandoned, err)
	}
	return egress, nil
}

// readConnect takes the client's one stream and the one message on it, without
// a deadline, as the platform does; its own send half it drops at once.
func readConnect(ctx context.Context, sess *wtserver.Session) (*wtserver.Stream, *signalingv1.MhClientMessage, error) {
	str, err := sess.AcceptStream(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := str.CloseWrite(); err != nil {
		return nil, nil, fmt.Errorf("dropping the send half: %w", err)
	}
	var head [4]byte
	if _, err := io.ReadFull(str, head[:]); err != nil {
		return nil, nil, fmt.Errorf("reading the connect message: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxMessage {
		return nil, nil, fmt.Errorf("a connect message of %d bytes, not 1 to %d", n, maxMessage)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(str, body); err != nil {
		return nil, nil, fmt.Errorf("reading the connect message: %w", err)
	}
	msg := new(signalingv1.MhClientMessage)
	if err := proto.Unmarshal(body, msg); err != nil {
		return nil, nil, errors.New("the connect message does not decode")
	}
	if msg.GetConnectRequest() == nil {
		return nil, nil, errors.New("the message is no connect request")
	}
	return str, msg, nil
}

// connect checks the token and asks MC who the client is. c.meeting is set as
// soon as MC may have heard of the connection.
func (s *Server) connect(ctx context.Context, c *conn, rawToken string) error {
	sw := s.faults.now()
	if sw.RejectConnect {
		return refused(ConnectRejectedByFault, errors.New("refused on demand"))
	}
	checkCtx, cancel := context.WithTimeout(ctx, s.times.TokenCheck)
	claims, err := s.verifier.Meeting(checkCtx, rawToken, s.times.ClockSkew)
	cancel()
	switch {
	case ctx.Err() != nil:
		return refused(ConnectAbandoned, ctx.Err())
	case err != nil:
		return refused(TokenRefused, err)
	}
	c.meetingID, c.subject = claims.MeetingID, claims.Subject

	waitCtx, cancel := context.WithTimeout(ctx, s.times.RegisterMeeting)
	m, err := s.meetings.await(waitCtx, c.meetingID)
	cancel()
	switch {
	case ctx.Err() != nil:
		return refused(ConnectAbandoned, ctx.Err())
	case err != nil:
		return refused(RegisterMeetingTimedOut, err)
	}
	if err := pauseFor(ctx, sw.ConnectDelay); err != nil {
		return refused(ConnectAbandoned, err)
	}

	// Not cut short when the client leaves: MC must hear of the connection before
	// it hears of its end.
	notifyCtx, cancel := s.detached(ctx)
	defer cancel()
	c.meeting = m
	sender, err := s.notifyConnected(notifyCtx, m.controller(), c)
	switch {
	case errors.Is(err, errMCAuthRejected):
		return refused(DeclinedMCAuthRejected, err)
	case errors.Is(err, errMCEndpoint):
		return refused(DeclinedMCEndpointUnknown, err)
	case err != nil:
		_ = pauseFor(ctx, jitter(s.times.UnreachableJitter))
		return refused(DeclinedMCUnavailable, err)
	case sender == 0:
		return refused(DeclinedNoSenderBinding, errors.New("MC has no answer"))
	case sender > maxSenderID:
		return refused(DeclinedSenderBindingOutOfRange, fmt.Errorf("MC answered sender id %d", sender))
	case ctx.Err() != nil:
		return refused(ConnectAbandoned, ctx.Err())
	}
	c.sender = uint16(sender)
	return nil
}

// detached returns a context with ctx's values that ends at Close and not with
// the session.
func (s *Server) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.ctx, cancel)
	return detached, func() { stop(); cancel() }
}

// report drops the session and tells MC how it ended.
func (s *Server) report(ctx context.Context, c *conn, reason internalv1.DisconnectReason) {
	c.sess.Drop()
	ctx, cancel := s.detached(ctx)
	if s.ctx.Err() != nil {
		cancel()
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), s.times.Settle)
	}
	defer cancel()
	if err := s.notifyDisconnected(ctx, c.meeting.controller(), c, reason); err != nil {
		s.log.Warn("MC does not know of the end of a connection", "handler", s.cfg.ID, "connection_id", c.id, "error", err.Error())
	}
}

// disconnectReason is what MC is told of the end of sess; one that is still open
// is about to be ended by this side.
func disconnectReason(sess *wtserver.Session) internalv1.DisconnectReason {
	end, over := sess.Ended()
	switch {
	case over && end.Cause == wtserver.Lost:
		return internalv1.DisconnectReason_DISCONNECT_REASON_TIMEOUT
	case !over || end.Cause == wtserver.Local:
		return internalv1.DisconnectReason_DISCONNECT_REASON_ERROR
	}
	return internalv1.DisconnectReason_DISCONNECT_REASON_CLIENT_CLOSED
}
