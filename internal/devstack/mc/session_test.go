package mc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/metadata"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/mc"
)

const (
	active = signalingv1.SlotState_SLOT_STATE_ACTIVE
	muted  = signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED
	fewer  = signalingv1.SlotState_SLOT_STATE_FEWER_SOURCES_THAN_SLOTS
)

func TestFirstJoinSecondJoinAndLeave(t *testing.T) {
	p := start(t)
	p.assign("m")

	ann := p.joins("ann", "m")
	j := ann.joined
	if len(j.ExistingParticipants) != 0 || len(j.MediaServers) != 2 || j.MediaServers[0].MediaHandlerUrl != p.mh[0].url ||
		j.GetSenderId() != 1 || len(j.MeetingKek) != 32 || j.KekGeneration != 0 || j.KekRotationDebounceSeconds != 1 {
		t.Errorf("ann is answered %v", j)
	}
	for _, h := range p.mh {
		h.await(t, p.ctx, h.id+" has the empty snapshot", func() bool {
			return len(h.requests) > 0 && h.requests[0].PolicyGeneration == 1 && len(h.requests[0].EgressStreams) == 0
		})
	}
	ann.connects()
	ann.declares(1, 2)
	if d := ann.next().GetSendDirective(); d == nil || len(d.Streams) != 0 || d.HeaderVersion != 2 {
		t.Errorf("ann's first directive is %v", d)
	}
	if a := ann.next().GetStreamAssignments(); len(a.GetAssignments()) != 2 || a.Assignments[1].SlotState != fewer || a.Assignments[1].SlotId != 2 {
		t.Errorf("ann's first slots are %v", a)
	}

	bob := p.joins("bob", "m")
	if e := bob.joined.ExistingParticipants; len(e) != 1 || e[0].Name != "name of ann" || e[0].ParticipantId != j.ParticipantId {
		t.Errorf("bob sees %v", e)
	}
	if string(bob.joined.MeetingKek) != string(j.MeetingKek) {
		t.Error("bob has another meeting key")
	}
	if g := ann.next().GetParticipantJoined().GetParticipant(); g.GetSenderId() != 2 || string(g.GetIdentityPublicKey()[:4]) != "bob " {
		t.Errorf("ann hears of %v", g)
	}
	bob.connects()
	bob.declares(7)
	if d := bob.next().GetSendDirective(); len(d.GetStreams()) != 1 || d.Streams[0].Targets[0].MediaHandlerUrl != p.mh[1].url {
		t.Errorf("bob's first directive is %v", d)
	}
	a := bob.next().GetStreamAssignments().GetAssignments()
	if len(a) != 1 || a[0].SlotId != 7 || a[0].GetSenderId() != 1 || a[0].SlotState != active || a[0].MediaHandlerUrl != p.mh[0].url {
		t.Errorf("bob's first slots are %v", a)
	}
	directed, hears := false, false
	ann.until("ann is directed and hears bob", func(m *signalingv1.ServerMessage) bool {
		directed = directed || len(m.GetSendDirective().GetStreams()) == 1
		hears = hears || len(m.GetStreamAssignments().GetAssignments()) == 2 && m.GetStreamAssignments().Assignments[0].GetSenderId() == 2
		return directed && hears
	})

	bob.leaves()
	ann.untilLeft(signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY, bob)
	if d := ann.next().GetSendDirective(); d == nil || len(d.Streams) != 0 {
		t.Errorf("then ann is directed %v", d)
	}
	if s := ann.next().GetStreamAssignments().GetAssignments(); len(s) != 2 || s[0].SlotState != fewer || s[0].SenderId != nil {
		t.Errorf("then ann's slots are %v", s)
	}
	if k := ann.next().GetMeetingKekUpdate(); k.GetKekGeneration() != 1 || string(k.GetMeetingKek()) == string(j.MeetingKek) {
		t.Error("then comes no new key")
	}
	if p.mc.Meetings() != 1 {
		t.Error("the meeting is not counted")
	}
}

