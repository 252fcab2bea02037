package mh_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

func TestAConnectedClientReadsEOFAndIsReportedToMC(t *testing.T) {
	for _, dialect := range []wttest.Dialect{wttest.Legacy, wttest.Modern} {
		t.Run(string(dialect), func(t *testing.T) {
			s := newStand(t)
			s.register(s.request())
			s.mc.admit("user-a", 1)
			c := s.dial(dialect)
			str, err := c.OpenMessage(s.ctx, connectMessage(s.meetingToken("user-a")))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(str); err != nil || len(b) != 0 {
				t.Errorf("the client read %q and %v, want EOF at once", b, err)
			}
			up := receive(s, s.mc.connected, "the report of the connection")
			if up.GetMeetingId() != meetingID || up.GetParticipantId() != "user-a" || up.GetHandlerId() != handlerID || up.GetConnectionId() == "" {
				t.Errorf("reported %v", up)
			}
			s.poll("the session to start", func(st mh.Stats) bool { return st.Starts[mh.SessionStarted] == 1 && st.Active == 1 })

			str.Write(bytes.Repeat([]byte("more bytes mean nothing"), 10))
			str.Close()
			down := receive(s, s.mc.disconnected, "the report of the end")
			if down.GetReason() != internalv1.DisconnectReason_DISCONNECT_REASON_CLIENT_CLOSED || down.GetConnectionId() != up.GetConnectionId() ||
				down.GetMeetingId() != meetingID || down.GetParticipantId() != "user-a" || down.GetHandlerId() != handlerID {
				t.Errorf("reported %v", down)
			}
			(&client{Client: c, s: s}).dropped()
		})
	}
}

func TestEveryWayOutIsReportedToMC(t *testing.T) {
	const (
		closed  = internalv1.DisconnectReason_DISCONNECT_REASON_CLIENT_CLOSED
		timeout = internalv1.DisconnectReason_DISCONNECT_REASON_TIMEOUT
		failed  = internalv1.DisconnectReason_DISCONNECT_REASON_ERROR
	)
	tests := []struct {
		name  string
		leave func(*client)
		want  internalv1.DisconnectReason
	}{
		{"the client ends its send half", func(c *client) { c.stream.Close() }, closed},
		{"the client resets its send half", func(c *client) { c.stream.CancelWrite(3) }, closed},
		{"the client closes the QUIC connection", func(c *client) { c.Conn.CloseWithError(0, "") }, closed},
		{"the client closes the session alone", func(c *client) { c.CloseCapsule(0, "") }, closed},
		{"the client vanishes", func(c *client) { c.Vanish() }, timeout},
		{"the meeting ends", func(c *client) {
			if _, err := c.s.rpc.EndMeeting(c.s.ctx, &internalv1.EndMeetingRequest{MeetingId: meetingID, McId: mcID}); err != nil {
				c.s.t.Errorf("EndMeeting: %v", err)
			}
			c.dropped()
		}, failed},
		{"the handler closes", func(c *client) { c.s.Close(); c.dropped() }, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, func(cfg *mh.Config) {
				cfg.Times.Idle, cfg.Times.KeepAlive = 2*time.Second, 500*time.Millisecond
			})
			s.register(s.request())
			c := s.join("user-a", 1)
			tt.leave(c)
			if got := receive(s, s.mc.disconnected, "the report").GetReason(); got != tt.want {
				t.Errorf("reason %v, want %v", got, tt.want)
			}
			s.poll("the session to be gone", func(st mh.Stats) bool { return st.Active == 0 })
		})
	}
}

