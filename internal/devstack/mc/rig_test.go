package mc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeHandler applies every snapshot, after hold when that is set.
type fakeHandler struct {
	id string

	mu       sync.Mutex // protects all following fields
	hold     chan struct{}
	fail     bool
	requests []*internalv1.RegisterMeetingRequest
	traced   []bool // whether each request was part of a trace
	ended    int
}

func (h *fakeHandler) RegisterMeeting(ctx context.Context, r *internalv1.RegisterMeetingRequest) (*internalv1.RegisterMeetingResponse, error) {
	h.mu.Lock()
	hold, fail := h.hold, h.fail
	h.requests = append(h.requests, r)
	h.traced = append(h.traced, trace.SpanContextFromContext(ctx).IsValid())
	h.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fail {
		return nil, fmt.Errorf("out of order")
	}
	mode := signalingv1.TransportMode_TRANSPORT_MODE_UNSPECIFIED
	if len(r.EgressStreams) > 0 {
		mode = signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM
	}
	return &internalv1.RegisterMeetingResponse{Accepted: true, AppliedGeneration: r.PolicyGeneration, HandlerId: h.id, TransportMode: mode}, nil
}

func (h *fakeHandler) EndMeeting(context.Context, *internalv1.EndMeetingRequest) (*internalv1.EndMeetingResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended++
	return &internalv1.EndMeetingResponse{Acknowledged: true}, nil
}

func (h *fakeHandler) set(hold chan struct{}, fail bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hold, h.fail = hold, fail
}

// last returns the newest snapshot, after everything has come to rest.
func (h *fakeHandler) last() *internalv1.RegisterMeetingRequest {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests[len(h.requests)-1]
}

func (h *fakeHandler) count() int {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

// rig is one meeting with two handlers, "mh-0" and "mh-1", in fake time.
type rig struct {
	t    *testing.T
	m    *meeting
	opts *options
	mh   [2]*fakeHandler
	over chan *meeting
}

// inMeeting runs f on a fresh meeting inside a bubble of fake time.
func inMeeting(t *testing.T, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.m.close()
		f(r)
	})
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, over: make(chan *meeting, 1), mh: [2]*fakeHandler{{id: "mh-0"}, {id: "mh-1"}}}
	r.opts = &options{
		ControllerID: "mc-test", GRPCEndpoint: "http://127.0.0.1:1",
		Times: Times{}.withDefaults(), MaxSlots: defaultMaxSlots, MaxDeclarations: defaultMaxDeclarations,
		Faults: new(fault.Panel), Trace: newTracing(nil), Log: slog.New(slog.DiscardHandler), Master: []byte("master"),
		Handler: func(endpoint string) (handlerClient, error) { return r.mh[endpoint[0]-'0'], nil },
		Over:    func(m *meeting) { r.over <- m },
	}
	m, err := newMeeting("meeting", r.opts, twoHandlers())
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	return r
}

func twoHandlers() []assignment {
	return []assignment{{id: "mh-1", url: "https://mh-1", grpc: "1"}, {id: "mh-0", url: "https://mh-0", grpc: "0"}}
}

// person is one participant with a connection.
type person struct {
	r        *rig
	p        *participant
	c        *client
	response *signalingv1.JoinResponse
	conns    int
}

func (r *rig) join(user string, change ...func(*joinRequest)) *person {
	r.t.Helper()
	w, err := r.tryJoin(user, change...)
	if err != nil {
		r.t.Fatalf("%s joins: %v", user, err)
	}
	return w
}

func (r *rig) tryJoin(user string, change ...func(*joinRequest)) (*person, error) {
	req := joinRequest{user: user, name: user, key: []byte(fmt.Sprintf("%-32.32s", user))}
	for _, f := range change {
		f(&req)
	}
	ctx, drop := context.WithCancel(trace.ContextWithSpanContext(context.Background(),
		trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})))
	c := newClient(user, newOutbox(defaultOutbound, r.opts.Trace, ctx, r.opts.Faults, user), drop)
	c.replaced = ctx.Done()
	p, response, err := r.m.join(ctx, req, c)
	return &person{r: r, p: p, c: c, response: response}, err
}

func asHost(r *joinRequest) { r.host = true }

// resuming presents what w was given.
func resuming(w *person) func(*joinRequest) {
	return func(r *joinRequest) {
		r.correlationID, r.bindingToken = w.response.CorrelationId, w.response.BindingToken
	}
}

// enters joins, connects to both handlers and declares n audio slots.
func (r *rig) enters(user string, n int, change ...func(*joinRequest)) *person {
	w := r.join(user, change...)
	w.connect("mh-0", "mh-1")
	w.declare(audioSlots(n)...)
	return w
}

func (w *person) connect(handlers ...string) (sender uint32) {
	for _, h := range handlers {
		w.conns++
		sender = w.r.m.mediaConnected(context.Background(), w.p.user, h, fmt.Sprint(w.p.id, w.conns))
	}
	return sender
}

// disconnect ends the nth connection, counted from 1.
func (w *person) disconnect(handler string, n int) {
	w.r.m.mediaDisconnected(context.Background(), handler, fmt.Sprint(w.p.id, n))
}

func (w *person) declare(slots ...*signalingv1.ReceiveSlot) {
	w.r.m.declare(context.Background(), w.p, w.c, &signalingv1.ReceiveCapability{Slots: slots})
}