func TestAServerMuteReachesEverybodyAndTheHandlers(t *testing.T) {
	p := start(t)
	p.assign("m")
	host, bob := p.enters("host", "m"), p.enters("bob", "m")
	host.untilSlot(2, active)
	mute := func(on bool) {
		host.sends(&signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_ServerMuteRequest{
			ServerMuteRequest: &signalingv1.ServerMuteRequest{ParticipantId: bob.joined.ParticipantId, AudioMuted: on, Reason: "noise"}}})
	}
	isMuteUpdate := func(m *signalingv1.ServerMessage) bool { return m.GetParticipantMuteUpdate() != nil }
	mute(true)
	for _, u := range []*user{host, bob} {
		got := u.until("bob is muted", isMuteUpdate).GetParticipantMuteUpdate()
		if got.ParticipantId != bob.joined.ParticipantId || !got.AudioServerMuted || got.VideoServerMuted || got.AudioSelfMuted || got.ServerMutedBy != host.joined.ParticipantId {
			t.Errorf("%s hears %v", u.name, got)
		}
	}
	host.untilSlot(2, muted)
	for _, h := range p.mh {
		h.await(t, p.ctx, h.id+" drops bob", func() bool {
			last := h.requests[len(h.requests)-1]
			return len(last.ServerMutedSources) == 1 && last.ServerMutedSources[0].SenderId == 2
		})
	}
	late := p.joins("late", "m")
	if got := late.next().GetParticipantMuteUpdate(); got.GetParticipantId() != bob.joined.ParticipantId {
		t.Errorf("after its JoinResponse, the late one hears %v", got)
	}
	bob.sends(&signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_UnmuteRequest{UnmuteRequest: &signalingv1.UnmuteRequest{RequestAudio: true, ParticipantId: "ignored"}}})
	ask := host.until("bob asks", func(m *signalingv1.ServerMessage) bool { return m.GetUnmuteRequest() != nil }).GetUnmuteRequest()
	if ask.ParticipantId != bob.joined.ParticipantId || !ask.RequestAudio || ask.RequestVideo {
		t.Errorf("the host hears %v", ask)
	}
	bob.sends(&signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_ServerMuteRequest{ServerMuteRequest: &signalingv1.ServerMuteRequest{ParticipantId: host.joined.ParticipantId}}})
	refusal := bob.until("bob is refused", func(m *signalingv1.ServerMessage) bool { return m.GetError() != nil }).GetError()
	if refusal.Code != signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN || refusal.Message != "Server mute request refused" {
		t.Errorf("bob is told %v", refusal)
	}
	mute(false)
	host.untilSlot(2, active)
	bob.sends(&signalingv1.ClientMessage{Message: &signalingv1.ClientMessage_MuteRequest{MuteRequest: &signalingv1.MuteRequest{AudioMuted: true}}})
	host.untilSlot(2, muted)
}

func TestALostMediaConnectionIsRoutedAround(t *testing.T) {
	p := start(t)
	p.assign("m")
	ann, bob := p.enters("ann", "m"), p.enters("bob", "m")
	on := func(h *fakeMH) func(*signalingv1.ServerMessage) bool {
		return func(m *signalingv1.ServerMessage) bool {
			a := m.GetStreamAssignments().GetAssignments()
			return len(a) > 0 && a[0].MediaHandlerUrl == h.url && a[0].SlotState == active
		}
	}
	ann.until("bob is heard over mh-1", on(p.mh[1]))
	p.mediaLost("m", "bob", "mh-1", fmt.Sprint(bob.joined.ParticipantId, 2))
	p.mediaLost("m", "bob", "mh-1", "unknown")
	ann.until("bob is heard over mh-0", on(p.mh[0]))
}

