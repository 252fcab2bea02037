package mc_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver/wttest"
)

// refused fails unless u is told this and then dropped with code 0 and no
// words. An empty text means that it is told nothing.
func (u *user) refused(code signalingv1.ErrorCode, text string) {
	u.p.t.Helper()
	if text != "" {
		m := u.next()
		if m.GetError().GetCode() != code || m.GetError().GetMessage() != text || len(m.GetError().GetDetails()) != 0 || m.TraceParent != "" {
			u.p.t.Errorf("%s is told %v, want %s %q", u.name, m, code, text)
		}
	}
	if m, err := u.read(); err == nil {
		u.p.t.Errorf("%s is also told %v", u.name, m)
	} else if text != "" && !errors.Is(err, io.EOF) {
		// The FIN is delivered before the close unless the close overtakes it.
		if _, closed := errors.AsType[*quic.ApplicationError](err); !closed {
			u.p.t.Errorf("%s's stream ends with %v", u.name, err)
		}
	}
	if got := u.ended(u.p.ctx); !got.Remote || got.ErrorCode != 0 || got.ErrorMessage != "" {
		u.p.t.Errorf("%s's connection is closed with %v", u.name, got)
	}
}

func TestTheJoinTable(t *testing.T) {
	p := start(t)
	p.assign("m")
	p.assign("bare", func(r *internalv1.AssignMeetingWithMhRequest) {
		for _, h := range r.MhAssignments {
			h.WebtransportEndpoint = ""
		}
	})
	const (
		none         = signalingv1.ErrorCode_ERROR_CODE_UNSPECIFIED
		invalid      = signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST
		unauthorized = signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED
		badToken     = "Invalid or expired token"
	)
	request := func(change func(*signalingv1.JoinRequest)) []byte {
		r := p.joinRequest("ann", "m")
		change(r)
		return framed(encode(t, &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: r}}))
	}
	withToken := func(raw string) []byte {
		return request(func(r *signalingv1.JoinRequest) { r.JoinToken = raw })
	}
	claims := func(change func(*token.MeetingClaims)) []byte {
		c := p.meetingClaims("ann", "m")
		change(&c)
		return withToken(p.sign(c))
	}
	stranger, err := token.NewSigner("another-key")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := token.NewSigner("auth-test-2026-01")
	if err != nil {
		t.Fatal(err)
	}
	signedBy := func(s *token.Signer) []byte {
		raw, err := s.Sign(p.meetingClaims("ann", "m"))
		if err != nil {
			t.Fatal(err)
		}
		return withToken(raw)
	}
	guest := token.GuestClaims{RegisteredClaims: token.Stamp("ann", time.Now(), time.Minute), TokenType: token.TypeGuest, MeetingID: "m", Role: token.RoleGuest}

	for _, tc := range []struct {
		name  string
		first []byte
		code  signalingv1.ErrorCode
		text  string
	}{
		{"1 length zero", []byte{0, 0, 0, 0}, none, ""},
		{"1 length too large", []byte{0, 1, 0, 1}, none, ""},
		{"2 not protobuf", framed([]byte{0xff, 0xff, 0xff}), none, ""},
		{"3 another message", framed(encode(t, &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_MuteRequest{MuteRequest: &signalingv1.MuteRequest{}}})), invalid, "First message must be JoinRequest"},
		{"3 no message", framed(encode(t, &signalingv1.ClientMessage{TraceParent: "x"})), invalid, "First message must be JoinRequest"},
		{"4 name too long, before the token is looked at", request(func(r *signalingv1.JoinRequest) {
			r.ParticipantName, r.JoinToken = strings.Repeat("x", 257), ""
		}), invalid, "Participant name too long"},
		{"5 no token", withToken(""), unauthorized, badToken},
		{"5 no JWT", withToken("a.b.c"), unauthorized, badToken},
		{"5 token too large", withToken(strings.Repeat("x", 8193)), unauthorized, badToken},
		{"5 unknown key", signedBy(stranger), unauthorized, badToken},
		{"5 wrong signature", signedBy(impostor), unauthorized, badToken},
		{"5 expired", claims(func(c *token.MeetingClaims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-2 * time.Minute)) }), unauthorized, badToken},
		{"5 issued a minute in the future", claims(func(c *token.MeetingClaims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(time.Minute)) }), unauthorized, badToken},
		{"5 wrong type", claims(func(c *token.MeetingClaims) { c.TokenType = "user" }), unauthorized, badToken},
		{"5 guest token", withToken(p.sign(guest)), unauthorized, badToken},
		{"5 service token", withToken(p.service(token.MediaHandler, "x")), unauthorized, badToken},
		{"6 token of another meeting, before the key is looked at", request(func(r *signalingv1.JoinRequest) {
			r.MeetingId, r.IdentityPublicKey = "another", []byte("short")
		}), unauthorized, badToken},
		{"7 identity key too short", request(func(r *signalingv1.JoinRequest) { r.IdentityPublicKey = make([]byte, 31) }), invalid, "Invalid join request"},
		{"7 identity key too long", request(func(r *signalingv1.JoinRequest) { r.IdentityPublicKey = make([]byte, 33) }), invalid, "Invalid join request"},
		{"8 no such meeting", request(func(r *signalingv1.JoinRequest) {
			r.MeetingId, r.JoinToken = "none", p.sign(p.meetingClaims("ann", "none"))
		}), signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND, "Meeting not found"},
		{"9 no usable handler", request(func(r *signalingv1.JoinRequest) {
			r.MeetingId, r.JoinToken = "bare", p.sign(p.meetingClaims("ann", "bare"))
		}), signalingv1.ErrorCode_ERROR_CODE_INTERNAL_ERROR, "An internal error occurred"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.opens("ann", "m", tc.first).refused(tc.code, tc.text)
		})
	}
	t.Run("1 body cut", func(t *testing.T) {
		u := p.opens("ann", "m", []byte{0, 0, 0, 9, 1})
		u.stream.Close()
		u.refused(none, "")
	})
	t.Run("1 end of stream", func(t *testing.T) {
		u := p.opens("ann", "m", nil)
		u.stream.Close()
		u.refused(none, "")
	})
	if got := p.mc.Meetings(); got != 0 {
		t.Errorf("%d meetings after refusals only", got)
	}
}