func TestARefusedConnectIsDroppedWithoutAWord(t *testing.T) {
	framed := func(body []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	good := func(s *stand) []byte { return framed(connectMessage(s.meetingToken("user-a"))) }
	tests := []struct {
		name    string
		setUp   func(s *stand)
		message func(s *stand) []byte // length and body
		want    mh.SessionStart
		told    bool // MC was asked, and so must hear of the end
	}{
		{"a message of length zero", nil, func(*stand) []byte { return make([]byte, 4) }, mh.ConnectMessageRefused, false},
		{"a message that is too long", nil, func(*stand) []byte { return framed(make([]byte, 65537)) }, mh.ConnectMessageRefused, false},
		{"bytes that do not decode", nil, func(*stand) []byte { return framed([]byte{0xff, 0xff}) }, mh.ConnectMessageRefused, false},
		{"a message without a connect request", nil, func(*stand) []byte {
			b, _ := proto.Marshal(&signalingv1.MhClientMessage{TraceParent: "x"})
			return framed(b)
		}, mh.ConnectMessageRefused, false},
		{"no token", nil, func(*stand) []byte { return framed(connectMessage("")) }, mh.TokenRefused, false},
		{"a token of nonsense", nil, func(*stand) []byte { return framed(connectMessage("a.b.c")) }, mh.TokenRefused, false},
		{"an expired token", nil, func(s *stand) []byte {
			return framed(connectMessage(s.meetingToken("user-a", func(c *token.MeetingClaims) {
				c.RegisteredClaims = token.Stamp("user-a", time.Now().Add(-2*time.Hour), time.Hour)
			})))
		}, mh.TokenRefused, false},
		{"a guest token", nil, func(s *stand) []byte {
			return framed(connectMessage(s.meetingToken("user-a", func(c *token.MeetingClaims) { c.TokenType = token.TypeGuest })))
		}, mh.TokenRefused, false},
		{"a token of another signer", nil, func(s *stand) []byte {
			other, err := token.NewSigner("test-key")
			if err != nil {
				s.t.Fatal(err)
			}
			raw, err := other.Sign(token.MeetingClaims{RegisteredClaims: token.Stamp("user-a", time.Now(), time.Hour),
				TokenType: token.TypeMeeting, MeetingID: meetingID})
			if err != nil {
				s.t.Fatal(err)
			}
			return framed(connectMessage(raw))
		}, mh.TokenRefused, false},
		{"a meeting that nobody registers in time", nil, func(s *stand) []byte {
			return framed(connectMessage(s.meetingToken("user-a", func(c *token.MeetingClaims) { c.MeetingID = "unknown" })))
		}, mh.RegisterMeetingTimedOut, false},
		{"a participant whom MC does not know", nil, good, mh.DeclinedNoSenderBinding, true},
		{"a sender id out of range", func(s *stand) { s.mc.admit("user-a", 65536) }, good, mh.DeclinedSenderBindingOutOfRange, true},
		{"a sender id that another participant holds", func(s *stand) { s.join("user-b", 7); s.mc.admit("user-a", 7) },
			good, mh.DeclinedSenderBindingConflict, true},
		{"an MC that is down", func(s *stand) { s.mc.failNext(3, codes.Unavailable) }, good, mh.DeclinedMCUnavailable, true},
		{"an MC that refuses the handler", func(s *stand) { s.mc.failNext(1, codes.PermissionDenied) }, good, mh.DeclinedMCAuthRejected, true},
		{"on demand", func(s *stand) {
			s.mc.admit("user-a", 1)
			s.panel.Set(fault.Faults{MH: fault.MH{RejectConnect: true, Only: handlerID}})
		}, good, mh.ConnectRejectedByFault, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, func(cfg *mh.Config) { cfg.Times.RegisterMeeting = 50 * time.Millisecond })
			s.register(s.request())
			if tt.setUp != nil {
				tt.setUp(s)
			}
			c := &client{Client: s.dial(wttest.Legacy), s: s}
			// A long message may meet the drop while it is being written.
			str, err := c.OpenStream(s.ctx, tt.message(s))
			c.dropped()
			if err == nil {
				if b, _ := io.ReadAll(str); len(b) != 0 {
					t.Errorf("the handler answered %q", b)
				}
			}
			s.poll("the outcome", func(st mh.Stats) bool { return st.Starts[tt.want] == 1 })
			if tt.told {
				receive(s, s.mc.disconnected, "the report of the end")
			} else if n := len(s.mc.connected); n != 0 {
				t.Errorf("MC was asked %d times", n)
			}
		})
	}
}