func TestHowAConnectionEnds(t *testing.T) {
	const (
		voluntary = signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY
		timeout   = signalingv1.LeaveReason_LEAVE_REASON_TIMEOUT
	)
	for _, tc := range []struct {
		name string
		end  func(u *user)
		want signalingv1.LeaveReason
	}{
		{"QUIC closed with code 0", func(u *user) { u.leaves() }, voluntary},
		{"QUIC closed with another code", func(u *user) { u.wt.Conn.CloseWithError(77, "bye") }, voluntary},
		{"QUIC closed right after the stream's end", func(u *user) { u.stream.Close(); u.leaves() }, voluntary},
		{"session closed by a capsule", func(u *user) { u.wt.CloseCapsule(0, "") }, timeout},
		{"CONNECT stream finished", func(u *user) { u.wt.Request.Close() }, timeout},
		{"signalling stream finished", func(u *user) { u.stream.Close() }, timeout},
		{"signalling stream reset", func(u *user) { u.stream.CancelWrite(1) }, timeout},
		{"frame of length zero", func(u *user) { u.writes([]byte{0, 0, 0, 0}) }, timeout},
		{"frame too large", func(u *user) { u.writes([]byte{0, 1, 0, 1}) }, timeout},
		{"the client vanishes", func(u *user) { u.wt.Vanish() }, timeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := start(t)
			p.assign("m")
			ann, bob := p.joins("ann", "m"), p.joins("bob", "m")
			tc.end(bob)
			ann.untilLeft(tc.want, bob)
		})
	}
}

func TestWhatMakesNoSenseIsIgnored(t *testing.T) {
	p := start(t)
	p.assign("m")
	u := p.joins("ann", "m")
	u.writes(framed([]byte{0xff, 0xff}))
	for _, m := range []*signalingv1.ClientMessage{
		{Message: &signalingv1.ClientMessage_JoinRequest{JoinRequest: p.joinRequest("ann", "m")}},
		{Message: &signalingv1.ClientMessage_PublishStream{PublishStream: &signalingv1.PublishStream{}}},
		{Message: &signalingv1.ClientMessage_StreamQualityUpdate{StreamQualityUpdate: &signalingv1.StreamQualityUpdate{}}},
		{Message: &signalingv1.ClientMessage_UnmuteResponse{UnmuteResponse: &signalingv1.UnmuteResponse{}}},
		{Message: &signalingv1.ClientMessage_MediaConnectionUpdate{MediaConnectionUpdate: &signalingv1.MediaConnectionUpdate{
			Statuses: []*signalingv1.MhConnectionStatus{{MhUrl: p.mh[0].url, State: signalingv1.ConnectionState_CONNECTION_STATE_CONNECTED}}}}},
		{TraceParent: "x"},
	} {
		u.sends(m)
	}
	u.declares(1)
	if d := u.next().GetSendDirective(); d == nil || len(d.Streams) != 0 {
		t.Errorf("the first answer is %v", d)
	}
}

