package signaling

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// hold keeps the MC's end of the session until the client has closed it.
func hold(p *peer) { _ = p.closed() }

func TestJoinSaysWhoJoinsAndReturnsTheView(t *testing.T) {
	got := make(chan *signalingv1.ClientMessage, 1)
	mc := startMC(t, func(p *peer) {
		got <- p.join()
		hold(p)
	})
	var seen []View
	s := mc.connect(func(c *Config) { c.OnView = func(v View) { seen = append(seen, v) } })

	tracer := sdktrace.NewTracerProvider()
	ctx, span := tracer.Tracer("test").Start(mc.ctx, "join")
	defer span.End()
	r := request()
	r.CorrelationID, r.BindingToken = "the-session-before", "its-binding-token"
	v, err := s.Join(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Joined || v.Self.SenderID != 3 || len(v.Roster) != 1 || len(v.Handlers) != 2 {
		t.Errorf("view %v", v)
	}
	if len(seen) != 1 || !seen[0].Joined {
		t.Errorf("OnView saw %v before Join returned", seen)
	}
	m := take(mc, got)
	j := m.GetJoinRequest()
	if j.GetMeetingId() != "meeting-1" || j.GetJoinToken() != "the.meeting.token" || j.GetParticipantName() != "Ada Lovelace" ||
		!bytes.Equal(j.GetIdentityPublicKey(), r.IdentityKey) {
		t.Errorf("join request %v", j)
	}
	if j.Capabilities == nil || len(j.Capabilities.SupportedCodecs)+len(j.Capabilities.SupportedHeaderVersions) != 0 {
		t.Errorf("capabilities %v", j.Capabilities)
	}
	if j.GetCorrelationId() != "the-session-before" || j.GetBindingToken() != "its-binding-token" {
		t.Errorf("resuming %q with %q", j.GetCorrelationId(), j.GetBindingToken())
	}
	if want := span.SpanContext().TraceID().String(); len(m.GetTraceParent()) != 55 || !strings.Contains(m.GetTraceParent(), want) {
		t.Errorf("trace parent %q, the trace is %s", m.GetTraceParent(), want)
	}
	if s.Err() != nil || s.Transport().Dialect() != webtransport.Legacy {
		t.Errorf("error %v, dialect %v", s.Err(), s.Transport().Dialect())
	}
}

func TestAFirstJoinResumesNothingAndNoSpanLeavesNoTrace(t *testing.T) {
	got := make(chan *signalingv1.ClientMessage, 1)
	mc := startMC(t, func(p *peer) {
		got <- p.join()
		hold(p)
	})
	mc.joinedSession()
	m := take(mc, got)
	if j := m.GetJoinRequest(); j.GetCorrelationId() != "" || j.GetBindingToken() != "" {
		t.Errorf("join request %v", j)
	}
	if m.GetTraceParent() != "" || m.GetTraceState() != "" {
		t.Errorf("trace context %q, %q", m.GetTraceParent(), m.GetTraceState())
	}
}

// A watch tells when the client's log holds something.
type watch struct {
	want string
	seen chan struct{}
	once sync.Once
}

func (w *watch) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(w.want)) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(line), nil
}

func (w *watch) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// The table of the platform contract, MC B.6.
func TestEveryRefusalOfAJoinIsATypedError(t *testing.T) {
	const (
		invalidRequest   = signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST
		unauthorized     = signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED
		notFound         = signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND
		conflict         = signalingv1.ErrorCode_ERROR_CODE_CONFLICT
		internalError    = signalingv1.ErrorCode_ERROR_CODE_INTERNAL_ERROR
		capacityExceeded = signalingv1.ErrorCode_ERROR_CODE_CAPACITY_EXCEEDED
	)
	for _, c := range []struct {
		code signalingv1.ErrorCode
		text string
	}{
		{invalidRequest, "First message must be JoinRequest"},
		{invalidRequest, "Participant name too long"},
		{unauthorized, "Invalid or expired token"},
		{invalidRequest, "Invalid join request"},
		{notFound, "Meeting not found"},
		{conflict, "Meeting is restarting, please try again"},
		{internalError, "An internal error occurred"},
		{capacityExceeded, "Server is shutting down, please reconnect"},
		{conflict, "Participant already in meeting"},
		{internalError, "Internal error"},
		{signalingv1.ErrorCode(77), "something new"},
	} {
		t.Run(c.text, func(t *testing.T) {
			read := &watch{want: "message=error", seen: make(chan struct{})}
			mc := startMC(t, func(p *peer) {
				p.receive()
				p.send(serverError(c.code, c.text))
				_ = p.stream.Close()
				p.flush()
				p.await(read.seen) // and then the connection is dropped, with code 0
			})
			s := mc.connect(func(c *Config) { c.Log = read.logger() })
			_, err := s.Join(mc.ctx, request())
			var refusal *ServerError
			if !errors.As(err, &refusal) || refusal.Code != c.code || refusal.Message != c.text || refusal.Phase != PhaseJoin {
				t.Fatalf("error %v", err)
			}
			<-s.Done()
			if !errors.As(s.Err(), &refusal) {
				t.Errorf("the session ended with %v", s.Err())
			}
		})
	}
}

