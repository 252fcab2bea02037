package mc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// What a directive asks of every sender (platform contract, MC D.6).
const (
	headerVersion  = 2
	audioStream    = 0
	audioBitrate   = 48000 // bits per second
	audioFrameRate = 50    // frames per second
)

// directiveLocked is what p is to send where. Nobody listening means no streams
// at all, not a stream without targets.
func (m *meeting) directiveLocked(p *participant) (*signalingv1.SendDirective, []*handler) {
	d := &signalingv1.SendDirective{HeaderVersion: headerVersion}
	targets := m.targetsLocked(p)
	if len(targets) == 0 {
		return d, nil
	}
	stream := &signalingv1.SendStream{
		StreamNumber: audioStream,
		MediaKind:    signalingv1.MediaKind_MEDIA_KIND_AUDIO,
		Encoding: &signalingv1.EncodingParameters{
			Codec: signalingv1.Codec_CODEC_OPUS, MaxBitrateBps: audioBitrate, FrameRate: audioFrameRate,
		},
	}
	var on []*handler
	for _, h := range m.handlers {
		if targets[h] {
			on = append(on, h)
			stream.Targets = append(stream.Targets, &signalingv1.SendTarget{
				MediaHandlerUrl: h.url, TransportMode: signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM,
			})
		}
	}
	d.Streams = []*signalingv1.SendStream{stream}
	return d, on
}

// assignmentsLocked is what fills p's slots, in declaration order.
func (m *meeting) assignmentsLocked(p *participant) (*signalingv1.StreamAssignments, []*handler) {
	out := &signalingv1.StreamAssignments{UnreachableSenderIds: m.unreachableLocked(p)}
	var on []*handler
	for _, s := range p.slots {
		a := &signalingv1.StreamAssignment{
			SlotId: s.id, MediaKind: s.kind, SlotState: signalingv1.SlotState_SLOT_STATE_FEWER_SOURCES_THAN_SLOTS,
		}
		if e := s.edge; e != nil {
			on = append(on, e.handler)
			a.SenderId, a.MediaHandlerUrl = proto.Uint32(e.sender.senderID), e.handler.url
			a.SlotState = signalingv1.SlotState_SLOT_STATE_ACTIVE
			if e.sender.muted.audio || e.sender.server.audio || m.opts.Faults.Get().MC.ShowMuted {
				a.SlotState = signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED
			}
		}
		out.Assignments = append(out.Assignments, a)
	}
	return out, on
}

// emitLocked sends each participant that has declared on its connection what has
// changed for it, directive first; the first time both. A view that names a
// handler waits until that handler forwards by the newest snapshot: installed
// answers bring it here again.
func (m *meeting) emitLocked(ctx context.Context) {
	faults := m.opts.Faults.Get().MC
	for _, p := range m.roster {
		c := p.client
		if c == nil || !c.declared {
			continue
		}
		directive, on := m.directiveLocked(p)
		assignments, also := m.assignmentsLocked(p)
		if !allApplied(on) || !allApplied(also) {
			continue
		}
		if !faults.NeverDirect && !proto.Equal(c.directive, directive) {
			c.directive = directive
			c.out.put(ctx, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_SendDirective{SendDirective: directive}})
		}
		if !faults.NeverAssign && !proto.Equal(c.assignments, assignments) {
			c.assignments = assignments
			c.out.put(ctx, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_StreamAssignments{StreamAssignments: assignments}})
		}
	}
}

func allApplied(handlers []*handler) bool {
	for _, h := range handlers {
		if !h.applied {
			return false
		}
	}
	return true
}
