package signaling

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// applyDirective replaces the directive. One that is out of bounds or leaves the
// transport mode open must not be obeyed: it is refused whole, and the one
// before stays in force (platform contract, MC A.1 and D.6).
func applyDirective(v View, d *signalingv1.SendDirective, at time.Time) View {
	if len(d.GetStreams()) > MaxStreams {
		return invalid(v, "send_directive_too_large")
	}
	next := &Directive{HeaderVersion: d.GetHeaderVersion(), At: at}
	for _, s := range d.GetStreams() {
		if s.GetStreamNumber() > 255 {
			return invalid(v, "send_directive_stream_number")
		}
		if len(s.GetTargets()) > MaxTargets {
			return invalid(v, "send_directive_too_large")
		}
		stream := DirectedStream{
			Number: uint8(s.GetStreamNumber()),
			Kind:   s.GetMediaKind(),
			Encoding: Encoding{
				Codec:      s.GetEncoding().GetCodec(),
				MaxBitrate: s.GetEncoding().GetMaxBitrateBps(),
				FrameRate:  s.GetEncoding().GetFrameRate(),
				Width:      s.GetEncoding().GetWidth(),
				Height:     s.GetEncoding().GetHeight(),
			},
		}
		for _, t := range s.GetTargets() {
			u, mode := t.GetMediaHandlerUrl(), t.GetTransportMode()
			switch {
			case mode == signalingv1.TransportMode_TRANSPORT_MODE_UNSPECIFIED:
				return invalid(v, "send_directive_transport_mode_unspecified")
			case mode != signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM:
				// Not built on the platform; this client could not send that way.
				v = invalid(v, "send_target_transport_mode")
			case !validURL(u):
				v = invalid(v, "send_target_url")
			case slices.Contains(stream.Targets, u):
				v = invalid(v, "send_target_twice")
			default:
				stream.Targets = append(stream.Targets, u)
			}
		}
		next.Streams = append(next.Streams, stream)
	}
	v.Directive = next
	return v
}

// applyAssignments replaces the slots and the unreachable senders. A snapshot is
// taken whole or not at all (platform contract, MC D.7).
func applyAssignments(v View, a *signalingv1.StreamAssignments, at time.Time) View {
	if len(a.GetAssignments()) > MaxSlots || len(a.GetUnreachableSenderIds()) > MaxRoster {
		return invalid(v, "stream_assignments_too_large")
	}
	slots := make([]Assignment, 0, len(a.GetAssignments()))
	for _, entry := range a.GetAssignments() {
		if entry.GetSlotId() > 65535 {
			return invalid(v, "stream_assignments_slot_id")
		}
		slot := Assignment{SlotID: uint16(entry.GetSlotId()), Kind: entry.GetMediaKind(), State: entry.GetSlotState()}
		if slices.ContainsFunc(slots, func(s Assignment) bool { return s.SlotID == slot.SlotID }) {
			return invalid(v, "stream_assignments_slot_twice")
		}
		if entry.SenderId != nil {
			if !validSender(entry.GetSenderId()) {
				return invalid(v, "stream_assignments_sender_id")
			}
			id := uint16(entry.GetSenderId())
			slot.SenderID = &id
		}
		if u := entry.GetMediaHandlerUrl(); u == "" || validURL(u) {
			slot.HandlerURL = u
		} else {
			v = invalid(v, "stream_assignments_url")
		}
		slots = append(slots, slot)
	}
	var unreachable []uint16
	for _, id := range a.GetUnreachableSenderIds() {
		if !validSender(id) {
			v = invalid(v, "unreachable_sender_id")
			continue
		}
		unreachable = append(unreachable, uint16(id))
	}
	v.Slots, v.SlotsKnown, v.SlotsAt = slots, true, at
	v.Unreachable = unreachable
	return v
}
