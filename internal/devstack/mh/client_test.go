package mh_test

import (
	"testing"

	"github.com/quic-go/quic-go"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

// client is a participant's connection to the handler.
type client struct {
	*wttest.Client
	s      *stand
	stream *quic.Stream
}

func connectMessage(raw string) []byte {
	b, err := proto.Marshal(&signalingv1.MhClientMessage{Message: &signalingv1.MhClientMessage_ConnectRequest{
		ConnectRequest: &signalingv1.MhConnectRequest{JoinToken: raw}}})
	if err != nil {
		panic(err)
	}
	return b
}

func (s *stand) dial(dialect wttest.Dialect) *wttest.Client {
	return wttest.Dial(s.ctx, s.t, s.addr, dialect)
}

// connect sends a connect message without waiting for what comes of it.
func (s *stand) connect(body []byte) *client {
	s.t.Helper()
	c := &client{Client: s.dial(wttest.Legacy), s: s}
	var err error
	if c.stream, err = c.OpenMessage(s.ctx, body); err != nil {
		s.t.Fatalf("sending the connect message: %v", err)
	}
	return c
}

// join connects user and waits until the handler has bound it as sender.
func (s *stand) join(user string, sender uint32) *client {
	s.t.Helper()
	s.mc.admit(user, sender)
	before := s.Stats().Starts[mh.SessionStarted]
	c := s.connect(connectMessage(s.meetingToken(user)))
	s.poll(user+" to be bound", func(st mh.Stats) bool { return st.Starts[mh.SessionStarted] > before })
	receive(s, s.mc.connected, "MC to be told of "+user)
	return c
}

// audio is a valid key-bearing frame as far as a handler can tell.
func audio(t *testing.T, sequence uint32, payload int) []byte {
	t.Helper()
	b, err := frame.AppendPublisher(nil, frame.Header{Flags: frame.FlagIndependent | frame.FlagKeyBearing,
		Sequence: sequence, Wrap: make([]byte, frame.WrapLen)}, payload)
	if err != nil {
		t.Fatal(err)
	}
	b = frame.AppendRelay(b, 0xffff, 0xdeadbeef)
	for i := range payload + frame.SignatureLen {
		b = append(b, byte(sequence)+byte(i))
	}
	return b
}

func (c *client) send(b []byte) {
	c.s.t.Helper()
	if err := c.Request.SendDatagram(b); err != nil {
		c.s.t.Fatalf("sending a frame: %v", err)
	}
}

// talk sends the frames of sequence numbers from and up to but not including to,
// waiting after each until the handler has dealt with it, so that no queue
// overflows.
func (c *client) talk(from, to uint32) {
	c.s.t.Helper()
	for seq := from; seq < to; seq++ {
		c.send(audio(c.s.t, seq, 104))
		c.s.wait("frame to be dealt with", func(fw []mh.Forwarded, dr []mh.Dropped) bool {
			for _, f := range fw {
				if f.Sequence == seq {
					return true
				}
			}
			for _, d := range dr {
				if d.Decoded && d.Sequence == seq {
					return true
				}
			}
			return false
		})
	}
}

func (c *client) hear() frame.View {
	c.s.t.Helper()
	b, err := c.Request.ReceiveDatagram(c.s.ctx)
	if err != nil {
		c.s.t.Fatalf("hearing a frame: %v", err)
	}
	v, err := frame.Decode(b)
	if err != nil {
		c.s.t.Fatalf("hearing a frame: %v", err)
	}
	return v
}

// dropped waits for the close that the platform gives for everything:
// application code 0 without a reason.
func (c *client) dropped() {
	c.s.t.Helper()
	err := c.Ended(c.s.ctx)
	appErr, ok := err.(*quic.ApplicationError)
	if !ok || !appErr.Remote || appErr.ErrorCode != 0 || appErr.ErrorMessage != "" {
		c.s.t.Fatalf("the connection ended with %v, want the server's application code 0 and no reason", err)
	}
}
