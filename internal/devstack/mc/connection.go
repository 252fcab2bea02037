package mc

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// connection is one client's session, from its first stream to its end.
type connection struct {
	server *Server
	id     string
	sess   *wtserver.Session
	stream *wtserver.Stream
	buf    []byte
	span   context.Context // carries the connection's span and nothing else

	meeting     *meeting
	participant *participant
	client      *client
}

// serve runs one session. ctx ends with it.
func (s *Server) serve(ctx context.Context, sess *wtserver.Session) {
	s.connections.Add(1)
	defer s.connections.Add(-1)
	c := &connection{server: s, id: uuid.NewString(), sess: sess}
	var err error
	if c.stream, err = sess.AcceptStream(ctx); err != nil {
		return
	}
	first, refused := firstMessage(c.stream, &c.buf)
	span := c.begin(first)
	defer span.End()
	var response *signalingv1.JoinResponse
	if refused == nil {
		response, refused = c.join(ctx, first.GetJoinRequest())
	}
	if refused != nil {
		span.SetStatus(codes.Error, "join refused")
		s.opts.Log.Debug("join refused", "connection_id", c.id, "code", refused.code.String(), "error", refused.err.Error())
		c.refuse(refused)
		return
	}
	if response != nil {
		c.run(response)
	}
}

// begin starts the connection's span as a child of the first message's context.
func (c *connection) begin(first *signalingv1.ClientMessage) trace.Span {
	t := c.server.opts.Trace
	ctx := c.cause(first)
	ctx, span := t.tracer.Start(ctx, "mc.webtransport.connection", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("connection_id", c.id)))
	c.span = ctx
	return span
}

// join checks and admits. Without a response and without a refusal the session
// has ended unanswered.
func (c *connection) join(ctx context.Context, r *signalingv1.JoinRequest) (*signalingv1.JoinResponse, *refusal) {
	s := c.server
	refused, hold := s.bent(ctx)
	if hold {
		<-ctx.Done()
	}
	if refused != nil || ctx.Err() != nil {
		return nil, refused
	}
	checked, refused := s.check(ctx, r)
	if refused != nil {
		return nil, refused
	}
	out := newOutbox(s.outbound, s.opts.Trace, c.span, s.opts.Faults, c.id)
	replaced, drop := context.WithCancel(context.Background())
	c.client = newClient(c.id, out, drop)
	c.client.replaced = replaced.Done()
	var response *signalingv1.JoinResponse
	c.meeting, c.participant, response, refused = s.admit(c.span, r.MeetingId, checked, c.client)
	if refused != nil {
		drop()
		return nil, refused
	}
	return response, nil
}

// refuse tells the client, lets it take what was told and drops the connection.
func (c *connection) refuse(r *refusal) {
	if r.code != 0 {
		m := errorMessage(r.code, r.text)
		m.TraceParent, m.TraceState = c.server.opts.Trace.strings(c.span)
		if err := c.write(m); err != nil {
			return
		}
		c.sess.Finish(c.server.opts.Times.FlushGrace)
	}
}

// run answers the join and serves the session until it ends.
func (c *connection) run(response *signalingv1.JoinResponse) {
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	writer.Go(func() { c.send(ctx, response) })
	c.receive()
	end := c.ended()
	cancel()
	c.sess.Drop() // also ends a write that waits for the client
	writer.Wait()
	c.client.drop()
	c.server.opts.Log.Debug("connection ended", "connection_id", c.id, "participant_id", c.participant.id,
		"cause", end.Cause.String(), "messages_dropped", c.client.out.dropped.Load())
	c.meeting.leave(c.span, c.participant, c.client, end.Cause == wtserver.ClientClosed)
}

// ended returns how the session ended. When only the client's stream has, it
// waits a little for a close and then drops the session (platform contract, MC
// B.10).
func (c *connection) ended() wtserver.End {
	timer := time.NewTimer(c.server.opts.Times.CloseCause)
	defer timer.Stop()
	select {
	case <-c.sess.Done():
	case <-timer.C:
		c.sess.Drop()
		<-c.sess.Done()
	}
	end, _ := c.sess.Ended()
	return end
}

