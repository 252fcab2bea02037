package mh_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/token"
)

const datagram = signalingv1.TransportMode_TRANSPORT_MODE_DATAGRAM

func TestRegisterMeetingRefusesABadRequestAsAWhole(t *testing.T) {
	s := newStand(t)
	tests := []struct {
		name  string
		spoil func(*internalv1.RegisterMeetingRequest)
	}{
		{"no meeting id", func(r *internalv1.RegisterMeetingRequest) { r.MeetingId = "" }},
		{"a meeting id that is too long", func(r *internalv1.RegisterMeetingRequest) { r.MeetingId = strings.Repeat("m", 257) }},
		{"no controller id", func(r *internalv1.RegisterMeetingRequest) { r.McId = "" }},
		{"a controller id that is too long", func(r *internalv1.RegisterMeetingRequest) { r.McId = strings.Repeat("m", 257) }},
		{"no endpoint", func(r *internalv1.RegisterMeetingRequest) { r.McGrpcEndpoint = "" }},
		{"an endpoint that is too long", func(r *internalv1.RegisterMeetingRequest) { r.McGrpcEndpoint = "http://" + strings.Repeat("m", 2048) }},
		{"an endpoint of another scheme", func(r *internalv1.RegisterMeetingRequest) { r.McGrpcEndpoint = "ftp://mc:1" }},
		{"an endpoint without a scheme", func(r *internalv1.RegisterMeetingRequest) { r.McGrpcEndpoint = "mc:1" }},
		{"too many edges", func(r *internalv1.RegisterMeetingRequest) {
			for i := range uint32(512) {
				r.EgressStreams = append(r.EgressStreams, egress(100+i, 2, 100+i, 1))
			}
		}},
		{"too many candidates", func(r *internalv1.RegisterMeetingRequest) {
			r.EgressStreams[0] = egress(1, 2, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
		}},
		{"too many muted", func(r *internalv1.RegisterMeetingRequest) {
			for i := range uint32(513) {
				r.ServerMutedSources = append(r.ServerMutedSources, &internalv1.MutedSource{SenderId: 1 + i})
			}
		}},
		{"subscriber 0", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].Subscriber.SenderId = 0 }},
		{"no subscriber", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].Subscriber = nil }},
		{"a subscriber out of range", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].Subscriber.SenderId = 65536 }},
		{"a candidate 0", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].CandidateSources[0].SenderId = 0 }},
		{"a candidate out of range", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].CandidateSources[0].SenderId = 65536 }},
		{"a slot out of range", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].Subscriber.SlotId = 65536 }},
		{"a stream number out of range", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].CandidateSources[0].StreamNumber = 256 }},
		{"an egress stream id twice", func(r *internalv1.RegisterMeetingRequest) {
			r.EgressStreams = append(r.EgressStreams, egress(1, 3, 9, 1))
		}},
		{"a slot twice", func(r *internalv1.RegisterMeetingRequest) {
			r.EgressStreams = append(r.EgressStreams, egress(2, 2, 9, 3))
		}},
		{"no transport mode", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].TransportMode = 0 }},
		{"an unknown transport mode", func(r *internalv1.RegisterMeetingRequest) { r.EgressStreams[0].TransportMode = 9 }},
		{"mixed transport modes", func(r *internalv1.RegisterMeetingRequest) {
			other := egress(2, 3, 9, 1)
			other.TransportMode = signalingv1.TransportMode_TRANSPORT_MODE_STREAM_PER_GROUP
			r.EgressStreams = append(r.EgressStreams, other)
		}},
		{"a muted source 0", func(r *internalv1.RegisterMeetingRequest) { r.ServerMutedSources = []*internalv1.MutedSource{{}} }},
		{"a muted source out of range", func(r *internalv1.RegisterMeetingRequest) {
			r.ServerMutedSources = []*internalv1.MutedSource{{SenderId: 65536}}
		}},
		{"a muted source twice", func(r *internalv1.RegisterMeetingRequest) {
			r.ServerMutedSources = []*internalv1.MutedSource{{SenderId: 4}, {SenderId: 4}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := s.request(egress(1, 2, 9, 1))
			tt.spoil(req)
			if _, err := s.rpc.RegisterMeeting(s.ctx, req); status.Code(err) != codes.InvalidArgument {
				t.Errorf("answered %v, want INVALID_ARGUMENT", err)
			}
		})
	}
	if st := s.Stats(); st.Meetings != 0 || st.Streams != 0 {
		t.Errorf("something was installed: %+v", st)
	}
}

