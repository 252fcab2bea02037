package mc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/token"
)

func (g *fakeGC) RegisterMC(_ context.Context, r *internalv1.RegisterMCRequest) (*internalv1.RegisterMCResponse, error) {
	if g.refusals.Add(-1) >= 0 {
		return &internalv1.RegisterMCResponse{Message: "not now"}, nil
	}
	g.registered <- r
	return &internalv1.RegisterMCResponse{Accepted: true, FastHeartbeatIntervalMs: 10000, ComprehensiveHeartbeatIntervalMs: 30000}, nil
}

func (g *fakeGC) FastHeartbeat(_ context.Context, r *internalv1.FastHeartbeatRequest) (*internalv1.FastHeartbeatResponse, error) {
	if g.forgotten.CompareAndSwap(true, false) {
		return nil, status.Error(codes.NotFound, "who?")
	}
	select {
	case g.fast <- r:
	default:
	}
	return &internalv1.FastHeartbeatResponse{Acknowledged: true}, nil
}

func (g *fakeGC) ComprehensiveHeartbeat(_ context.Context, r *internalv1.ComprehensiveHeartbeatRequest) (*internalv1.ComprehensiveHeartbeatResponse, error) {
	select {
	case g.slow <- r:
	default:
	}
	return &internalv1.ComprehensiveHeartbeatResponse{Acknowledged: true}, nil
}

func (g *fakeGC) NotifyMeetingEnded(_ context.Context, r *internalv1.NotifyMeetingEndedRequest) (*internalv1.NotifyMeetingEndedResponse, error) {
	g.ended <- r
	return &internalv1.NotifyMeetingEndedResponse{Acknowledged: true}, nil
}

// next receives from ch within the test's patience.
func next[T any](p *platform, ch <-chan T, what string) T {
	p.t.Helper()
	select {
	case v := <-ch:
		return v
	case <-p.ctx.Done():
		p.t.Fatalf("waiting for %s: %v", what, p.ctx.Err())
		panic("unreachable")
	}
}

func TestTheControllerRegistersAndBeats(t *testing.T) {
	p := start(t, func(c *mc.Config) { c.Region = "here" })
	r := next(p, p.gc.registered, "the registration")
	if r.Id != "mc-test" || r.Region != "here" || r.GrpcEndpoint != p.mc.GRPCEndpoint() ||
		r.WebtransportEndpoint != "https://"+p.addr.String() || r.MaxMeetings != 1000 || r.MaxParticipants != 10000 {
		t.Errorf("registered as %v", r)
	}
	p.assign("m")
	for next(p, p.gc.fast, "a heartbeat with the meeting").Capacity.CurrentMeetings != 1 {
	}
	if got := next(p, p.gc.slow, "a comprehensive heartbeat"); got.ControllerId != "mc-test" || got.Health != internalv1.HealthStatus_HEALTHY {
		t.Errorf("comprehensive heartbeat = %v", got)
	}
	p.gc.forgotten.Store(true)
	next(p, p.gc.registered, "a second registration, after GC has forgotten the controller")
}

func TestTheControllerRegistersUntilItIsAccepted(t *testing.T) {
	g := newFakeGC()
	g.refusals.Store(3)
	p := start(t, func(c *mc.Config) {
		c.GCAddr = serveGRPC(t, registerGC(g))
	})
	next(p, g.registered, "the registration")
}

func TestAStartThatCannotRegisterLeavesNothingBehind(t *testing.T) {
	g := newFakeGC()
	g.refusals.Store(1 << 30)
	p := start(t)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err := mc.Start(ctx, mc.Config{
		ID: "mc-2", AdvertiseURL: "https://127.0.0.1:1", Conn: udp(t), Certificate: certificate(t), GRPC: listen(t),
		GCAddr: serveGRPC(t, registerGC(g)), JWKSURL: "http://127.0.0.1:1",
	})
	if err == nil {
		t.Error("started")
	}
}

func TestStartNeedsAnAddressAndSockets(t *testing.T) {
	conn, l := udp(t), listen(t)
	if _, err := mc.Start(t.Context(), mc.Config{ID: "mc", Conn: conn, GRPC: l}); err == nil {
		t.Error("started with nothing")
	}
	if conn.Close() == nil || l.Close() == nil {
		t.Error("a start that failed has left its sockets open")
	}
}

func TestOnlyTheRightServicesMayCall(t *testing.T) {
	p := start(t)
	mcs := internalv1.NewMeetingControllerServiceClient(p.toMC)
	mhs := internalv1.NewMediaCoordinationServiceClient(p.toMC)
	for _, tc := range []struct {
		name               string
		serviceType, scope string
		gcMay, mhMay       codes.Code
	}{
		{"GC", token.GlobalController, token.ScopeWriteMC, codes.OK, codes.PermissionDenied},
		{"a media handler", token.MediaHandler, token.ScopeWriteMC, codes.PermissionDenied, codes.OK},
		{"GC without the scope", token.GlobalController, "x", codes.PermissionDenied, codes.PermissionDenied},
		{"a controller", token.MeetingController, token.ScopeWriteMC, codes.PermissionDenied, codes.PermissionDenied},
	} {
		ctx := p.as(tc.serviceType, tc.scope)
		_, err := mcs.AssignMeetingWithMh(ctx, &internalv1.AssignMeetingWithMhRequest{})
		if got := status.Code(err); got != tc.gcMay {
			t.Errorf("%s assigns a meeting: %v, want %v", tc.name, got, tc.gcMay)
		}
		_, err = mhs.NotifyParticipantConnected(ctx, &internalv1.NotifyParticipantConnectedRequest{MeetingId: "none"})
		if got := status.Code(err); got != tc.mhMay {
			t.Errorf("%s reports a connection: %v, want %v", tc.name, got, tc.mhMay)
		}
		_, err = mhs.NotifyParticipantDisconnected(ctx, &internalv1.NotifyParticipantDisconnectedRequest{MeetingId: "none"})
		if got := status.Code(err); got != tc.mhMay {
			t.Errorf("%s reports a disconnection: %v, want %v", tc.name, got, tc.mhMay)
		}
	}
	if _, err := mcs.AssignMeetingWithMh(p.ctx, &internalv1.AssignMeetingWithMhRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("nobody assigns a meeting: %v", err)
	}
	_, err := mhs.NotifyParticipantConnected(p.as(token.MediaHandler, token.ScopeWriteMC),
		&internalv1.NotifyParticipantConnectedRequest{MeetingId: "m", ConnectionId: string(make([]byte, 257))})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a connection id too long: %v", err)
	}
}

func TestAnAssignmentIsAnsweredWithItsReason(t *testing.T) {
	p := start(t, func(c *mc.Config) { c.MaxMeetings = 1 })
	if got := p.assign("one"); !got.Accepted || got.RejectionReason != 0 {
		t.Errorf("the first: %v", got)
	}
	if got := p.assign("two"); got.Accepted || got.RejectionReason != internalv1.RejectionReason_REJECTION_REASON_AT_CAPACITY {
		t.Errorf("the second: %v", got)
	}
	none := func(r *internalv1.AssignMeetingWithMhRequest) { r.MhAssignments = nil }
	if got := p.assign("one", none); got.Accepted || got.RejectionReason != internalv1.RejectionReason_REJECTION_REASON_INVALID_REQUEST {
		t.Errorf("without handlers: %v", got)
	}
}
