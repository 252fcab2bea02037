package signaling

import (
	"bytes"
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func TestADirectiveReplacesTheOneBefore(t *testing.T) {
	v := mustFold(t, joined(t), directive(urlX, urlY))
	audio, ok := v.Directive.Audio()
	if !ok || !slices.Equal(audio.Targets, []string{urlX, urlY}) || audio.Number != 0 || v.Directive.HeaderVersion != 2 ||
		audio.Encoding.MaxBitrate != 48000 || audio.Encoding.FrameRate != 50 || audio.Encoding.Codec != signalingv1.Codec_CODEC_OPUS {
		t.Errorf("directive %+v", v.Directive)
	}
	v = mustFold(t, v, directive())
	if _, ok := v.Directive.Audio(); ok || v.Directive == nil {
		t.Errorf("directive %+v", v.Directive)
	}
	var none *Directive
	if _, ok := none.Audio(); ok {
		t.Error("no directive directs audio")
	}
}

func TestADirectiveThatMayNotBeObeyedIsRefused(t *testing.T) {
	edited := func(edit func(*signalingv1.SendDirective)) *signalingv1.ServerMessage {
		m := directive(urlX)
		edit(m.GetSendDirective())
		return m
	}
	target := func(mode signalingv1.TransportMode, url string) func(*signalingv1.SendDirective) {
		return func(d *signalingv1.SendDirective) {
			d.Streams[0].Targets[0] = &signalingv1.SendTarget{TransportMode: mode, MediaHandlerUrl: url}
		}
	}
	const datagram = signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM
	for name, c := range map[string]struct {
		message *signalingv1.ServerMessage
		count   string
		whole   bool
	}{
		"no transport mode": {edited(target(0, urlX)), "send_directive_transport_mode_unspecified", true},
		"too many streams": {edited(func(d *signalingv1.SendDirective) {
			d.Streams = slices.Repeat(d.Streams, MaxStreams+1)
		}), "send_directive_too_large", true},
		"too many targets": {edited(func(d *signalingv1.SendDirective) {
			d.Streams[0].Targets = slices.Repeat(d.Streams[0].Targets, MaxTargets+1)
		}), "send_directive_too_large", true},
		"a stream number over 8 bits": {edited(func(d *signalingv1.SendDirective) { d.Streams[0].StreamNumber = 256 }), "send_directive_stream_number", true},
		"a mode this client lacks":    {edited(target(signalingv1.TransportMode_TRANSPORT_MODE_STREAM_PER_GROUP, urlX)), "send_target_transport_mode", false},
		"an address that is none":     {edited(target(datagram, "mh-0:4434")), "send_target_url", false},
		"the same target twice":       {directive(urlX, urlX), "send_target_twice", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := mustFold(t, joined(t), directive(urlY))
			v := mustFold(t, before, c.message)
			if v.Invalid[c.count] != 1 {
				t.Errorf("counted %v", v.Invalid)
			}
			if kept := v.Directive == before.Directive; kept != c.whole {
				t.Errorf("kept the one before: %t", kept)
			}
		})
	}
}

func TestAssignmentsReplaceTheSnapshotBefore(t *testing.T) {
	v := mustFold(t, joined(t), assignments(active(0, 1), vacant(7)))
	if !v.SlotsKnown || len(v.Slots) != 2 || !v.Slots[0].Active(1) || v.SlotsAt.IsZero() {
		t.Fatalf("slots %v", v.Slots)
	}
	if a, ok := v.SlotOf(1); !ok || a.SlotID != 0 || a.HandlerURL != urlX {
		t.Errorf("slot of sender 1: %v", a)
	}
	if a, ok := v.Slot(7); !ok || a.SenderID != nil || a.Active(0) {
		t.Errorf("slot 7: %v", a)
	}
	if !slices.Equal(v.AssignedSenders(), []uint16{1}) {
		t.Errorf("assigned %v", v.AssignedSenders())
	}
	v = mustFold(t, v, assignmentsOf(&signalingv1.StreamAssignments{UnreachableSenderIds: []uint32{8, 0, 70000}}))
	if len(v.Slots) != 0 || !v.SlotsKnown || !slices.Equal(v.Unreachable, []uint16{8}) || v.Invalid["unreachable_sender_id"] != 2 {
		t.Errorf("view %v, unreachable %v", v, v.Unreachable)
	}
}

func TestASnapshotIsTakenWholeOrNotAtAll(t *testing.T) {
	badURL := active(0, 1)
	badURL.MediaHandlerUrl = "javascript:alert(1)"
	many := make([]*signalingv1.StreamAssignment, MaxSlots+1)
	for i := range many {
		many[i] = vacant(uint32(i))
	}
	for name, c := range map[string]struct {
		message *signalingv1.ServerMessage
		count   string
		whole   bool
	}{
		"too many slots":           {assignments(many...), "stream_assignments_too_large", true},
		"too many unreachable":     {assignmentsOf(&signalingv1.StreamAssignments{UnreachableSenderIds: make([]uint32, MaxRoster+1)}), "stream_assignments_too_large", true},
		"a slot id over 16 bits":   {assignments(vacant(65536)), "stream_assignments_slot_id", true},
		"a slot twice":             {assignments(vacant(1), active(1, 1)), "stream_assignments_slot_twice", true},
		"sender zero":              {assignments(active(1, 0)), "stream_assignments_sender_id", true},
		"a sender id over 16 bits": {assignments(active(1, 65536)), "stream_assignments_sender_id", true},
		"an address that is none":  {assignments(badURL), "stream_assignments_url", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := mustFold(t, joined(t), assignments(vacant(5)))
			v := mustFold(t, before, c.message)
			_, kept := v.Slot(5)
			if v.Invalid[c.count] != 1 || kept != c.whole {
				t.Errorf("counted %v, kept the snapshot before: %t", v.Invalid, kept)
			}
		})
	}
}

func TestMeetingKeysOnlyMoveForward(t *testing.T) {
	at5 := mustFold(t, View{}, joinResponse(func(r *signalingv1.JoinResponse) { r.KekGeneration = 5 }))
	for name, c := range map[string]struct {
		update     *signalingv1.ServerMessage
		count      string
		generation uint16
		key        byte
	}{
		"newer":              {kekUpdate(kek(7), 6, 30), "", 6, 7},
		"much newer":         {kekUpdate(kek(7), 65535, 0), "", 65535, 7},
		"the same again":     {kekUpdate(kek(0x42), 5, 60), "", 5, 0x42},
		"conflicting":        {kekUpdate(kek(7), 5, 60), "kek_conflicting", 5, 0x42},
		"older":              {kekUpdate(kek(7), 4, 60), "kek_older", 5, 0x42},
		"too short":          {kekUpdate(kek(7)[:16], 6, 60), "kek_malformed", 5, 0x42},
		"all zero":           {kekUpdate(kek(0), 6, 60), "kek_malformed", 5, 0x42},
		"generation too big": {kekUpdate(kek(7), 65536, 60), "kek_malformed", 5, 0x42},
		"empty":              {kekUpdate(nil, 0, 0), "kek_malformed", 5, 0x42},
	} {
		t.Run(name, func(t *testing.T) {
			v := mustFold(t, at5, c.update)
			if v.KEK.Generation != c.generation || !bytes.Equal(v.KEK.Key.Bytes(), kek(c.key)) {
				t.Errorf("holds generation %d", v.KEK.Generation)
			}
			if c.count == "" && v.Invalid != nil || c.count != "" && v.Invalid[c.count] != 1 {
				t.Errorf("counted %v", v.Invalid)
			}
		})
	}
}
