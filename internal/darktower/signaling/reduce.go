package signaling

import (
	"maps"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// apply returns the view after one message that was read at the given time. It
// leaves v alone. An error ends the session: a *ServerError while joining, or a
// *ProtocolError.
//
// Nothing else is an error: MC drops messages when its queue is full (platform
// contract, MC B.8), so a view must make sense of what it gets.
func apply(v View, m *signalingv1.ServerMessage, at time.Time) (View, error) {
	v.Messages++
	v.At = at

	if e, ok := m.GetMessage().(*signalingv1.ServerMessage_Error); ok {
		return applyError(v, e.Error, m.GetTraceParent(), at)
	}
	if !v.Joined {
		if _, ok := m.GetMessage().(*signalingv1.ServerMessage_JoinResponse); ok {
			return applyJoin(v, m)
		}
		return unhandled(v, variant(m)+"_before_join"), nil
	}

	switch x := m.GetMessage().(type) {
	case *signalingv1.ServerMessage_ParticipantJoined:
		return applyJoined(v, x.ParticipantJoined.GetParticipant()), nil
	case *signalingv1.ServerMessage_ParticipantLeft:
		return applyLeft(v, x.ParticipantLeft, at), nil
	case *signalingv1.ServerMessage_ParticipantMuteUpdate:
		return applyMute(v, x.ParticipantMuteUpdate), nil
	case *signalingv1.ServerMessage_UnmuteRequest:
		return applyUnmuteRequest(v, x.UnmuteRequest, at), nil
	case *signalingv1.ServerMessage_RedirectToMc:
		r := x.RedirectToMc
		v.Redirect = &Redirect{Endpoint: plain(r.GetNewMcEndpoint()), MeetingID: plain(r.GetMeetingId()), Reason: plain(r.GetReason())}
		return v, nil
	case *signalingv1.ServerMessage_SendDirective:
		return applyDirective(v, x.SendDirective, at), nil
	case *signalingv1.ServerMessage_StreamAssignments:
		return applyAssignments(v, x.StreamAssignments, at), nil
	case *signalingv1.ServerMessage_MeetingKekUpdate:
		return applyKEK(v, x.MeetingKekUpdate), nil
	}
	// A second JoinResponse, what MC never sends (StreamPublished,
	// StreamQualityUpdate, UnmuteResponse), and what this proto does not know.
	return unhandled(v, variant(m)), nil
}

// variant is the fixed name of a message, for counting.
func variant(m *signalingv1.ServerMessage) string {
	field := m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().ByName("message"))
	switch {
	case field != nil:
		return string(field.Name())
	case len(m.ProtoReflect().GetUnknown()) > 0:
		return "unknown"
	default:
		return "empty"
	}
}

func applyError(v View, e *signalingv1.ErrorMessage, traceParent string, at time.Time) (View, error) {
	refusal := &ServerError{Code: e.GetCode(), Message: plain(e.GetMessage()), Phase: PhaseSession, At: at}
	if validTraceParent(traceParent) {
		refusal.TraceParent = traceParent
	}
	if !v.Joined {
		refusal.Phase = PhaseJoin
		return v, refusal
	}
	v.Refusals = keep(v.Refusals, refusal)
	v.RefusalCount++
	return v, nil
}

func applyUnmuteRequest(v View, u *signalingv1.UnmuteRequest, at time.Time) View {
	if !validID(u.GetParticipantId()) {
		return invalid(v, "unmute_request_participant_id")
	}
	v.UnmuteRequests = keep(v.UnmuteRequests, UnmuteRequest{
		ParticipantID: u.GetParticipantId(), Audio: u.GetRequestAudio(), Video: u.GetRequestVideo(), At: at,
	})
	v.UnmuteRequestCount++
	return v
}

// keep returns list with one more entry and without the oldest when that is one
// too many; list itself stays as it is.
func keep[T any](list []T, entry T) []T {
	if len(list) >= MaxKept {
		list = list[len(list)-MaxKept+1:]
	}
	return append(list[:len(list):len(list)], entry)
}

func unhandled(v View, name string) View {
	v.Unhandled = counted(v.Unhandled, name)
	return v
}

func invalid(v View, name string) View {
	v.Invalid = counted(v.Invalid, name)
	return v
}

func counted(counts map[string]uint64, name string) map[string]uint64 {
	counts = maps.Clone(counts)
	if counts == nil {
		counts = make(map[string]uint64, 1)
	}
	counts[name]++
	return counts
}