func (w *person) leave(voluntary bool) { w.r.m.leave(context.Background(), w.p, w.c, voluntary) }

func (w *person) sender() uint32 { return w.response.GetSenderId() }

func audioSlots(n int) []*signalingv1.ReceiveSlot {
	var out []*signalingv1.ReceiveSlot
	for i := range n {
		out = append(out, audioSlot(uint32(i+1)))
	}
	return out
}

func audioSlot(id uint32) *signalingv1.ReceiveSlot {
	return &signalingv1.ReceiveSlot{SlotId: id, MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO}
}

// hears returns all that is queued, once everything has come to rest.
func (w *person) hears() []*signalingv1.ServerMessage {
	synctest.Wait()
	var out []*signalingv1.ServerMessage
	for {
		select {
		case m := <-w.c.out.queue:
			out = append(out, m)
		default:
			return out
		}
	}
}

// view is the last directive and assignments among what is queued; nil where
// there was none.
func (w *person) view() (d *signalingv1.SendDirective, a *signalingv1.StreamAssignments) {
	for _, m := range w.hears() {
		if v := m.GetSendDirective(); v != nil {
			d = v
		}
		if v := m.GetStreamAssignments(); v != nil {
			a = v
		}
	}
	return d, a
}

// wants fails unless exactly these messages are queued, each given in words.
func (w *person) wants(what string, want ...string) {
	w.r.t.Helper()
	got := []string{}
	for _, m := range w.hears() {
		got = append(got, words(m))
	}
	if fmt.Sprint(got) != fmt.Sprint(append([]string{}, want...)) {
		w.r.t.Errorf("%s: %s hears %q, want %q", what, w.p.user, got, want)
	}
}

// words puts a message into short words.
func words(m *signalingv1.ServerMessage) string {
	switch v := m.Message.(type) {
	case *signalingv1.ServerMessage_ParticipantJoined:
		return fmt.Sprintf("joined %d", v.ParticipantJoined.Participant.GetSenderId())
	case *signalingv1.ServerMessage_ParticipantLeft:
		return "left " + v.ParticipantLeft.Reason.String()[len("LEAVE_REASON_"):]
	case *signalingv1.ServerMessage_ParticipantMuteUpdate:
		u := v.ParticipantMuteUpdate
		return fmt.Sprintf("mute audio=%t video=%t by=%t", u.AudioServerMuted, u.VideoServerMuted, u.ServerMutedBy != "")
	case *signalingv1.ServerMessage_UnmuteRequest:
		return fmt.Sprintf("unmute? audio=%t video=%t", v.UnmuteRequest.RequestAudio, v.UnmuteRequest.RequestVideo)
	case *signalingv1.ServerMessage_SendDirective:
		return "directive " + targets(v.SendDirective)
	case *signalingv1.ServerMessage_StreamAssignments:
		return "slots " + slotWords(v.StreamAssignments)
	case *signalingv1.ServerMessage_MeetingKekUpdate:
		return fmt.Sprintf("key %d", v.MeetingKekUpdate.KekGeneration)
	case *signalingv1.ServerMessage_Error:
		return v.Error.Code.String()[len("ERROR_CODE_"):] + ": " + v.Error.Message
	default:
		return fmt.Sprint(m)
	}
}

// targets gives a directive's handlers.
func targets(d *signalingv1.SendDirective) string {
	out := []string{}
	for _, s := range d.GetStreams() {
		for _, t := range s.Targets {
			out = append(out, t.MediaHandlerUrl[len("https://"):])
		}
	}
	return fmt.Sprint(out)
}

// slotWords gives one word per slot: "-", or the sender, with an m when muted;
// then the unreachable senders.
func slotWords(a *signalingv1.StreamAssignments) string {
	out := ""
	for _, s := range a.GetAssignments() {
		word := "-"
		if s.SenderId != nil {
			word = fmt.Sprint(*s.SenderId)
		}
		switch s.SlotState {
		case signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED:
			word += "m"
		case signalingv1.SlotState_SLOT_STATE_ACTIVE:
		case signalingv1.SlotState_SLOT_STATE_FEWER_SOURCES_THAN_SLOTS:
			if s.SenderId != nil || s.MediaHandlerUrl != "" {
				word += "!"
			}
		default:
			word += "?"
		}
		out += word + " "
	}
	if len(a.GetUnreachableSenderIds()) > 0 {
		out += fmt.Sprint("unreachable ", a.UnreachableSenderIds, " ")
	}
	if out == "" {
		return ""
	}
	return out[:len(out)-1]
}

// slotsAre fails unless the assignments last sent to w read as want.
func (w *person) slotsAre(when, want string) {
	w.r.t.Helper()
	w.hears()
	w.r.m.mu.Lock()
	got := slotWords(proto.CloneOf(w.c.assignments))
	w.r.m.mu.Unlock()
	if got != want {
		w.r.t.Errorf("%s: slots of %s are %q, want %q", when, w.p.user, got, want)
	}
}

func (w *person) targetsAre(when, want string) {
	w.r.t.Helper()
	w.hears()
	w.r.m.mu.Lock()
	got := targets(w.c.directive)
	w.r.m.mu.Unlock()
	if got != want {
		w.r.t.Errorf("%s: %s sends to %s, want %s", when, w.p.user, got, want)
	}
}

func sleep(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}
