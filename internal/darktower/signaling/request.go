package signaling

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/darktower/tracecontext"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// A HandlerStatus tells MC how connecting to one media handler went.
type HandlerStatus struct {
	// URL is the handler's address exactly as MC offered it.
	URL       string
	Connected bool
	// Reason and Code say why not; each is cut to 256 bytes.
	Reason, Code string
	// At is when it was known; it is left out when zero.
	At time.Time
}

// A Slot is one stream this client wants to receive.
type Slot struct {
	// ID is any number, zero too, that is unique within a declaration.
	ID uint16
	// Kind must not be unspecified.
	Kind signalingv1.MediaKind
	// Pinned is a sender id to put into the slot, or nil. MC checks it and does
	// not use it (platform contract, MC A.2).
	Pinned *uint16
}

// ReportHandlers tells MC, once in a session, how connecting to the offered
// handlers went: one status for each, in the order they were offered, after all
// of them are known. MC records it and does not answer.
func (s *Session) ReportHandlers(ctx context.Context, statuses []HandlerStatus) error {
	if len(statuses) > MaxHandlers {
		return &RequestError{"media_connection_update", fmt.Sprintf("%d statuses, more than %d", len(statuses), MaxHandlers)}
	}
	if err := s.ready(); err != nil {
		return err
	}
	s.mu.Lock()
	again := s.reported
	s.reported = true
	s.mu.Unlock()
	if again {
		return ErrReportedTwice
	}
	update := &signalingv1.MediaConnectionUpdate{}
	for _, h := range statuses {
		status := &signalingv1.MhConnectionStatus{
			MhUrl: cut(h.URL, maxText),
			State: signalingv1.ConnectionState_CONNECTION_STATE_CONNECTED,
		}
		if !h.At.IsZero() {
			status.ObservedAt = timestamppb.New(h.At)
		}
		if !h.Connected {
			status.State = signalingv1.ConnectionState_CONNECTION_STATE_FAILED
			status.FailureReason = proto.String(cut(h.Reason, maxText))
			status.FailureCode = proto.String(cut(h.Code, maxText))
		}
		update.Statuses = append(update.Statuses, status)
	}
	return s.send(ctx, "media_connection_update", &signalingv1.ClientMessage{
		Message: &signalingv1.ClientMessage_MediaConnectionUpdate{MediaConnectionUpdate: update},
	})
}

// Declare tells MC all the slots this client wants to receive; it replaces the
// declaration before. Without one MC says nothing of media for ever. MC does not
// acknowledge: see DeclareAndConfirm.
func (s *Session) Declare(ctx context.Context, slots []Slot) error {
	capability := &signalingv1.ReceiveCapability{}
	seen := make(map[uint16]bool, len(slots))
	for _, slot := range slots {
		detail := ""
		switch {
		case slot.Kind == signalingv1.MediaKind_MEDIA_KIND_UNSPECIFIED:
			detail = "has no media kind"
		case slot.Pinned != nil && *slot.Pinned == 0:
			detail = "is pinned to sender 0"
		case seen[slot.ID]:
			detail = "is declared twice"
		}
		if detail != "" {
			return &RequestError{"receive_capability", fmt.Sprintf("slot %d %s", slot.ID, detail)}
		}
		seen[slot.ID] = true
		wire := &signalingv1.ReceiveSlot{SlotId: uint32(slot.ID), MediaKind: slot.Kind}
		if slot.Pinned != nil {
			wire.PinnedSenderId = proto.Uint32(uint32(*slot.Pinned))
		}
		capability.Slots = append(capability.Slots, wire)
	}
	return s.request(ctx, "receive_capability", &signalingv1.ClientMessage{
		Message: &signalingv1.ClientMessage_ReceiveCapability{ReceiveCapability: capability},
	})
}

// DeclareAndConfirm declares and waits until MC has answered with a directive
// and with assignments for exactly these slots. A refusal is a *ServerError, at
// once; no answer within Config.ReplyTimeout is a *TimeoutError. Refusals name no
// declaration: only one should be under way at a time.
//
// MC answers a declaration that is the same as the one before with nothing, and
// one that differs only in Pinned perhaps with nothing: the view then confirms
// it already.
func (s *Session) DeclareAndConfirm(ctx context.Context, slots []Slot) (View, error) {
	before := s.View().RefusalCount
	if err := s.Declare(ctx, slots); err != nil {
		return s.View(), err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReplyTimeout)
	defer cancel()
	view, err := s.board.wait(ctx, PhaseSession, declared(slots, before))
	return view, bare(err)
}

