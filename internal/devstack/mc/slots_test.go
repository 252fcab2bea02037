package mc

import (
	"fmt"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func TestALoneParticipantHearsNobodyAndSendsNothing(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		a.connect("mh-0", "mh-1")
		a.wants("before it declares")
		a.declare(audioSlots(2)...)
		a.wants("alone", "directive []", "slots - -")
	})
}

func TestTwoPeopleHearEachOtherOnceBothHaveDeclaredAndSettled(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.enters("ann", 2)
		a.hears()
		b := r.join("bob")
		a.wants("bob joins", "joined 2")
		b.connect("mh-0", "mh-1")
		a.wants("bob connects", "slots 2 -")
		b.declare(audioSlots(2)...)
		a.wants("bob declares", "directive [mh-0]")
		b.wants("first view", "directive [mh-1]", "slots 1 -")
	})
}

func TestADirectiveAsksForOneOpusStreamInDatagrams(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, _ := r.enters("ann", 1), r.enters("bob", 1)
		d, _ := a.view()
		if d.HeaderVersion != 2 || len(d.Streams) != 1 {
			t.Fatalf("directive = %v", d)
		}
		s := d.Streams[0]
		e := s.Encoding
		if s.StreamNumber != 0 || s.MediaKind != signalingv1.MediaKind_MEDIA_KIND_AUDIO || e.Codec != signalingv1.Codec_CODEC_OPUS ||
			e.MaxBitrateBps != 48000 || e.FrameRate != 50 || e.Width != 0 || e.Height != 0 {
			t.Errorf("stream = %v", s)
		}
		for _, target := range s.Targets {
			if target.TransportMode != signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM {
				t.Errorf("target = %v", target)
			}
		}
	})
}

func TestWithEverybodyOnAllHandlersEachSenderHasOneTargetAndBothHandlersAreUsed(t *testing.T) {
	inMeeting(t, func(r *rig) {
		var all []*person
		for i := range 4 {
			all = append(all, r.enters(fmt.Sprint("p", i), 3))
		}
		for i, w := range all {
			w.targetsAre("all in", fmt.Sprintf("[mh-%d]", i%2))
		}
		all[0].slotsAre("all in", "2 3 4")
	})
}

func TestSlotsFillInJoinOrderAndOnlyAFreedSlotMoves(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 2), r.enters("bob", 2)
		c, d := r.enters("cid", 2), r.enters("dan", 2)
		a.slotsAre("all in", "2 3")
		b.slotsAre("all in", "1 3")
		c.slotsAre("all in", "1 2")
		d.slotsAre("the late one hears the earliest", "1 2")
		d.targetsAre("the late one is in nobody's slots", "[]")

		b.leave(true)
		a.slotsAre("bob has left", "4 3")
		c.slotsAre("bob has left", "1 4")
		d.slotsAre("bob has left", "1 3")
		d.targetsAre("dan has taken over", "[mh-1]")
	})
}

func TestAPairWithoutACommonHandlerIsUnreachable(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b, c := r.join("ann"), r.join("bob"), r.join("cid")
		a.connect("mh-0", "mh-1")
		b.connect("mh-0")
		c.connect("mh-1")
		for _, w := range []*person{a, b, c} {
			w.declare(audioSlots(2)...)
		}
		a.slotsAre("bob and cid have not settled", "- -")
		sleep(r.opts.Times.Settle)
		a.slotsAre("settled", "2 3")
		a.targetsAre("settled", "[mh-0 mh-1]")
		b.slotsAre("settled", "1 - unreachable [3]")
		c.slotsAre("settled", "1 - unreachable [2]")
	})
}

func TestSettling(t *testing.T) {
	inMeeting(t, func(r *rig) {
		window := r.opts.Times.Settle
		a, b := r.enters("ann", 1), r.join("bob")
		b.declare(audioSlots(1)...)
		b.connect("mh-0")
		sleep(window / 2)
		a.slotsAre("inside the window", "-")
		b.connect("mh-1")
		a.slotsAre("all handlers settle at once", "2")

		sleep(window / 4)
		b.disconnect("mh-0", 1)
		a.slotsAre("one handler lost", "2")
		b.disconnect("mh-1", 2)
		a.slotsAre("all handlers lost", "-")
		b.connect("mh-0", "mh-1")
		a.slotsAre("back too soon", "-")
		sleep(window)
		a.slotsAre("a window after it last settled", "2")
	})
}