func TestAnUnreachableMCIsAskedThreeTimesAndThenAnswers(t *testing.T) {
	s := newStand(t)
	s.register(s.request())
	s.mc.failNext(2, codes.Unavailable)
	s.join("user-a", 1)
	for range 2 {
		receive(s, s.mc.connected, "another attempt")
	}
}

func TestAConnectionWaitsForItsMeetingToBeRegistered(t *testing.T) {
	s := newStand(t)
	s.mc.admit("user-a", 1)
	s.connect(connectMessage(s.meetingToken("user-a")))
	s.poll("the session", func(st mh.Stats) bool { return st.Active == 1 })
	if st := s.Stats(); len(st.Starts) != 0 {
		t.Errorf("decided before the meeting is registered: %v", st.Starts)
	}
	s.register(s.request())
	s.poll("the session to start", func(st mh.Stats) bool { return st.Starts[mh.SessionStarted] == 1 })
}

func TestAClientThatLeavesWhileItWaitsIsForgotten(t *testing.T) {
	s := newStand(t)
	c := s.connect(connectMessage(s.meetingToken("user-a")))
	s.poll("the session", func(st mh.Stats) bool { return st.Active == 1 })
	c.Conn.CloseWithError(0, "")
	s.poll("the session to be gone", func(st mh.Stats) bool { return st.Active == 0 })
	s.register(s.request())
	if n := len(s.mc.connected); n != 0 {
		t.Errorf("MC was asked %d times", n)
	}
}

func TestConnectionsAreRefusedOnDemandAndAtCapacity(t *testing.T) {
	refused := func(s *stand) {
		t.Helper()
		_, err := wttest.TryDial(s.ctx, s.addr, wttest.Legacy)
		if !isRefused(err) {
			t.Errorf("dialing: %v, want CONNECTION_REFUSED", err)
		}
	}
	t.Run("on demand", func(t *testing.T) {
		s := newStand(t)
		s.panel.Set(fault.Faults{MH: fault.MH{RefuseConnections: true}})
		refused(s)
		s.panel.Set(fault.Faults{MH: fault.MH{RefuseConnections: true, Only: "another"}})
		s.dial(wttest.Legacy)
	})
	t.Run("at capacity", func(t *testing.T) {
		s := newStand(t, func(cfg *mh.Config) { cfg.MaxConnections = 1 })
		s.dial(wttest.Legacy)
		s.poll("the session", func(st mh.Stats) bool { return st.Active == 1 })
		refused(s)
	})
}

func isRefused(err error) bool {
	for e := err; e != nil; {
		if te, ok := e.(*quic.TransportError); ok {
			return te.Remote && te.ErrorCode == quic.ConnectionRefused
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		e = u.Unwrap()
	}
	return false
}

func TestAMeetingThatEndsDuringTheConnectLeavesNobodyBehind(t *testing.T) {
	s := newStand(t)
	s.register(s.request())
	s.mc.admit("user-a", 1)
	held := make(chan struct{})
	s.mc.hold(held)
	c := s.connect(connectMessage(s.meetingToken("user-a")))
	receive(s, s.mc.connected, "MC to be asked")
	if _, err := s.rpc.EndMeeting(s.ctx, &internalv1.EndMeetingRequest{MeetingId: meetingID, McId: mcID}); err != nil {
		t.Fatal(err)
	}
	close(held)
	c.dropped()
	receive(s, s.mc.disconnected, "the report of the end")
	s.poll("the outcome", func(st mh.Stats) bool { return st.Starts[mh.ConnectAbandoned] == 1 && st.Active == 0 })
}