func TestARefusalWinsOverAJoinThatCouldNotBeSent(t *testing.T) {
	narrow := func(c *quic.Config) { c.InitialStreamReceiveWindow, c.MaxStreamReceiveWindow = 1024, 1024 }
	mc := startMC(t, func(p *peer) {
		stream, err := p.wt.AcceptStream(p.ctx)
		p.must(err)
		p.stream = stream
		p.send(serverError(signalingv1.ErrorCode_ERROR_CODE_CAPACITY_EXCEEDED, "Server is shutting down, please reconnect"))
		stream.CancelRead(0)
		hold(p)
	}, narrow)
	r := request()
	r.Token = strings.Repeat("t", maxToken)
	_, err := mc.connect().Join(mc.ctx, r)
	var refusal *ServerError
	if !errors.As(err, &refusal) || refusal.Code != signalingv1.ErrorCode_ERROR_CODE_CAPACITY_EXCEEDED {
		t.Errorf("error %v", err)
	}
}

func TestAJoinThatMCEndsWithoutAWordNamesWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		script func(*peer)
		cause  func(error) bool
	}{
		"the connection is dropped at once": {
			nil,
			func(err error) bool { var end *webtransport.SessionError; return errors.As(err, &end) && end.Remote },
		},
		"the connection is dropped": {
			func(p *peer) { p.receive() },
			func(err error) bool {
				var end *webtransport.SessionError
				return errors.As(err, &end) && end.Via == webtransport.ViaConnectionClose && end.Remote && end.Code == 0
			},
		},
		"the session is closed with a capsule": {
			func(p *peer) { p.receive(); _ = p.wt.CloseWithError(4000, "go away"); hold(p) },
			func(err error) bool {
				var end *webtransport.SessionError
				return errors.As(err, &end) && end.Via == webtransport.ViaCapsule && end.Code == 4000 && end.Reason == "go away"
			},
		},
		"the stream is finished": {
			func(p *peer) { p.receive(); _ = p.stream.Close(); hold(p) },
			func(err error) bool { return errors.Is(err, io.EOF) },
		},
		"the stream is reset": {
			func(p *peer) { p.receive(); p.stream.CancelWrite(5); hold(p) },
			func(err error) bool {
				var reset *webtransport.StreamError
				return errors.As(err, &reset) && reset.Remote
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			connected := make(chan struct{})
			mc := startMC(t, func(p *peer) {
				p.await(connected)
				if c.script != nil {
					c.script(p)
				}
			})
			s := mc.connect()
			close(connected)
			_, err := s.Join(mc.ctx, request())
			var closed *ClosedError
			if !errors.As(err, &closed) || closed.Missing == "" || closed.Phase != PhaseJoin {
				t.Fatalf("error %v", err)
			}
			if !c.cause(err) {
				t.Errorf("cause of %v", err)
			}
			<-s.Done()
		})
	}
}

func TestAStreamThatIsNoSequenceOfMessagesIsAProtocolError(t *testing.T) {
	frame := func(body string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, raw := range map[string][]byte{
		"length zero":        {0, 0, 0, 0},
		"length too large":   {0, 1, 0, 1},
		"not protobuf":       frame("\xff\xff\xff\xff"),
		"text not UTF-8":     frame("\x3a\x03\x12\x01\xff"), // error.message
		"an HTTP/1.1 answer": []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"cut inside a body":  {0, 0, 0, 9, 1, 2, 3},
		"cut in a length":    {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			mc := startMC(t, func(p *peer) {
				p.receive()
				p.raw(raw)
				_ = p.stream.Close()
				hold(p)
			})
			s := mc.connect()
			_, err := s.Join(mc.ctx, request())
			var broken *ProtocolError
			if !errors.As(err, &broken) || broken.Message != "frame" {
				t.Fatalf("error %v", err)
			}
			if <-s.Done(); !errors.As(s.Err(), &broken) {
				t.Errorf("the session ended with %v", s.Err())
			}
		})
	}
}

