package signaling

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func framed(t *testing.T, m *signalingv1.ServerMessage) []byte {
	t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := framing.Append(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestEveryRequestIsOneFrameInOnePacketWithItsTrace(t *testing.T) {
	type evidence struct {
		messages []*signalingv1.ClientMessage
		bodies   []int
		frames   []struct{ offset, length int64 }
	}
	got := make(chan evidence, 1)
	mc := startMC(t, func(p *peer) {
		e := evidence{messages: []*signalingv1.ClientMessage{p.join()}}
		for range 6 {
			e.messages = append(e.messages, p.receive())
			p.send(participantJoined(person(eveID, 4))) // the client's next step
		}
		hold(p)
		for _, f := range p.trace.received(p.stream.StreamID()) {
			e.frames = append(e.frames, struct{ offset, length int64 }{f.Offset, f.Length})
		}
		e.bodies = p.bodies
		got <- e
	})
	s := mc.joinedSession()
	tracer := sdktrace.NewTracerProvider().Tracer("test")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	pinned := uint16(1)
	var traces []string
	for i, step := range []func(context.Context) error{
		func(ctx context.Context) error {
			return s.ReportHandlers(ctx, []HandlerStatus{
				{URL: urlX, Connected: true, At: at},
				{URL: urlY, Reason: strings.Repeat("€", 100), Code: "CONNECT_\xffTIMEOUT"},
			})
		},
		func(ctx context.Context) error {
			return s.Declare(ctx, append(audioSlots(0), Slot{ID: 65535, Kind: signalingv1.MediaKind_MEDIA_KIND_AUDIO, Pinned: &pinned}))
		},
		func(ctx context.Context) error { return s.Mute(ctx, true, false) },
		func(ctx context.Context) error { return s.ServerMute(ctx, bobID, true, false) },
		func(ctx context.Context) error { return s.RequestUnmute(ctx, true, false) },
		func(ctx context.Context) error { return s.Declare(ctx, nil) },
	} {
		ctx, span := tracer.Start(mc.ctx, fmt.Sprint("step ", i))
		traces = append(traces, span.SpanContext().TraceID().String())
		if err := step(ctx); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		span.End()
		if _, err := s.Wait(mc.ctx, "the next step", func(v View) bool { return v.Messages == uint64(i+2) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Leave(); err != nil {
		t.Error(err)
	}
	e := take(mc, got)

	// Each message is one STREAM frame, so it left in one packet and in one write.
	if len(e.frames) != len(e.bodies) {
		t.Fatalf("%d messages in the STREAM frames %v", len(e.bodies), e.frames)
	}
	const streamHeader = 3 // WebTransport's, in front of the first message
	offset := int64(0)
	for i, body := range e.bodies {
		length := int64(framing.HeaderLen + body)
		if i == 0 {
			length += streamHeader
		}
		if e.frames[i].offset != offset || e.frames[i].length != length {
			t.Errorf("message %d is %+v, want %d bytes at %d", i, e.frames[i], length, offset)
		}
		offset += length
	}
	for i, m := range e.messages[1:] {
		if !strings.Contains(m.GetTraceParent(), traces[i]) {
			t.Errorf("message %d has trace parent %q, the trace is %s", i, m.GetTraceParent(), traces[i])
		}
	}
	statuses := e.messages[1].GetMediaConnectionUpdate().GetStatuses()
	if len(statuses) != 2 {
		t.Fatalf("statuses %v", statuses)
	}
	if x := statuses[0]; x.GetMhUrl() != urlX || x.GetState() != signalingv1.ConnectionState_CONNECTION_STATE_CONNECTED ||
		x.FailureReason != nil || x.FailureCode != nil || !x.GetObservedAt().AsTime().Equal(at) {
		t.Errorf("status %v", x)
	}
	if y := statuses[1]; y.GetState() != signalingv1.ConnectionState_CONNECTION_STATE_FAILED || y.ObservedAt != nil ||
		y.GetFailureReason() != strings.Repeat("€", 85) || y.GetFailureCode() != "CONNECT_\uFFFDTIMEOUT" {
		t.Errorf("status %v", y)
	}
	slots := e.messages[2].GetReceiveCapability().GetSlots()
	if len(slots) != 2 || slots[0].GetSlotId() != 0 || slots[0].PinnedSenderId != nil || slots[1].GetSlotId() != 65535 ||
		slots[1].GetPinnedSenderId() != 1 || slots[1].GetMediaKind() != signalingv1.MediaKind_MEDIA_KIND_AUDIO {
		t.Errorf("slots %v", slots)
	}
	if m := e.messages[3].GetMuteRequest(); !m.GetAudioMuted() || m.GetVideoMuted() {
		t.Errorf("mute %v", m)
	}
	if m := e.messages[4].GetServerMuteRequest(); m.GetParticipantId() != bobID || !m.GetAudioMuted() || m.GetVideoMuted() {
		t.Errorf("server mute %v", m)
	}
	if m := e.messages[5].GetUnmuteRequest(); !m.GetRequestAudio() || m.GetRequestVideo() || m.GetParticipantId() != "" {
		t.Errorf("unmute request %v", m)
	}
	if m := e.messages[6].GetReceiveCapability(); m == nil || len(m.GetSlots()) != 0 {
		t.Errorf("declaration of nothing: %v", e.messages[6])
	}
}

func TestMessagesOfManyGoroutinesStayWhole(t *testing.T) {
	const each, goroutines = 25, 8
	mc := startMC(t, func(p *peer) {
		p.join()
		for range each * goroutines {
			if m := p.receive(); m.GetMuteRequest() == nil {
				p.t.Errorf("MC got %v", m)
			}
		}
		p.send(directive())
		hold(p)
	})
	s := mc.joinedSession()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for i := range each {
				if err := s.Mute(mc.ctx, i%2 == 0, true); err != nil {
					t.Errorf("error %v", err)
				}
			}
		})
	}
	all.Wait()
	if _, err := s.Wait(mc.ctx, "a directive", func(v View) bool { return v.Directive != nil }); err != nil {
		t.Error(err)
	}
}

func TestHandlersAreReportedOnce(t *testing.T) {
	reports := make(chan int, 1)
	mc := startMC(t, func(p *peer) {
		p.join()
		n := 0
		for {
			m := p.receive()
			if m.GetMuteRequest() != nil {
				break
			}
			n++
		}
		reports <- n
		hold(p)
	})
	s := mc.joinedSession()
	var mistake *RequestError
	if err := s.ReportHandlers(mc.ctx, make([]HandlerStatus, MaxHandlers+1)); !errors.As(err, &mistake) {
		t.Errorf("too many statuses: error %v", err)
	}
	var all sync.WaitGroup
	results := make(chan error, 4)
	for range cap(results) {
		all.Go(func() { results <- s.ReportHandlers(mc.ctx, nil) })
	}
	all.Wait()
	refused := 0
	for range cap(results) {
		if err := <-results; errors.Is(err, ErrReportedTwice) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if err := s.Mute(mc.ctx, true, false); err != nil {
		t.Fatal(err)
	}
	if n := take(mc, reports); n != 1 || refused != cap(results)-1 {
		t.Errorf("%d reports arrived, %d were refused", n, refused)
	}
}

func TestDeclarationsAreJudgedBeforeTheyLeave(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		hold(p)
	})
	s := mc.joinedSession()
	zero := uint16(0)
	for name, slots := range map[string][]Slot{
		"no kind":        {{ID: 1}},
		"twice":          audioSlots(1, 2, 1),
		"pinned to zero": {{ID: 1, Kind: signalingv1.MediaKind_MEDIA_KIND_AUDIO, Pinned: &zero}},
	} {
		var mistake *RequestError
		if err := s.Declare(mc.ctx, slots); !errors.As(err, &mistake) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	var mistake *RequestError
	if err := s.ServerMute(mc.ctx, "", true, false); !errors.As(err, &mistake) {
		t.Errorf("nobody is muted: error %v", err)
	}
}

func TestADeclarationIsConfirmedByDirectiveAndAssignments(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		p.receive()
		p.send(directive(), assignments(vacant(0), vacant(1)))
		p.receive() // the same again, which MC does not answer
		p.receive()
		p.send(assignments(vacant(2)))
		hold(p)
	})
	s := mc.joinedSession()
	for _, slots := range [][]Slot{audioSlots(0, 1), audioSlots(0, 1), audioSlots(2)} {
		if v, err := s.DeclareAndConfirm(mc.ctx, slots); err != nil || len(v.Slots) != len(slots) {
			t.Errorf("view %v, error %v", v, err)
		}
	}
}