func TestAnExtraStreamIsNeverAccepted(t *testing.T) {
	p := start(t)
	p.assign("m")
	u := p.joins("ann", "m")
	if _, err := u.wt.OpenStream(p.ctx, []byte{0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	u.declares(1)
	if u.next().GetSendDirective() == nil {
		t.Error("the session has suffered")
	}
}

func TestResumingOverTheWire(t *testing.T) {
	long := func(c *mc.Config) { c.Times.Grace = 20 * time.Second }
	for _, cut := range []string{"vanished", "still up"} {
		t.Run(cut, func(t *testing.T) {
			p := start(t, long)
			p.assign("m")
			ann, bob := p.enters("ann", "m"), p.enters("bob", "m")
			ann.untilSlot(2, active)
			if cut == "vanished" {
				bob.wt.Vanish()
			}
			again := p.joins("bob", "m", func(m *signalingv1.ClientMessage) {
				m.GetJoinRequest().CorrelationId, m.GetJoinRequest().BindingToken = bob.joined.CorrelationId, bob.joined.BindingToken
			})
			if again.joined.GetSenderId() != 2 || again.joined.ParticipantId != bob.joined.ParticipantId {
				t.Fatalf("bob is now sender %d", again.joined.GetSenderId())
			}
			if cut == "still up" {
				if got := bob.ended(p.ctx); got.ErrorCode != 0 {
					t.Errorf("the old connection is closed with %v", got)
				}
			}
			again.conns = bob.conns
			again.connects()
			again.declares(1, 2)
			if d := again.next().GetSendDirective(); len(d.GetStreams()) != 1 {
				t.Errorf("directed %v", d)
			}
			again.untilSlot(1, active)

			again.leaves()
			ann.untilLeft(signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY, bob)
		})
	}
}

func TestOneTraceRunsThroughTheControllerAndOnToTheHandlers(t *testing.T) {
	const traceID, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	spans := tracetest.NewInMemoryExporter()
	p := start(t, func(c *mc.Config) { c.Tracer = sdk.NewTracerProvider(sdk.WithSyncer(spans)) })
	const gcTrace = "2af7651916cd43dd8448eb211c80319c"
	p.ctx = metadata.AppendToOutgoingContext(p.ctx, "traceparent", "00-"+gcTrace+"-"+parent+"-01")
	p.assign("m")
	u := p.asks("ann", "m", func(m *signalingv1.ClientMessage) { m.TraceParent = "00-" + traceID + "-" + parent + "-01" })
	m := u.next()
	if !strings.HasPrefix(m.TraceParent, "00-"+traceID+"-") || strings.Contains(m.TraceParent, parent) {
		t.Errorf("the answer carries %q", m.TraceParent)
	}
	const other = "1af7651916cd43dd8448eb211c80319c"
	u.sends(&signalingv1.ClientMessage{TraceParent: "00-" + other + "-" + parent + "-01",
		Message: &signalingv1.ClientMessage_ReceiveCapability{ReceiveCapability: &signalingv1.ReceiveCapability{}}})
	if m := u.next(); !strings.HasPrefix(m.TraceParent, "00-"+other+"-") {
		t.Errorf("the directive carries %q", m.TraceParent)
	}
	p.mh[0].await(t, p.ctx, "mh-0 is programmed inside the joiner's trace", func() bool {
		return len(p.mh[0].headers) > 0 && strings.Contains(strings.Join(p.mh[0].headers[0].Get("traceparent"), ""), traceID)
	})
	u.leaves()
	next(p, p.gc.ended, "the meeting's end")
	p.mc.Close()
	find := func(name string) tracetest.SpanStub {
		all := spans.GetSpans()
		i := slices.IndexFunc(all, func(s tracetest.SpanStub) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("no span %s", name)
		}
		return all[i]
	}
	call := find("dark_tower.internal.v1.MeetingControllerService/AssignMeetingWithMh")
	if call.SpanContext.TraceID().String() != gcTrace {
		t.Errorf("GC's call is in trace %s", call.SpanContext.TraceID())
	}
	connection := find("mc.webtransport.connection")
	if connection.Parent.SpanID().String() != parent || connection.SpanContext.TraceID().String() != traceID {
		t.Errorf("the connection's parent is %v", connection.Parent)
	}
	capability := find("mc.receive_capability")
	if capability.SpanContext.TraceID().String() != other || !slices.Contains(capability.Attributes, attribute.Int("slot_count", 0)) {
		t.Errorf("the declaration is in %v with %v", capability.SpanContext.TraceID(), capability.Attributes)
	}
}

func TestClosingTheControllerDropsSessionsWithoutAWord(t *testing.T) {
	p := start(t)
	p.assign("m")
	u := p.joins("ann", "m")
	if err := p.mc.Close(); err != nil {
		t.Fatal(err)
	}
	if got := u.ended(p.ctx); got.ErrorCode != 0 || got.ErrorMessage != "" {
		t.Errorf("closed with %v", got)
	}
	if len(p.gc.ended) != 0 || len(p.mh[0].ended) != 0 {
		t.Error("somebody was told of the meeting's end")
	}
}