func TestAFlappingHandlerMovesTheEdgeAtOnceAndBack(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.enters("bob", 1)
		a.targetsAre("both handlers", "[mh-0]")
		b.disconnect("mh-0", 1)
		a.targetsAre("bob has lost mh-0", "[mh-1]")
		_, s := b.view()
		if got := s.GetAssignments()[0].MediaHandlerUrl; got != "https://mh-1" {
			t.Errorf("bob is to receive ann on %s", got)
		}
		if got := r.mh[0].last(); len(got.EgressStreams) != 0 {
			t.Errorf("mh-0 still forwards %v", got.EgressStreams)
		}
		moved := r.mh[1].last().EgressStreams
		b.connect("mh-0")
		a.targetsAre("an edge stays where it is", "[mh-1]")
		if now := r.mh[1].last().EgressStreams; len(now) != len(moved) || now[0].EgressStreamId != moved[0].EgressStreamId {
			t.Errorf("edges on mh-1 changed from %v to %v", moved, now)
		}
	})
}

func TestAFreshDeclarationKeepsSourcesAtTheirOrdinal(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.enters("ann", 2)
		r.enters("bob", 0)
		r.enters("cid", 0)
		a.slotsAre("two slots", "2 3")
		a.declare(audioSlot(7), &signalingv1.ReceiveSlot{SlotId: 8, MediaKind: signalingv1.MediaKind_MEDIA_KIND_VIDEO_CAMERA}, audioSlot(0))
		a.slotsAre("renumbered, with a video slot in between", "2 - 3")
		ids := map[uint32]bool{}
		for _, h := range r.mh {
			for _, e := range h.last().EgressStreams {
				ids[e.Subscriber.SlotId] = true
			}
		}
		if !ids[7] || !ids[0] || len(ids) != 2 {
			t.Errorf("handlers stamp slot ids %v, want 7 and 0", ids)
		}
		a.declare(audioSlot(0))
		a.slotsAre("one slot", "2")
		a.declare()
		a.wants("none", "slots ")
	})
}

func TestOneWhoNeverDeclaresIsNeverDirectedAndHasNoSlots(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.join("bob")
		b.connect("mh-0", "mh-1")
		a.slotsAre("bob can be heard", "2")
		b.wants("undeclared")
	})
}

func TestOnlyFourConnectionsPerHandlerAreTracked(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a, b := r.enters("ann", 1), r.join("bob")
		for range 4 {
			b.connect("mh-0")
		}
		if got := b.connect("mh-0"); got != 2 {
			t.Errorf("a fifth connection is answered %d, want the sender id", got)
		}
		sleep(r.opts.Times.Settle)
		for n := 1; n <= 4; n++ {
			a.slotsAre("bob is there", "2")
			b.disconnect("mh-0", n)
		}
		a.slotsAre("the fifth does not count", "-")
	})
}

func TestAMediaConnectionIsBoundToTheOneParticipantOfItsUser(t *testing.T) {
	inMeeting(t, func(r *rig) {
		ctx := t.Context()
		a := r.join("ann")
		if got := r.m.mediaConnected(ctx, "nobody", "mh-0", "x"); got != 0 {
			t.Errorf("a stranger is answered %d", got)
		}
		if got := r.m.mediaConnected(ctx, "ann", "mh-9", "y"); got != a.sender() {
			t.Errorf("at a handler that is not the meeting's: %d", got)
		}
		again := r.join("ann")
		if again.sender() != 2 || again.p.id == a.p.id {
			t.Errorf("a second join is sender %d", again.sender())
		}
		if got := a.connect("mh-0"); got != 0 {
			t.Errorf("two entries of one user are answered %d, want 0", got)
		}
		a.leave(true)
		if got := again.connect("mh-0"); got != 2 {
			t.Errorf("after one has gone: %d, want 2", got)
		}
	})
}
