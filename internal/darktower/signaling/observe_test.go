package signaling

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

type (
	client = signalingv1.ClientMessage
	server = signalingv1.ServerMessage
)

func TestWhatIsNotedOfAMessageIsWhatCanBeCounted(t *testing.T) {
	unknown := &server{}
	unknown.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	for _, c := range []struct {
		m    proto.Message
		want string
	}{
		{&client{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: &signalingv1.JoinRequest{JoinToken: "secret", ParticipantName: "secret"}}}, "JoinRequest: "},
		{&client{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: &signalingv1.JoinRequest{BindingToken: "secret"}}}, "JoinRequest: to resume"},
		{&client{Message: &signalingv1.ClientMessage_MediaConnectionUpdate{MediaConnectionUpdate: &signalingv1.MediaConnectionUpdate{Statuses: []*signalingv1.MhConnectionStatus{
			{MhUrl: "https://secret", State: signalingv1.ConnectionState_CONNECTION_STATE_CONNECTED},
			{State: signalingv1.ConnectionState_CONNECTION_STATE_FAILED, FailureReason: proto.String("secret")},
			{State: signalingv1.ConnectionState_CONNECTION_STATE_FAILED},
		}}}}, "MediaConnectionUpdate: 3 handlers: 2 FAILED, 1 CONNECTED"},
		{&client{Message: &signalingv1.ClientMessage_ReceiveCapability{ReceiveCapability: &signalingv1.ReceiveCapability{Slots: []*signalingv1.ReceiveSlot{
			{MediaKind: signalingv1.MediaKind_MEDIA_KIND_AUDIO},
		}}}}, "ReceiveCapability: 1 slot: 1 AUDIO"},
		{&client{Message: &signalingv1.ClientMessage_MuteRequest{MuteRequest: &signalingv1.MuteRequest{AudioMuted: true}}}, "MuteRequest: audio muted"},
		{&client{Message: &signalingv1.ClientMessage_ServerMuteRequest{ServerMuteRequest: &signalingv1.ServerMuteRequest{ParticipantId: "secret", AudioMuted: true, VideoMuted: true}}},
			"ServerMuteRequest: somebody else: audio and video muted"},
		{&client{Message: &signalingv1.ClientMessage_UnmuteRequest{UnmuteRequest: &signalingv1.UnmuteRequest{}}}, "UnmuteRequest: "},

		{&server{Message: &signalingv1.ServerMessage_JoinResponse{JoinResponse: &signalingv1.JoinResponse{
			ParticipantId: "secret", MeetingKek: []byte("secret"), KekGeneration: 3, ExistingParticipants: []*signalingv1.Participant{{Name: "secret"}},
		}}}, "JoinResponse: 1 participant, 0 handlers, key generation 3"},
		{&server{Message: &signalingv1.ServerMessage_ParticipantJoined{ParticipantJoined: &signalingv1.ParticipantJoined{Participant: &signalingv1.Participant{Name: "secret"}}}}, "ParticipantJoined: "},
		{&server{Message: &signalingv1.ServerMessage_ParticipantLeft{ParticipantLeft: &signalingv1.ParticipantLeft{
			ParticipantId: "secret", Reason: signalingv1.LeaveReason_LEAVE_REASON_TIMEOUT,
		}}}, "ParticipantLeft: TIMEOUT"},
		{&server{Message: &signalingv1.ServerMessage_Error{Error: &signalingv1.ErrorMessage{Code: 5, Message: "secret"}}}, "ErrorMessage: CONFLICT"},
		{&server{Message: &signalingv1.ServerMessage_Error{Error: &signalingv1.ErrorMessage{Code: 77}}}, "ErrorMessage: unknown"},
		{&server{Message: &signalingv1.ServerMessage_ParticipantMuteUpdate{ParticipantMuteUpdate: &signalingv1.ParticipantMuteUpdate{
			ParticipantId: "me", AudioServerMuted: true, ServerMutedBy: "secret",
		}}}, "ParticipantMuteUpdate: this participant: by the host audio muted, by choice nothing muted"},
		{&server{Message: &signalingv1.ServerMessage_ParticipantMuteUpdate{ParticipantMuteUpdate: &signalingv1.ParticipantMuteUpdate{
			ParticipantId: "secret", VideoSelfMuted: true,
		}}}, "ParticipantMuteUpdate: somebody else: by the host nothing muted, by choice video muted"},
		{&server{Message: &signalingv1.ServerMessage_SendDirective{SendDirective: &signalingv1.SendDirective{Streams: []*signalingv1.SendStream{
			{Targets: []*signalingv1.SendTarget{{MediaHandlerUrl: "https://secret"}, {}}},
		}}}}, "SendDirective: 1 stream, 2 targets"},
		{&server{Message: &signalingv1.ServerMessage_StreamAssignments{StreamAssignments: &signalingv1.StreamAssignments{
			UnreachableSenderIds: []uint32{4}, Assignments: []*signalingv1.StreamAssignment{
				{SlotState: signalingv1.SlotState_SLOT_STATE_ACTIVE, MediaHandlerUrl: "https://secret"}, {SlotState: 4}, {SlotState: 99}, {SlotState: 98},
			}}}}, "StreamAssignments: 4 slots: 2 unknown, 1 ACTIVE, 1 FEWER_SOURCES_THAN_SLOTS, 1 unreachable"},
		{&server{Message: &signalingv1.ServerMessage_MeetingKekUpdate{MeetingKekUpdate: &signalingv1.MeetingKekUpdate{
			MeetingKek: []byte("secret"), KekGeneration: 9,
		}}}, "MeetingKekUpdate: key generation 9"},
		{&server{Message: &signalingv1.ServerMessage_RedirectToMc{RedirectToMc: &signalingv1.RedirectToMc{NewMcEndpoint: "secret"}}}, "RedirectToMc: "},
		{&server{}, "Empty: "},
		{unknown, "Unknown: "},
	} {
		note := ""
		switch m := c.m.(type) {
		case *client:
			note = noteSent(m)
		case *server:
			note = noteReceived(m, "me")
		}
		if got := fmt.Sprintf("%s: %s", kindOf(c.m), note); got != c.want || strings.Contains(got, "secret") {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAnObserverIsToldOfEveryMessageInBothDirections(t *testing.T) {
	sizes := make(chan []int, 1)
	mc := startMC(t, func(p *peer) {
		p.join(directive())
		p.receive() // the mute
		sizes <- p.bodies
		p.raw([]byte{0, 0, 0, 1, 0xff}) // no message
		hold(p)
	})
	var (
		mu  sync.Mutex
		log []Message
	)
	s := mc.joinedSession(func(c *Config) {
		c.OnMessage = func(m Message) { mu.Lock(); defer mu.Unlock(); log = append(log, m) }
	})
	if err := s.Mute(mc.ctx, true, false); err != nil {
		t.Fatal(err)
	}
	bodies := take(mc, sizes)
	<-s.Done()
	mu.Lock()
	defer mu.Unlock()
	slices.SortStableFunc(log, func(a, b Message) int { return a.At.Compare(b.At) })
	var got, sent []string
	for _, m := range log {
		if m.Bytes == 0 && m.Kind != "SendDirective" {
			t.Errorf("%s has no bytes", m.Kind)
		}
		if m.Sent {
			sent = append(sent, fmt.Sprint(m.Kind, " ", m.Bytes))
		} else {
			got = append(got, m.Kind)
		}
	}
	if want := []string{fmt.Sprint("JoinRequest ", bodies[0]), fmt.Sprint("MuteRequest ", bodies[1])}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	if want := []string{"JoinResponse", "SendDirective", "Unreadable"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}
