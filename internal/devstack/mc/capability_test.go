package mc

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

func TestABadDeclarationIsRefusedAsAWhole(t *testing.T) {
	kind := func(id uint32, k signalingv1.MediaKind) *signalingv1.ReceiveSlot {
		return &signalingv1.ReceiveSlot{SlotId: id, MediaKind: k}
	}
	pinned := func(id, sender uint32) *signalingv1.ReceiveSlot {
		s := audioSlot(id)
		s.PinnedSenderId = proto.Uint32(sender)
		return s
	}
	for _, tc := range []struct {
		name  string
		slots []*signalingv1.ReceiveSlot
		want  string // "": accepted
	}{
		{"no slots", nil, ""},
		{"slot id zero", []*signalingv1.ReceiveSlot{audioSlot(0)}, ""},
		{"the largest slot id", []*signalingv1.ReceiveSlot{audioSlot(65535)}, ""},
		{"eight slots", audioSlots(8), ""},
		{"a pinned sender", []*signalingv1.ReceiveSlot{pinned(1, 65535)}, ""},
		{"nine slots", audioSlots(9), "too many slots"},
		{"a slot id too large", []*signalingv1.ReceiveSlot{audioSlot(65536)}, "slot id out of range"},
		{"a slot id twice", []*signalingv1.ReceiveSlot{audioSlot(3), audioSlot(3)}, "duplicate slot id"},
		{"no media kind", []*signalingv1.ReceiveSlot{kind(1, 0)}, "slot media kind unset"},
		{"an unknown media kind", []*signalingv1.ReceiveSlot{kind(1, 4)}, "slot media kind unset"},
		{"a negative media kind", []*signalingv1.ReceiveSlot{kind(1, -1)}, "slot media kind unset"},
		{"a pinned sender of zero", []*signalingv1.ReceiveSlot{pinned(1, 0)}, "invalid pinned sender id"},
		{"a pinned sender too large", []*signalingv1.ReceiveSlot{pinned(1, 65536)}, "invalid pinned sender id"},
		{"the first fault in order", []*signalingv1.ReceiveSlot{audioSlot(1), kind(2, 0), audioSlot(65536)}, "slot media kind unset"},
		{"the range before the kind", []*signalingv1.ReceiveSlot{kind(65536, 0)}, "slot id out of range"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inMeeting(t, func(r *rig) {
				a := r.join("ann")
				a.declare(tc.slots...)
				got := a.hears()
				if tc.want == "" {
					if len(got) != 2 || got[0].GetSendDirective() == nil || len(got[1].GetStreamAssignments().GetAssignments()) != len(tc.slots) {
						t.Errorf("answered %v", got)
					}
					return
				}
				if len(got) != 1 || words(got[0]) != "INVALID_REQUEST: receive capability rejected: "+tc.want {
					t.Errorf("answered %v", got)
				}
			})
		})
	}
}

func TestAnIdenticalDeclarationIsAnsweredByNothingAndCostsNothing(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.opts.MaxDeclarations = 2
		a := r.join("ann")
		for range 5 {
			a.declare(audioSlots(1)...)
		}
		a.wants("five times the same", "directive []", "slots -")
		a.declare(audioSlots(2)...)
		a.wants("a changed one", "slots - -")
		a.declare(audioSlots(2)...)
		a.wants("the same, with the budget spent")
		a.declare(audioSlots(3)...)
		a.wants("a third", "INVALID_REQUEST: receive capability rejected: too many declarations on this connection")
	})
}

func TestAnswersToBadDeclarationsAreLimited(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		for range 20 {
			a.declare(audioSlots(9)...)
		}
		if got := len(a.hears()); got != 8 {
			t.Errorf("%d answers at once, want 8", got)
		}
		sleep(2 * time.Second)
		for range 20 {
			a.declare(audioSlots(9)...)
		}
		if got := len(a.hears()); got != 2 {
			t.Errorf("%d answers two seconds later, want 2", got)
		}
	})
}

func TestFaultsOfTheViews(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  fault.MC
		want []string
	}{
		{"never directed", fault.MC{NeverDirect: true}, []string{"slots 1 -"}},
		{"never assigned", fault.MC{NeverAssign: true}, []string{"directive [mh-1]"}},
		{"refused", fault.MC{RejectCapability: true}, []string{"INVALID_REQUEST: receive capability rejected: too many slots"}},
		{"every second message lost", fault.MC{DropOutboundEvery: 2}, []string{"directive [mh-1]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inMeeting(t, func(r *rig) {
				r.enters("ann", 1)
				r.opts.Faults.Set(fault.Faults{MC: tc.set})
				b := r.join("bob")
				b.connect("mh-0", "mh-1")
				b.declare(audioSlots(2)...)
				b.wants(tc.name, tc.want...)
			})
		})
	}
}

func TestAFullQueueLosesMessagesSilently(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		for i := range defaultOutbound + 3 {
			r.join(fmt.Sprint("p", i))
		}
		if got := len(a.hears()); got != defaultOutbound {
			t.Errorf("%d messages queued, want %d", got, defaultOutbound)
		}
		if got := a.c.out.dropped.Load(); got != 3 {
			t.Errorf("%d lost, want 3", got)
		}
		r.join("late")
		a.wants("room again", fmt.Sprintf("joined %d", defaultOutbound+5))
	})
}

func TestAClientsReportIsKeptWithinBounds(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		u := &signalingv1.MediaConnectionUpdate{}
		for i := range 100 {
			u.Statuses = append(u.Statuses, &signalingv1.MhConnectionStatus{MhUrl: fmt.Sprintf("https://mh-%d/%0300d", i, 0), State: 9})
		}
		r.m.report(t.Context(), a.p, u)
		a.wants("nobody answers")
		if len(a.p.reported) != maxReportURLs {
			t.Errorf("%d URLs kept, want %d", len(a.p.reported), maxReportURLs)
		}
		for url, state := range a.p.reported {
			if len(url) > maxReportText || state != signalingv1.ConnectionState_CONNECTION_STATE_UNSPECIFIED {
				t.Errorf("kept %d bytes, %v", len(url), state)
			}
		}
	})
}