func TestRegisterMeetingInstallsOnlyNewerGenerations(t *testing.T) {
	s := newStand(t)
	steps := []struct {
		name       string
		generation uint64
		edges      []*internalv1.EgressStream
		applied    uint64
		mode       signalingv1.TransportMode
		streams    int
	}{
		{"the first", 5, []*internalv1.EgressStream{egress(1, 2, 9, 1)}, 5, datagram, 1},
		{"the same is a no-op", 5, nil, 5, datagram, 1},
		{"a lower one is ignored", 4, nil, 5, datagram, 1},
		{"generation 0 installs nothing", 0, nil, 5, datagram, 1},
		{"a higher one replaces", 6, []*internalv1.EgressStream{egress(1, 2, 9, 1), egress(2, 1, 9, 2)}, 6, datagram, 2},
		{"an empty set is legal", 7, nil, 7, 0, 0},
	}
	var started uint64
	for _, st := range steps {
		req := s.request(st.edges...)
		req.PolicyGeneration = st.generation
		got := s.register(req)
		if started == 0 {
			started = got.GetProcessStartEpochMs()
		}
		want := &internalv1.RegisterMeetingResponse{Accepted: true, AppliedGeneration: st.applied, HandlerId: handlerID,
			ProcessStartEpochMs: started, TransportMode: st.mode}
		if !proto.Equal(got, want) || started == 0 {
			t.Errorf("%s: answered %v, want %v", st.name, got, want)
		}
		if stats := s.Stats(); stats.Streams != st.streams || stats.Meetings != 1 {
			t.Errorf("%s: %d streams of %d meetings, want %d of 1", st.name, stats.Streams, stats.Meetings, st.streams)
		}
	}
}

func TestCapsOnMeetingsAndStreams(t *testing.T) {
	s := newStand(t, func(cfg *mh.Config) { cfg.MaxMeetings, cfg.MaxStreams = 1, 2 })
	s.register(s.request(egress(1, 2, 9, 1)))
	other := s.request()
	other.MeetingId = "meeting-2"
	if _, err := s.rpc.RegisterMeeting(s.ctx, other); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("over the cap of meetings: %v, want RESOURCE_EXHAUSTED", err)
	}
	over := s.register(s.request(egress(1, 2, 9, 1), egress(2, 1, 9, 2), egress(3, 3, 9, 2)))
	if !over.GetAccepted() || over.GetAppliedGeneration() != 1 {
		t.Errorf("over the stream ceiling: %v, want success with the old generation", over)
	}
	within := s.register(s.request(egress(1, 2, 9, 1), egress(2, 1, 9, 2)))
	if within.GetAppliedGeneration() != s.generation {
		t.Errorf("at the stream ceiling: %v", within)
	}
}

func TestEndMeeting(t *testing.T) {
	s := newStand(t)
	end := func(meeting, mc string) error {
		resp, err := s.rpc.EndMeeting(s.ctx, &internalv1.EndMeetingRequest{MeetingId: meeting, McId: mc})
		if err == nil && !resp.GetAcknowledged() {
			t.Errorf("not acknowledged: %v", resp)
		}
		return err
	}
	if err := end("unknown", mcID); err != nil {
		t.Errorf("an unknown meeting: %v, want an acknowledgement", err)
	}
	if err := end("", mcID); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no meeting id: %v, want INVALID_ARGUMENT", err)
	}
	s.register(s.request(egress(1, 2, 9, 1)))
	a, b := s.join("user-a", 1), s.join("user-b", 2)
	if err := end(meetingID, "another"); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("another controller: %v, want FAILED_PRECONDITION", err)
	}
	if err := end(meetingID, mcID); err != nil {
		t.Errorf("ending: %v", err)
	}
	a.dropped()
	b.dropped()
	if st := s.Stats(); st.Meetings != 0 || st.Streams != 0 {
		t.Errorf("still registered: %+v", st)
	}
}