// declared expects MC's answer to a declaration of slots, made when refusals had
// been counted before.
func declared(slots []Slot, before uint64) Expectation {
	return Expectation{fmt.Sprintf("MC to act on the declaration of %d slots", len(slots)), func(v View) (string, error) {
		fresh := min(v.RefusalCount-before, uint64(len(v.Refusals)))
		for _, refusal := range v.Refusals[uint64(len(v.Refusals))-fresh:] {
			if refusal.OfDeclaration() {
				return "", refusal
			}
		}
		matches := v.SlotsKnown && v.Directive != nil && len(v.Slots) == len(slots)
		for i := 0; matches && i < len(slots); i++ {
			matches = v.Slots[i].SlotID == slots[i].ID && v.Slots[i].Kind == slots[i].Kind
		}
		if matches {
			return "", nil
		}
		return v.String(), nil
	}}
}

// Mute tells MC that this client has muted itself, or no longer. It is the whole
// state, not a change, and informs the others only; MC does not answer.
func (s *Session) Mute(ctx context.Context, audio, video bool) error {
	return s.request(ctx, "mute_request", &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_MuteRequest{
		MuteRequest: &signalingv1.MuteRequest{AudioMuted: audio, VideoMuted: video},
	}})
}

// ServerMute asks MC, as host, to mute somebody or to stop doing so: the whole
// state. MC answers with a mute update to everybody, or with a refusal (FORBIDDEN)
// in View.Refusals (platform contract, MC D.8).
func (s *Session) ServerMute(ctx context.Context, participantID string, audio, video bool) error {
	if !validID(participantID) {
		return &RequestError{"server_mute_request", fmt.Sprintf("a participant id of %d bytes", len(participantID))}
	}
	return s.request(ctx, "server_mute_request", &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_ServerMuteRequest{
		ServerMuteRequest: &signalingv1.ServerMuteRequest{ParticipantId: participantID, AudioMuted: audio, VideoMuted: video},
	}})
}

// RequestUnmute asks the host to end a server mute. MC does not answer.
func (s *Session) RequestUnmute(ctx context.Context, audio, video bool) error {
	return s.request(ctx, "unmute_request", &signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_UnmuteRequest{
		UnmuteRequest: &signalingv1.UnmuteRequest{RequestAudio: audio, RequestVideo: video},
	}})
}

// ready returns nil while requests can be made.
func (s *Session) ready() error {
	if err := s.board.ended(); err != nil {
		return err
	}
	if !s.View().Joined {
		return ErrNotJoined
	}
	return nil
}

// request sends one message of a joined session.
func (s *Session) request(ctx context.Context, name string, m *signalingv1.ClientMessage) error {
	if err := s.ready(); err != nil {
		return err
	}
	return s.send(ctx, name, m)
}

// send puts the trace of ctx on m and sends it in one write. A write that has
// begun and fails ends the session: MC may hold half a frame.
func (s *Session) send(ctx context.Context, name string, m *signalingv1.ClientMessage) error {
	m.TraceParent, m.TraceState = traceContext(ctx)
	body, err := proto.Marshal(m)
	if err != nil {
		return &RequestError{Request: name, Detail: err.Error()}
	}
	if len(body) > framing.MaxLen {
		return &RequestError{Request: name, Detail: fmt.Sprintf("%d bytes, more than %d", len(body), framing.MaxLen)}
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	late := func() error {
		if errors.Is(ctx.Err(), context.Canceled) {
			return fmt.Errorf("sending %s to MC: %w", name, context.Cause(ctx))
		}
		return &TimeoutError{Phase: s.phase(), Waiting: "MC to take the " + name, After: time.Since(start), Err: context.DeadlineExceeded}
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-s.done:
		return unmet(s.Err(), "sending the "+name)
	case <-ctx.Done():
		return late()
	}
	if ctx.Err() != nil {
		return late()
	}
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()

	if err := stream.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("sending %s to MC: %w", name, err)
	}
	overdue := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(overdue)
		_ = stream.SetWriteDeadline(time.Unix(1, 0)) // the write then says so
	})
	at := time.Now()
	err = framing.Write(stream, body)
	if !stop() {
		<-overdue
	}
	if err == nil {
		s.cfg.OnMessage(Message{At: at, Sent: true, Kind: kindOf(m), Bytes: len(body), Note: noteSent(m)})
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = late()
		s.fail(err)
		return err
	}
	err = &ClosedError{Phase: s.phase(), Missing: "sending the " + name, Err: err}
	if s.View().Joined {
		s.fail(err)
	}
	return err
}

// traceContext returns the trace context of ctx as MC accepts it: beyond its bounds MC
// would ignore all of it (platform contract, MC F).
func traceContext(ctx context.Context) (parent, state string) {
	parent, state = tracecontext.Inject(ctx)
	if len(parent) > maxTraceParent {
		return "", ""
	}
	if len(state) > maxTraceState || strings.Count(state, ",") >= maxTraceMembers {
		state = ""
	}
	return parent, state
}