func TestATokenCannotBeCheckedWhileTheKeysAreOutOfReach(t *testing.T) {
	p := start(t, func(c *mc.Config) { c.GCAddr = "" })
	p.noKeys.Store(true)
	p.asks("ann", "m").refused(signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED, "Invalid or expired token")
}

func TestJoinsThatAreAccepted(t *testing.T) {
	p := start(t)
	p.assign("m")
	for _, tc := range []struct {
		name   string
		change func(*signalingv1.JoinRequest)
	}{
		{"without an identity key", func(r *signalingv1.JoinRequest) { r.IdentityPublicKey = nil }},
		{"with the longest name", func(r *signalingv1.JoinRequest) { r.ParticipantName = strings.Repeat("x", 256) }},
		{"with a header version nobody has", func(r *signalingv1.JoinRequest) {
			r.Capabilities = &signalingv1.ParticipantCapabilities{SupportedHeaderVersions: []uint32{99}}
		}},
		{"with a binding nobody knows", func(r *signalingv1.JoinRequest) { r.CorrelationId, r.BindingToken = "x", "y" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := p.joins("ann", "m", func(m *signalingv1.ClientMessage) { tc.change(m.GetJoinRequest()) })
			if u.joined.GetSenderId() == 0 {
				t.Errorf("answered %v", u.joined)
			}
		})
	}
	t.Run("with the largest frame", func(t *testing.T) {
		msg := &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: p.joinRequest("ann", "m")}}
		msg.GetJoinRequest().CorrelationId = strings.Repeat("x", 65536-len(encode(t, msg))-5)
		body := encode(t, msg)
		if len(body) != 65536 {
			t.Fatalf("the frame has %d bytes", len(body))
		}
		if m := p.opens("ann", "m", framed(body)).next(); m.GetJoinResponse() == nil {
			t.Errorf("answered %v", m)
		}
	})
}