func TestAnUnusableJoinResponseIsAProtocolErrorAndLeavesNoGhost(t *testing.T) {
	end := make(chan error, 1)
	mc := startMC(t, func(p *peer) {
		p.receive()
		p.send(joinResponse(func(r *signalingv1.JoinResponse) { r.MeetingKek = kek(0) }))
		end <- p.closed()
	})
	_, err := mc.connect().Join(mc.ctx, request())
	var broken *ProtocolError
	if !errors.As(err, &broken) || broken.Message != "join_response" {
		t.Errorf("error %v", err)
	}
	var app *quic.ApplicationError
	if err := take(mc, end); !errors.As(err, &app) || app.ErrorCode != 0 || !app.Remote {
		t.Errorf("the connection was closed with %v", err)
	}
}

func TestAJoinNobodyAnswersTimesOutAndLeavesNoGhost(t *testing.T) {
	end := make(chan error, 1)
	mc := startMC(t, func(p *peer) {
		p.receive()
		end <- p.closed()
	})
	s := mc.connect()
	s.cfg.JoinTimeout = 100 * time.Millisecond
	_, err := s.Join(mc.ctx, request())
	var late *TimeoutError
	if !errors.As(err, &late) || late.Phase != PhaseJoin || !strings.Contains(err.Error(), "said nothing") || late.After < 100*time.Millisecond {
		t.Errorf("error %v", err)
	}
	if !errors.As(s.Err(), &late) {
		t.Errorf("the session ended with %v", s.Err())
	}
	var app *quic.ApplicationError
	if err := take(mc, end); !errors.As(err, &app) || app.ErrorCode != 0 {
		t.Errorf("the connection was closed with %v", err)
	}
}

func TestAJoinThatMCDoesNotTakeTimesOut(t *testing.T) {
	narrow := func(c *quic.Config) { c.InitialStreamReceiveWindow, c.MaxStreamReceiveWindow = 1024, 1024 }
	mc := startMC(t, hold, narrow)
	s := mc.connect(func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	r := request()
	r.Token = strings.Repeat("t", maxToken)
	_, err := s.Join(mc.ctx, r)
	var late *TimeoutError
	if !errors.As(err, &late) || late.Waiting != "MC to take the join_request" {
		t.Errorf("error %v", err)
	}
}

func TestACancelledJoinGivesTheCause(t *testing.T) {
	enough := errors.New("the run was shut down")
	ctx, cancel := context.WithCancelCause(context.Background())
	mc := startMC(t, func(p *peer) {
		p.receive()
		cancel(enough)
		hold(p)
	})
	if _, err := mc.connect().Join(ctx, request()); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}

// MC has ended nothing when this side gives up before there is a stream.
func TestAJoinThatIsCancelledBeforeItsStreamIsNoEndOfTheSession(t *testing.T) {
	mc := startMC(t, hold)
	s := mc.connect()
	ctx, cancel := context.WithCancelCause(mc.ctx)
	enough := errors.New("enough")
	cancel(enough)
	_, err := s.Join(ctx, request())
	var closed *ClosedError
	if !errors.Is(err, enough) || errors.As(err, &closed) {
		t.Errorf("error %v", err)
	}
}

func TestAMessageThatDribblesInIsOneMessage(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.receive()
		frame := framed(t, joinResponse())
		for _, b := range frame[:40] {
			p.raw([]byte{b})
			p.flush()
		}
		p.raw(frame[40:])
		hold(p)
	})
	if v, err := mc.connect().Join(mc.ctx, request()); err != nil || v.Messages != 1 {
		t.Errorf("view %v, error %v", v, err)
	}
}

func TestASessionJoinsOnce(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		hold(p)
	})
	s := mc.joinedSession()
	if _, err := s.Join(mc.ctx, request()); !errors.Is(err, ErrJoinTwice) {
		t.Errorf("error %v", err)
	}
	if s.Err() != nil {
		t.Errorf("the session ended with %v", s.Err())
	}
}

func TestADialThatFailsIsADialError(t *testing.T) {
	_, err := Connect(t.Context(), "http://not-https", Config{})
	var dial *webtransport.DialError
	if !errors.As(err, &dial) || !strings.HasPrefix(err.Error(), "connecting to MC: ") {
		t.Errorf("error %v", err)
	}
}