// send writes the answer to the join and then what is queued.
func (c *connection) send(ctx context.Context, response *signalingv1.JoinResponse) {
	first := &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_JoinResponse{JoinResponse: response}}
	if err := c.write(c.client.out.stamped(c.span, first)); err != nil {
		return
	}
	if c.server.opts.Faults.Get().MC.DropAfterJoin {
		c.sess.Finish(c.server.opts.Times.FlushGrace)
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.client.replaced:
			c.sess.Drop()
			return
		case m := <-c.client.out.queue:
			if err := c.write(m); err != nil {
				return // the reading side learns how the session ends
			}
		}
	}
}

func (c *connection) write(m *signalingv1.ServerMessage) error {
	body, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	var frame []byte
	if c.server.opts.Faults.Get().MC.UnknownMessages {
		frame = appendFrame(frame, fromTheFuture())
	}
	_, err = c.stream.Write(appendFrame(frame, body))
	return err
}

// fromTheFuture is a ServerMessage whose one field no one knows yet.
func fromTheFuture() []byte {
	b := protowire.AppendTag(nil, 60, protowire.BytesType)
	return protowire.AppendBytes(b, []byte("\x0a\x06future"))
}

// receive handles messages until the stream ends. What does not decode, is empty
// or makes no sense here is ignored (platform contract, MC B.9).
func (c *connection) receive() {
	for {
		body, err := readFrame(c.stream, &c.buf)
		if err != nil {
			return
		}
		var msg signalingv1.ClientMessage
		if proto.Unmarshal(body, &msg) != nil {
			continue
		}
		c.handle(&msg)
	}
}

func (c *connection) handle(msg *signalingv1.ClientMessage) {
	m, p, cl := c.meeting, c.participant, c.client
	switch v := msg.Message.(type) {
	case *signalingv1.ClientMessage_ReceiveCapability:
		ctx, span := c.child(msg, "mc.receive_capability", attribute.Int("slot_count", len(v.ReceiveCapability.GetSlots())))
		defer span.End()
		m.declare(ctx, p, cl, v.ReceiveCapability)
	case *signalingv1.ClientMessage_MediaConnectionUpdate:
		ctx, span := c.child(msg, "mc.media_connection_update", attribute.Int("statuses_count", len(v.MediaConnectionUpdate.GetStatuses())))
		defer span.End()
		m.report(ctx, p, v.MediaConnectionUpdate)
	case *signalingv1.ClientMessage_MuteRequest:
		m.muteSelf(c.span, p, cl, kinds{v.MuteRequest.GetAudioMuted(), v.MuteRequest.GetVideoMuted()})
	case *signalingv1.ClientMessage_ServerMuteRequest:
		r := v.ServerMuteRequest
		m.muteOther(c.span, p, cl, r.GetParticipantId(), kinds{r.GetAudioMuted(), r.GetVideoMuted()})
	case *signalingv1.ClientMessage_UnmuteRequest:
		m.askUnmute(c.span, p, cl, kinds{v.UnmuteRequest.GetRequestAudio(), v.UnmuteRequest.GetRequestVideo()})
	}
}

// cause is the span of the client that sent a message.
func (c *connection) cause(msg *signalingv1.ClientMessage) context.Context {
	if c.server.opts.Faults.Get().MC.OwnTrace {
		return context.Background()
	}
	return c.server.opts.Trace.remote(context.Background(), msg.GetTraceParent(), msg.GetTraceState())
}

// child starts a span under the message's own context.
func (c *connection) child(msg *signalingv1.ClientMessage, name string, attr attribute.KeyValue) (context.Context, trace.Span) {
	return c.server.opts.Trace.tracer.Start(c.cause(msg), name, trace.WithAttributes(attribute.String("connection_id", c.id), attr))
}
