package signaling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// A Message is one message of a session as Config.OnMessage is told of it: what
// kind it is and what can be counted in it. It holds no id, name, token, key,
// address or text of MC's.
type Message struct {
	At    time.Time // just before it was sent, or when it had been read
	Sent  bool      // by this client; otherwise by MC
	Kind  string    // its proto name, such as "JoinRequest"; else "Unknown", "Empty" or "Unreadable"
	Bytes int       // of its body
	Note  string    // may be empty
}

// kindUnreadable is the kind of what is no message at all.
const kindUnreadable = "Unreadable"

// kindOf is the proto name of what an envelope carries.
func kindOf(envelope proto.Message) string {
	m := envelope.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("message"))
	switch {
	case field != nil:
		return string(field.Message().Name())
	case len(m.GetUnknown()) > 0:
		return "Unknown"
	}
	return "Empty"
}

// noteSent says what can be counted in a message to MC.
func noteSent(m *signalingv1.ClientMessage) string {
	switch x := m.GetMessage().(type) {
	case *signalingv1.ClientMessage_JoinRequest:
		if x.JoinRequest.GetCorrelationId() != "" || x.JoinRequest.GetBindingToken() != "" {
			return "to resume"
		}
	case *signalingv1.ClientMessage_MediaConnectionUpdate:
		return byName(x.MediaConnectionUpdate.GetStatuses(), "handler", "CONNECTION_STATE_", (*signalingv1.MhConnectionStatus).GetState)
	case *signalingv1.ClientMessage_ReceiveCapability:
		return byName(x.ReceiveCapability.GetSlots(), "slot", "MEDIA_KIND_", (*signalingv1.ReceiveSlot).GetMediaKind)
	case *signalingv1.ClientMessage_MuteRequest:
		return muted(x.MuteRequest.GetAudioMuted(), x.MuteRequest.GetVideoMuted())
	case *signalingv1.ClientMessage_ServerMuteRequest:
		return "somebody else: " + muted(x.ServerMuteRequest.GetAudioMuted(), x.ServerMuteRequest.GetVideoMuted())
	}
	return ""
}

// noteReceived says what can be counted in a message from MC. self is the
// participant id of this client.
func noteReceived(m *signalingv1.ServerMessage, self string) string {
	switch x := m.GetMessage().(type) {
	case *signalingv1.ServerMessage_JoinResponse:
		r := x.JoinResponse
		return fmt.Sprintf("%s, %s, key generation %d", count(len(r.GetExistingParticipants()), "participant"), count(len(r.GetMediaServers()), "handler"), r.GetKekGeneration())
	case *signalingv1.ServerMessage_ParticipantLeft:
		return enumName("LEAVE_REASON_", x.ParticipantLeft.GetReason())
	case *signalingv1.ServerMessage_Error:
		return enumName("ERROR_CODE_", x.Error.GetCode())
	case *signalingv1.ServerMessage_ParticipantMuteUpdate:
		u := x.ParticipantMuteUpdate
		who := "somebody else"
		if u.GetParticipantId() == self && self != "" {
			who = "this participant"
		}
		return fmt.Sprintf("%s: by the host %s, by choice %s", who,
			muted(u.GetAudioServerMuted(), u.GetVideoServerMuted()), muted(u.GetAudioSelfMuted(), u.GetVideoSelfMuted()))
	case *signalingv1.ServerMessage_SendDirective:
		targets := 0
		for _, s := range x.SendDirective.GetStreams() {
			targets += len(s.GetTargets())
		}
		return fmt.Sprintf("%s, %s", count(len(x.SendDirective.GetStreams()), "stream"), count(targets, "target"))
	case *signalingv1.ServerMessage_StreamAssignments:
		a := x.StreamAssignments
		note := byName(a.GetAssignments(), "slot", "SLOT_STATE_", (*signalingv1.StreamAssignment).GetSlotState)
		if n := len(a.GetUnreachableSenderIds()); n > 0 {
			note += fmt.Sprintf(", %d unreachable", n)
		}
		return note
	case *signalingv1.ServerMessage_MeetingKekUpdate:
		return fmt.Sprintf("key generation %d", x.MeetingKekUpdate.GetKekGeneration())
	}
	return ""
}

func muted(audio, video bool) string {
	switch {
	case audio && video:
		return "audio and video muted"
	case audio:
		return "audio muted"
	case video:
		return "video muted"
	}
	return "nothing muted"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// byName counts entries, and how many there are of each state.
func byName[E any, N protoreflect.Enum](entries []E, what, prefix string, name func(E) N) string {
	counts := make(map[string]int)
	for _, e := range entries {
		counts[enumName(prefix, name(e))]++
	}
	var names []string
	for n := range counts {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	for i, n := range names {
		names[i] = fmt.Sprintf("%d %s", counts[n], n)
	}
	if len(names) == 0 {
		return count(0, what)
	}
	return count(len(entries), what) + ": " + strings.Join(names, ", ")
}

// enumName is one of the names that the proto has, whatever MC sent.
func enumName(prefix string, e protoreflect.Enum) string {
	if v := e.Descriptor().Values().ByNumber(e.Number()); v != nil {
		return strings.TrimPrefix(string(v.Name()), prefix)
	}
	return "unknown"
}