func TestARefusedDeclarationFailsAtOnceAndTheSessionGoesOn(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		p.receive()
		p.send(
			serverError(signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN, "Server mute request refused"),
			serverError(signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST, "receive capability rejected: too many slots"),
		)
		p.receive()
		p.send(directive(urlX), assignments(active(0, 1)))
		hold(p)
	})
	s := mc.joinedSession()
	_, err := s.DeclareAndConfirm(mc.ctx, audioSlots(0, 1, 2, 3, 4, 5, 6, 7, 8))
	var refusal *ServerError
	if !errors.As(err, &refusal) || !refusal.OfDeclaration() || refusal.Phase != PhaseSession {
		t.Fatalf("error %v", err)
	}
	v, err := s.DeclareAndConfirm(mc.ctx, audioSlots(0))
	if err != nil || v.RefusalCount != 2 || s.Err() != nil {
		t.Errorf("view %v, error %v, session %v", v, err, s.Err())
	}
}

func TestADeclarationNobodyAnswersTimesOut(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		p.receive()
		p.send(assignments(vacant(0))) // the directive was dropped on the way
		hold(p)
	})
	s := mc.joinedSession()
	s.cfg.ReplyTimeout = 200 * time.Millisecond
	_, err := s.DeclareAndConfirm(mc.ctx, audioSlots(0))
	var late *TimeoutError
	if !errors.As(err, &late) || late.Phase != PhaseSession || !strings.Contains(err.Error(), "no send directive") {
		t.Errorf("error %v", err)
	}
	if s.Err() != nil {
		t.Errorf("the session ended with %v", s.Err())
	}
}

