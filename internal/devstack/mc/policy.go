package mc

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// handlerClient is what the controller asks of a media handler.
type handlerClient interface {
	RegisterMeeting(ctx context.Context, r *internalv1.RegisterMeetingRequest) (*internalv1.RegisterMeetingResponse, error)
	EndMeeting(ctx context.Context, r *internalv1.EndMeetingRequest) (*internalv1.EndMeetingResponse, error)
}

// handler is one media handler of a meeting and the forwarding snapshot it is to
// apply. The meeting's lock protects the fields below wake.
type handler struct {
	id, url string
	client  handlerClient
	wake    chan struct{} // one token: want has changed

	want    *internalv1.RegisterMeetingRequest // never changed once it is here
	because context.Context                    // span of what changed it last
	applied bool                               // the handler forwards by want
}

// snapshotLocked works out each handler's snapshot. Its generation grows only
// when it changes (platform contract, MC A.3).
func (m *meeting) snapshotLocked(ctx context.Context) {
	var muted []*internalv1.MutedSource
	for _, p := range m.roster {
		if p.server.audio {
			muted = append(muted, &internalv1.MutedSource{SenderId: p.senderID})
		}
	}
	for _, h := range m.handlers {
		next := &internalv1.RegisterMeetingRequest{
			MeetingId:          m.id,
			McId:               m.opts.ControllerID,
			McGrpcEndpoint:     m.opts.GRPCEndpoint,
			EgressStreams:      m.egressLocked(h),
			SelectionRules:     &internalv1.SelectionRules{},
			ServerMutedSources: muted,
			PolicyGeneration:   h.want.GetPolicyGeneration(),
		}
		if h.want != nil && proto.Equal(h.want, next) {
			continue
		}
		next.PolicyGeneration++
		h.want, h.because, h.applied = next, cause(ctx), false
		signal(h.wake)
	}
}

// egressLocked are the edges that h carries, by id.
func (m *meeting) egressLocked(h *handler) []*internalv1.EgressStream {
	var out []*internalv1.EgressStream
	m.edgesLocked(func(p *participant, e *edge) {
		if e.handler != h {
			return
		}
		out = append(out, &internalv1.EgressStream{
			EgressStreamId:   e.egressID,
			Subscriber:       &internalv1.SubscriberSlot{SenderId: p.senderID, SlotId: e.slotID},
			CandidateSources: []*internalv1.CandidateSource{{SenderId: e.sender.senderID, StreamNumber: audioStream}},
			PriorityGroup:    1,
			TransportMode:    signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM,
		})
	})
	slices.SortFunc(out, func(a, b *internalv1.EgressStream) int {
		return int(int64(a.EgressStreamId) - int64(b.EgressStreamId))
	})
	return out
}

// program keeps h's snapshot installed: at once when it changes, and again every
// so often, until the meeting is over. A call under way is not cut short, so
// that none can arrive after the meeting's end.
func (m *meeting) program(h *handler) {
	resend := time.NewTimer(m.opts.Times.PolicyResend)
	defer resend.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-h.wake:
		case <-resend.C:
		}
		m.mu.Lock()
		want, ctx := h.want, h.because
		if h.applied { // sent again by the clock, which is of no client's trace
			ctx = context.Background()
		}
		m.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, m.opts.Times.MHTimeout)
		got, err := h.client.RegisterMeeting(ctx, want)
		cancel()
		if err != nil {
			m.opts.Log.Warn("forwarding snapshot not installed", "meeting_id", m.id, "handler", h.id, "generation", want.PolicyGeneration, "error", err.Error())
		} else {
			m.installed(h, want, got)
		}
		resend.Reset(m.opts.Times.PolicyResend)
	}
}

// installed records a handler's answer and sends the views that waited for it.
func (m *meeting) installed(h *handler, want *internalv1.RegisterMeetingRequest, got *internalv1.RegisterMeetingResponse) {
	outcome := classify(h, want, got)
	m.mu.Lock()
	defer m.mu.Unlock()
	if outcome != "match" {
		m.opts.Log.Warn("forwarding snapshot answered otherwise", "meeting_id", m.id, "handler", h.id,
			"outcome", outcome, "generation", want.PolicyGeneration, "applied", got.AppliedGeneration)
		return
	}
	if h.want == want && !m.over {
		h.applied = true
		m.emitLocked(h.because)
	}
}

// classify names what an answer says, in the platform's words (platform
// contract, MC A.3).
func classify(h *handler, want *internalv1.RegisterMeetingRequest, got *internalv1.RegisterMeetingResponse) string {
	switch {
	case got.HandlerId != h.id:
		return "handler_id_mismatch"
	case got.AppliedGeneration == 0:
		return "no_applied_generation"
	case got.AppliedGeneration != want.PolicyGeneration:
		return "generation_mismatch"
	case len(want.EgressStreams) > 0 && got.TransportMode != signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM:
		return "transport_mode_mismatch"
	default:
		return "match"
	}
}
