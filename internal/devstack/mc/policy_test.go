package mc

import (
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

func TestAViewWaitsForTheHandlersItNames(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.enters("ann", 2)
		a.hears()
		hold := make(chan struct{})
		r.mh[1].set(hold, false) // bob's audio goes over mh-1, ann's over mh-0
		b := r.enters("bob", 1)
		a.wants("mh-1 has not applied", "joined 2")
		b.wants("mh-1 has not applied")
		close(hold)
		a.wants("applied", "directive [mh-0]", "slots 2 -")
		b.wants("applied", "directive [mh-1]", "slots 1")
	})
}

func TestAFailedSnapshotIsSentAgain(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.enters("ann", 1)
		a.hears()
		r.mh[0].set(nil, true)
		b := r.join("bob")
		b.connect("mh-0", "mh-1")
		a.wants("bob is heard over mh-1", "joined 2", "slots 2")
		b.declare(audioSlots(1)...)
		a.wants("mh-0 fails")
		b.wants("mh-0 fails")
		r.mh[0].set(nil, false)
		sleep(r.opts.Times.PolicyResend)
		a.wants("tried again", "directive [mh-0]")
		b.wants("tried again", "directive [mh-1]", "slots 1")
	})
}

func TestASnapshotSentAgainIsOfNoClientsTrace(t *testing.T) {
	inMeeting(t, func(r *rig) {
		r.mh[0].set(nil, true)
		r.join("ann")
		r.mh[0].last()
		r.mh[0].set(nil, false)
		for range 3 {
			sleep(r.opts.Times.PolicyResend)
			r.mh[0].last()
		}
		if got := r.mh[0].traced; !slices.Equal(got, []bool{true, true, false, false}) {
			t.Errorf("failed, tried again, and twice by the clock: in a trace %v", got)
		}
	})
}

func TestGenerationsGrowOnlyWithTheSnapshot(t *testing.T) {
	inMeeting(t, func(r *rig) {
		a := r.join("ann")
		first := r.mh[0].last()
		if r.mh[0].count() != 1 || first.PolicyGeneration != 1 || len(first.EgressStreams) != 0 || first.McId != "mc-test" ||
			first.McGrpcEndpoint != "http://127.0.0.1:1" || first.MeetingId != "meeting" || first.SelectionRules == nil {
			t.Errorf("the first join sends %v", first)
		}
		a.connect("mh-0", "mh-1")
		a.declare(audioSlots(2)...)
		if r.mh[0].count() != 1 {
			t.Errorf("a snapshot that has not changed was sent: %v", r.mh[0].last())
		}
		sleep(r.opts.Times.PolicyResend)
		if got := r.mh[0].last(); r.mh[0].count() != 2 || got.PolicyGeneration != 1 {
			t.Errorf("sent again: %v", got)
		}
		b := r.enters("bob", 2)
		got := r.mh[0].last()
		if got.PolicyGeneration != 2 || len(got.EgressStreams) != 1 {
			t.Fatalf("with two people: %v", got)
		}
		e := got.EgressStreams[0]
		if e.Subscriber.SenderId != b.sender() || e.Subscriber.SlotId != 1 || len(e.CandidateSources) != 1 ||
			e.CandidateSources[0].SenderId != a.sender() || e.CandidateSources[0].StreamNumber != 0 ||
			e.PriorityGroup != 1 || e.SupersedeOnIndependentFrame || e.TransportMode != 1 {
			t.Errorf("edge = %v", e)
		}
		b.leave(true)
		if got := r.mh[0].last(); got.PolicyGeneration != 3 || len(got.EgressStreams) != 0 {
			t.Errorf("after bob has left: %v", got)
		}
	})
}

func TestAnswersToASnapshotAreClassified(t *testing.T) {
	h := &handler{id: "mh-0"}
	want := &internalv1.RegisterMeetingRequest{PolicyGeneration: 3, EgressStreams: []*internalv1.EgressStream{{}}}
	for _, tc := range []struct {
		want string
		got  *internalv1.RegisterMeetingResponse
	}{
		{"match", &internalv1.RegisterMeetingResponse{HandlerId: "mh-0", AppliedGeneration: 3, TransportMode: 1}},
		{"handler_id_mismatch", &internalv1.RegisterMeetingResponse{HandlerId: "mh-1", AppliedGeneration: 3, TransportMode: 1}},
		{"no_applied_generation", &internalv1.RegisterMeetingResponse{HandlerId: "mh-0", Accepted: true}},
		{"generation_mismatch", &internalv1.RegisterMeetingResponse{HandlerId: "mh-0", AppliedGeneration: 2, TransportMode: 1}},
		{"transport_mode_mismatch", &internalv1.RegisterMeetingResponse{HandlerId: "mh-0", AppliedGeneration: 3}},
	} {
		if got := classify(h, want, tc.got); got != tc.want {
			t.Errorf("%v is %s, want %s", tc.got, got, tc.want)
		}
	}
}
