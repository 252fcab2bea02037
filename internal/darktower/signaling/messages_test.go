package signaling

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// What an MC of the tests says.

const (
	urlX = "https://mh-0.example:4434"
	urlY = "https://mh-1.example:4436"

	ownID = "11111111-1111-4111-8111-111111111111"
	bobID = "22222222-2222-4222-8222-222222222222"
	eveID = "33333333-3333-4333-8333-333333333333"

	traceOfJoin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

func kek(fill byte) []byte { return bytes.Repeat([]byte{fill}, KeyLen) }

func joinResponse(edit ...func(*signalingv1.JoinResponse)) *signalingv1.ServerMessage {
	r := &signalingv1.JoinResponse{
		ParticipantId:              ownID,
		SenderId:                   proto.Uint32(3),
		MediaServers:               []*signalingv1.MediaServerInfo{{MediaHandlerUrl: urlX}, {MediaHandlerUrl: urlY}},
		CorrelationId:              "44444444-4444-4444-8444-444444444444",
		BindingToken:               "binding-token-of-this-session",
		MeetingKek:                 kek(0x42),
		KekGeneration:              0,
		KekRotationDebounceSeconds: 60,
	}
	for _, e := range edit {
		e(r)
	}
	return &signalingv1.ServerMessage{
		Message:     &signalingv1.ServerMessage_JoinResponse{JoinResponse: r},
		TraceParent: traceOfJoin,
	}
}

func existing(people ...*signalingv1.Participant) func(*signalingv1.JoinResponse) {
	return func(r *signalingv1.JoinResponse) { r.ExistingParticipants = people }
}

func person(id string, sender uint32) *signalingv1.Participant {
	return &signalingv1.Participant{
		ParticipantId: id, Name: fmt.Sprintf("Person Number %d", sender),
		SenderId: proto.Uint32(sender), IdentityPublicKey: bytes.Repeat([]byte{byte(sender)}, 32),
	}
}

func participantJoined(p *signalingv1.Participant) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantJoined{
		ParticipantJoined: &signalingv1.ParticipantJoined{Participant: p},
	}}
}

func participantLeft(id string, reason signalingv1.LeaveReason) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantLeft{
		ParticipantLeft: &signalingv1.ParticipantLeft{ParticipantId: id, Reason: reason},
	}}
}

func serverMuted(id, by string) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantMuteUpdate{
		ParticipantMuteUpdate: &signalingv1.ParticipantMuteUpdate{ParticipantId: id, AudioServerMuted: by != "", ServerMutedBy: by},
	}}
}

func serverError(code signalingv1.ErrorCode, text string) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_Error{
		Error: &signalingv1.ErrorMessage{Code: code, Message: text},
	}}
}

func kekUpdate(key []byte, generation, debounce uint32) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_MeetingKekUpdate{
		MeetingKekUpdate: &signalingv1.MeetingKekUpdate{MeetingKek: key, KekGeneration: generation, KekRotationDebounceSeconds: debounce},
	}}
}

// directive directs audio to urls; with none it directs to send nothing.
func directive(urls ...string) *signalingv1.ServerMessage {
	d := &signalingv1.SendDirective{HeaderVersion: 2}
	if len(urls) > 0 {
		stream := &signalingv1.SendStream{
			MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO,
			Encoding:  &signalingv1.EncodingParameters{Codec: signalingv1.Codec_CODEC_OPUS, MaxBitrateBps: 48000, FrameRate: 50},
		}
		for _, u := range urls {
			stream.Targets = append(stream.Targets, &signalingv1.SendTarget{
				MediaHandlerUrl: u, TransportMode: signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM,
			})
		}
		d.Streams = []*signalingv1.SendStream{stream}
	}
	return directiveOf(d)
}

func directiveOf(d *signalingv1.SendDirective) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_SendDirective{SendDirective: d}}
}

func assignments(slots ...*signalingv1.StreamAssignment) *signalingv1.ServerMessage {
	return assignmentsOf(&signalingv1.StreamAssignments{Assignments: slots})
}

func assignmentsOf(a *signalingv1.StreamAssignments) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_StreamAssignments{StreamAssignments: a}}
}

func active(slot, sender uint32) *signalingv1.StreamAssignment {
	return &signalingv1.StreamAssignment{
		SlotId: slot, SenderId: proto.Uint32(sender), MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO,
		MediaHandlerUrl: urlX, SlotState: signalingv1.SlotState_SLOT_STATE_ACTIVE,
	}
}

func vacant(slot uint32) *signalingv1.StreamAssignment {
	return &signalingv1.StreamAssignment{
		SlotId: slot, MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO,
		SlotState: signalingv1.SlotState_SLOT_STATE_FEWER_SOURCES_THAN_SLOTS,
	}
}

func audioSlots(ids ...uint16) []Slot {
	slots := make([]Slot, len(ids))
	for i, id := range ids {
		slots[i] = Slot{ID: id, Kind: signalingv1.MediaKind_MEDIA_KIND_AUDIO}
	}
	return slots
}