func TestOnlyAMeetingControllerMayCall(t *testing.T) {
	s := newStand(t)
	tests := []struct {
		name, raw string
		want      codes.Code
	}{
		{"no token", "", codes.Unauthenticated},
		{"nonsense", "a.b.c", codes.Unauthenticated},
		{"a meeting token", s.meetingToken("user-a"), codes.Unauthenticated},
		{"another scope", s.service(token.MeetingController, token.ScopeWriteGC), codes.PermissionDenied},
		{"another service type", s.service(token.GlobalController, token.ScopeWriteMH), codes.PermissionDenied},
		{"a meeting controller", s.service(token.MeetingController, token.ScopeWriteMH), codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rpc := s.caller(s.GRPCAddr(), tt.raw)
			_, err := rpc.EndMeeting(s.ctx, &internalv1.EndMeetingRequest{MeetingId: "unknown", McId: mcID})
			if status.Code(err) != tt.want {
				t.Errorf("answered %v, want %v", err, tt.want)
			}
		})
	}
}

// fakeGC is a registry that can forget.
type fakeGC struct {
	internalv1.UnimplementedMediaHandlerRegistryServiceServer
	registered chan *internalv1.RegisterMHRequest
	reports    chan *internalv1.SendLoadReportRequest
	answers    chan error // one per load report; closed: nil
	auth       chan string
}

func (g *fakeGC) RegisterMH(ctx context.Context, req *internalv1.RegisterMHRequest) (*internalv1.RegisterMHResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	g.auth <- strings.Join(md.Get("authorization"), ",")
	g.registered <- req
	return &internalv1.RegisterMHResponse{Accepted: true, LoadReportIntervalMs: 1}, nil
}

func (g *fakeGC) SendLoadReport(_ context.Context, req *internalv1.SendLoadReportRequest) (*internalv1.SendLoadReportResponse, error) {
	select {
	case g.reports <- req:
	default:
	}
	return &internalv1.SendLoadReportResponse{Acknowledged: true}, <-g.answers
}

func TestTheHandlerRegistersAtGCAndReportsItsLoad(t *testing.T) {
	gc := &fakeGC{registered: make(chan *internalv1.RegisterMHRequest, 10), reports: make(chan *internalv1.SendLoadReportRequest, 100),
		answers: make(chan error, 2), auth: make(chan string, 10)}
	gc.answers <- nil
	gc.answers <- status.Error(codes.NotFound, "who are you")
	close(gc.answers)
	l := listenTCP(t)
	srv := grpc.NewServer()
	internalv1.RegisterMediaHandlerRegistryServiceServer(srv, gc)
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-served })

	s := newStand(t, func(cfg *mh.Config) {
		cfg.GCAddr, cfg.Service, cfg.MaxStreams = l.Addr().String(), staticService("the-service-token"), 40
	})
	if err := s.Ready(s.ctx); err != nil {
		t.Fatal(err)
	}
	want := &internalv1.RegisterMHRequest{HandlerId: handlerID, Region: "dev", WebtransportEndpoint: "https://mh-0.test:4434",
		GrpcEndpoint: "http://" + s.GRPCAddr().String(), MaxStreams: 40}
	for range 2 { // the second time because GC has forgotten
		if got := receive(s, gc.registered, "a registration"); !proto.Equal(got, want) {
			t.Errorf("registered as %v, want %v", got, want)
		}
		if got := receive(s, gc.auth, "its credentials"); got != "Bearer the-service-token" {
			t.Errorf("registered with %q", got)
		}
	}
	report := receive(s, gc.reports, "a load report")
	if report.GetHandlerId() != handlerID || report.GetHealth() != internalv1.HealthStatus_HEALTHY {
		t.Errorf("reported %v", report)
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	if _, err := mh.Start(t.Context(), mh.Config{}); err == nil {
		t.Error("started with nothing")
	}
}