func TestAnEndedMeetingIsReleasedAndThenUnknownUntilAssigned(t *testing.T) {
	p := start(t)
	p.assign("m")
	release := make(chan struct{})
	p.mh[0].block.Store(&release)
	u := p.joins("ann", "m")
	u.leaves()
	p.mh[1].await(t, p.ctx, "mh-1 is told of the end", func() bool { return len(p.mh[1].ended) == 1 })
	if got := p.mc.Meetings(); got != 1 {
		t.Errorf("%d meetings while one is released", got)
	}
	p.asks("bob", "m").refused(signalingv1.ErrorCode_ERROR_CODE_CONFLICT, "Meeting is restarting, please try again")
	close(release)
	p.mh[0].await(t, p.ctx, "mh-0 is told of the end", func() bool { return len(p.mh[0].ended) == 1 && p.mh[0].ended[0] == "m of mc-test" })
	if got := next(p, p.gc.ended, "GC to be told"); got.MeetingId != "m" || got.Region != "dev" {
		t.Errorf("GC is told %v", got)
	}
	if err := p.mc.AwaitIdle(p.ctx); err != nil || p.mc.Meetings() != 0 {
		t.Fatalf("the meeting is not released: %v", err)
	}
	p.asks("bob", "m").refused(signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND, "Meeting not found")
	p.assign("m")
	if got := p.joins("bob", "m"); got.joined.GetSenderId() != 1 {
		t.Errorf("the new meeting begins with sender %d", got.joined.GetSenderId())
	}
}

func TestFaultsOfTheJoin(t *testing.T) {
	p := start(t)
	p.assign("m")
	for code, text := range map[signalingv1.ErrorCode]string{
		1: "Invalid join request", 2: "Invalid or expired token", 3: "Forbidden", 4: "Meeting not found",
		5: "Meeting is restarting, please try again", 6: "An internal error occurred", 7: "Server is shutting down, please reconnect",
	} {
		p.faults.Set(fault.Faults{MC: fault.MC{JoinError: int(code)}})
		p.asks("ann", "m").refused(code, text)
	}

	p.faults.Set(fault.Faults{MC: fault.MC{RefuseConnections: true}})
	if c, err := wttest.TryDial(p.ctx, p.addr, wttest.Legacy); err == nil {
		c.Close()
		t.Error("connected to a controller that refuses")
	} else if refusal, ok := errors.AsType[*quic.TransportError](err); !ok || refusal.ErrorCode != quic.ConnectionRefused {
		t.Errorf("refused with %v", err)
	}

	p.faults.Set(fault.Faults{MC: fault.MC{JoinNever: true}})
	silent := p.asks("ann", "m")
	silent.leaves()

	p.faults.Set(fault.Faults{MC: fault.MC{DropAfterJoin: true, JoinDelay: time.Millisecond}})
	u := p.joins("ann", "m")
	if got := u.ended(p.ctx); got.ErrorCode != 0 {
		t.Errorf("dropped with %v", got)
	}

	p.faults.Set(fault.Faults{MC: fault.MC{UnknownMessages: true}})
	p.assign("n")
	future := p.asks("bob", "n")
	if m := future.next(); m.Message != nil || len(m.ProtoReflect().GetUnknown()) == 0 {
		t.Errorf("first comes %v, want a message from the future", m)
	}
	if m := future.next(); m.GetJoinResponse() == nil {
		t.Errorf("then comes %v", m)
	}
}