func TestARequestWithADeadContextIsNotSent(t *testing.T) {
	mc := startMC(t, func(p *peer) {
		p.join()
		if m := p.receive(); m.GetUnmuteRequest() == nil {
			p.t.Errorf("MC got %v", m)
		}
		p.send(directive())
		hold(p)
	})
	s := mc.joinedSession()
	enough := errors.New("the run was shut down")
	ctx, cancel := context.WithCancelCause(mc.ctx)
	cancel(enough)
	if err := s.Mute(ctx, true, false); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
	if err := s.RequestUnmute(mc.ctx, true, false); err != nil {
		t.Error(err)
	}
	if _, err := s.Wait(mc.ctx, "a directive", func(v View) bool { return v.Directive != nil }); err != nil {
		t.Error(err)
	}
}

func TestRequestsThatMayNotBeSentNeverLeave(t *testing.T) {
	mc := startMC(t, hold)
	s := mc.connect()
	for name, edit := range map[string]func(*JoinRequest){
		"no meeting":      func(r *JoinRequest) { r.MeetingID = "" },
		"no token":        func(r *JoinRequest) { r.Token = "" },
		"endless token":   func(r *JoinRequest) { r.Token = strings.Repeat("t", maxToken+1) },
		"endless name":    func(r *JoinRequest) { r.Name = strings.Repeat("n", maxText+1) },
		"no identity key": func(r *JoinRequest) { r.IdentityKey = nil },
		"half a key":      func(r *JoinRequest) { r.IdentityKey = r.IdentityKey[:16] },
	} {
		r := request()
		edit(&r)
		var mistake *RequestError
		if _, err := s.Join(mc.ctx, r); !errors.As(err, &mistake) || mistake.Request != "join_request" {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"report":         s.ReportHandlers(mc.ctx, nil),
		"declare":        s.Declare(mc.ctx, audioSlots(0)),
		"mute":           s.Mute(mc.ctx, true, false),
		"server mute":    s.ServerMute(mc.ctx, bobID, true, false),
		"request unmute": s.RequestUnmute(mc.ctx, true, false),
	} {
		if !errors.Is(err, ErrNotJoined) {
			t.Errorf("%s before the join: error %v", name, err)
		}
	}
	if s.Err() != nil {
		t.Errorf("the session ended with %v", s.Err())
	}
}

func TestATraceStateThatMCWouldNotTakeIsLeftOut(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=" + strings.Repeat("x", 200))
	if err != nil {
		t.Fatal(err)
	}
	span := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceState: state}
	parent, got := traceContext(trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(span)))
	if len(parent) != maxTraceParent || got != state.String() {
		t.Errorf("%q, %q", parent, got)
	}
	for _, key := range []string{"second", "third"} {
		if span.TraceState, err = span.TraceState.Insert(key, strings.Repeat("x", 200)); err != nil {
			t.Fatal(err)
		}
	}
	parent, got = traceContext(trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(span)))
	if len(parent) != maxTraceParent || got != "" {
		t.Errorf("%q, %q", parent, got)
	}
}
