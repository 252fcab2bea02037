package mc_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"crypto/tls"

	"github.com/quic-go/quic-go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

func registerGC(g *fakeGC) func(*grpc.Server) {
	return func(s *grpc.Server) { internalv1.RegisterGlobalControllerServiceServer(s, g) }
}

func udp(t *testing.T) net.PacketConn          { return wttest.Listen(t) }
func certificate(t *testing.T) tls.Certificate { return wttest.Certificate(t) }
func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}
func encode(t *testing.T, m proto.Message) (b []byte) {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// user is a bare client of the controller.
type user struct {
	p       *platform
	name    string
	meeting string
	wt      *wttest.Client
	stream  *quic.Stream
	joined  *signalingv1.JoinResponse
	conns   int
	skip    bool // pass over messages from the future
}

func (p *platform) joinRequest(name, meeting string) *signalingv1.JoinRequest {
	return &signalingv1.JoinRequest{
		MeetingId: meeting, JoinToken: p.sign(p.meetingClaims(name, meeting)), ParticipantName: "ignored",
		IdentityPublicKey: []byte(fmt.Sprintf("%-32.32s", name)),
	}
}

// asks opens a session and sends one join request.
func (p *platform) asks(name, meeting string, change ...func(*signalingv1.ClientMessage)) *user {
	p.t.Helper()
	msg := &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: p.joinRequest(name, meeting)}}
	for _, f := range change {
		f(msg)
	}
	return p.opens(name, meeting, framed(encode(p.t, msg)))
}

// opens opens a session and writes these bytes on its stream.
func (p *platform) opens(name, meeting string, first []byte) *user {
	p.t.Helper()
	u := &user{p: p, name: name, meeting: meeting, wt: wttest.Dial(p.ctx, p.t, p.addr, wttest.Legacy)}
	var err error
	if u.stream, err = u.wt.OpenStream(p.ctx, first); err != nil {
		p.t.Fatal(err)
	}
	return u
}

// joins opens a session and reads the JoinResponse.
func (p *platform) joins(name, meeting string, change ...func(*signalingv1.ClientMessage)) *user {
	p.t.Helper()
	u := p.asks(name, meeting, change...)
	m := u.next()
	if u.joined = m.GetJoinResponse(); u.joined == nil {
		p.t.Fatalf("%s is answered %v", name, m)
	}
	return u
}

// enters joins, is reported by both handlers and declares slots 1 and 2.
func (p *platform) enters(name, meeting string) *user {
	p.t.Helper()
	u := p.joins(name, meeting)
	u.connects()
	u.declares(1, 2)
	return u
}

func (u *user) connects() {
	u.p.t.Helper()
	for _, h := range u.p.mh {
		u.conns++
		if got := u.p.media(u.meeting, u.name, h.id, fmt.Sprint(u.joined.ParticipantId, u.conns)); got != u.joined.GetSenderId() {
			u.p.t.Fatalf("%s is bound to sender %d at %s", u.name, got, h.id)
		}
	}
}

func (u *user) declares(ids ...uint32) {
	u.p.t.Helper()
	r := &signalingv1.ReceiveCapability{}
	for _, id := range ids {
		r.Slots = append(r.Slots, &signalingv1.ReceiveSlot{SlotId: id, MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO})
	}
	u.sends(&signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_ReceiveCapability{ReceiveCapability: r}})
}

func (u *user) sends(m *signalingv1.ClientMessage) {
	u.p.t.Helper()
	u.writes(framed(encode(u.p.t, m)))
}

func (u *user) writes(b []byte) {
	u.p.t.Helper()
	if _, err := u.stream.Write(b); err != nil {
		u.p.t.Fatalf("%s writes: %v", u.name, err)
	}
}

// read reads one message, or what the stream ends with.
func (u *user) read() (*signalingv1.ServerMessage, error) {
	deadline, _ := u.p.ctx.Deadline()
	u.stream.SetReadDeadline(deadline)
	var head [4]byte
	if _, err := io.ReadFull(u.stream, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(u.stream, body); err != nil {
		return nil, err
	}
	m := new(signalingv1.ServerMessage)
	return m, proto.Unmarshal(body, m)
}

// next reads one message.
func (u *user) next() *signalingv1.ServerMessage {
	u.p.t.Helper()
	for {
		m, err := u.read()
		if err != nil {
			u.p.t.Fatalf("%s reads: %v", u.name, err)
		}
		if u.skip && m.Message == nil {
			continue
		}
		return m
	}
}

// until reads messages until one is as want says.
func (u *user) until(what string, want func(*signalingv1.ServerMessage) bool) *signalingv1.ServerMessage {
	u.p.t.Helper()
	for {
		m, err := u.read()
		if err != nil {
			u.p.t.Fatalf("%s waits until %s: %v", u.name, what, err)
		}
		if want(m) {
			return m
		}
	}
}

// untilSlots reads until the first assignments say that sender fills slot 1, in
// that state.
func (u *user) untilSlot(sender uint32, state signalingv1.SlotState) *signalingv1.StreamAssignments {
	u.p.t.Helper()
	return u.until(fmt.Sprintf("sender %d is %s", sender, state), func(m *signalingv1.ServerMessage) bool {
		a := m.GetStreamAssignments().GetAssignments()
		return len(a) > 0 && a[0].GetSenderId() == sender && a[0].SlotState == state
	}).GetStreamAssignments()
}

func (u *user) untilLeft(reason signalingv1.LeaveReason, who *user) {
	u.p.t.Helper()
	got := u.until("somebody has left", func(m *signalingv1.ServerMessage) bool { return m.GetParticipantLeft() != nil }).GetParticipantLeft()
	if got.ParticipantId != who.joined.ParticipantId || got.Reason != reason {
		u.p.t.Errorf("%v has left, want %s of %s", got, reason, who.name)
	}
}

// ended waits for the connection's end and returns it as an application close.
func (u *user) ended(ctx context.Context) *quic.ApplicationError {
	u.p.t.Helper()
	err := u.wt.Ended(ctx)
	app, ok := err.(*quic.ApplicationError)
	if !ok {
		u.p.t.Fatalf("%s's connection ended with %v", u.name, err)
	}
	return app
}

// leaves closes the QUIC connection with application code 0.
func (u *user) leaves() { u.wt.Conn.CloseWithError(0, "leave") }
