package mh

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func TestAnEdgeThatListsASenderTwiceForwardsOnce(t *testing.T) {
	p, err := compile(&internalv1.RegisterMeetingRequest{MeetingId: "m", McId: "c", McGrpcEndpoint: "grpc://mc:50052",
		EgressStreams: []*internalv1.EgressStream{{EgressStreamId: 7, Subscriber: &internalv1.SubscriberSlot{SenderId: 2, SlotId: 5},
			CandidateSources: []*internalv1.CandidateSource{{SenderId: 1, StreamNumber: 0}, {SenderId: 1, StreamNumber: 1}, {SenderId: 3}},
			TransportMode:    signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.bySender[1]) != 1 || len(p.bySender[3]) != 1 || p.streams != 1 {
		t.Errorf("compiled to %+v", p)
	}
}

func FuzzCompile(f *testing.F) {
	good, err := proto.Marshal(&internalv1.RegisterMeetingRequest{MeetingId: "m", McId: "c", McGrpcEndpoint: "http://mc:50052", PolicyGeneration: 1,
		EgressStreams: []*internalv1.EgressStream{{EgressStreamId: 1, Subscriber: &internalv1.SubscriberSlot{SenderId: 2},
			CandidateSources: []*internalv1.CandidateSource{{SenderId: 1}}, TransportMode: 1}},
		ServerMutedSources: []*internalv1.MutedSource{{SenderId: 1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		var req internalv1.RegisterMeetingRequest
		if proto.Unmarshal(b, &req) != nil {
			return
		}
		p, err := compile(&req)
		if err != nil {
			return
		}
		edges := 0
		for sender, es := range p.bySender {
			if sender == 0 {
				t.Error("sender 0 is routed")
			}
			for _, e := range es {
				if e.subscriber == 0 {
					t.Error("an edge to subscriber 0")
				}
			}
			edges += len(es)
		}
		if p.streams != len(req.GetEgressStreams()) || edges > p.streams*maxCandidates || (p.streams > 0) == (p.mode == transportModeNone) {
			t.Errorf("%d streams and %d edges in mode %v", p.streams, edges, p.mode)
		}
	})
}
