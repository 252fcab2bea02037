package gc

import (
	"context"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// controllers is what MCs call (platform contract, MC A.3).
type controllers struct {
	internalv1.UnimplementedGlobalControllerServiceServer
	registry *registry
	meetings *meetings
	times    Times
}

func (c *controllers) RegisterMC(_ context.Context, req *internalv1.RegisterMCRequest) (*internalv1.RegisterMCResponse, error) {
	if req.GetId() == "" || req.GetGrpcEndpoint() == "" {
		return nil, status.Error(codes.InvalidArgument, "id and grpc_endpoint are required")
	}
	c.registry.addController(peer{
		id:           req.GetId(),
		region:       req.GetRegion(),
		grpcEndpoint: req.GetGrpcEndpoint(),
		webTransport: req.GetWebtransportEndpoint(),
		capacity:     req.GetMaxMeetings(),
	})
	return &internalv1.RegisterMCResponse{
		Accepted:                         true,
		Message:                          "registered",
		FastHeartbeatIntervalMs:          uint64(c.times.FastHeartbeat.Milliseconds()),
		ComprehensiveHeartbeatIntervalMs: uint64(c.times.ComprehensiveHeartbeat.Milliseconds()),
	}, nil
}

func (c *controllers) FastHeartbeat(_ context.Context, req *internalv1.FastHeartbeatRequest) (*internalv1.FastHeartbeatResponse, error) {
	if !c.registry.controllerBeat(req.GetControllerId(), req.GetCapacity().GetCurrentMeetings(), req.GetHealth()) {
		return nil, status.Error(codes.NotFound, "controller is not registered")
	}
	return &internalv1.FastHeartbeatResponse{Acknowledged: true, Timestamp: timestamp()}, nil
}

func (c *controllers) ComprehensiveHeartbeat(_ context.Context, req *internalv1.ComprehensiveHeartbeatRequest) (*internalv1.ComprehensiveHeartbeatResponse, error) {
	if !c.registry.controllerBeat(req.GetControllerId(), req.GetCapacity().GetCurrentMeetings(), req.GetHealth()) {
		return nil, status.Error(codes.NotFound, "controller is not registered")
	}
	return &internalv1.ComprehensiveHeartbeatResponse{Acknowledged: true, Timestamp: timestamp()}, nil
}

func (c *controllers) NotifyMeetingEnded(_ context.Context, req *internalv1.NotifyMeetingEndedRequest) (*internalv1.NotifyMeetingEndedResponse, error) {
	id, err := uuid.Parse(req.GetMeetingId())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "meeting_id is not a UUID")
	}
	if c.registry.region == "" || req.GetRegion() == c.registry.region {
		c.meetings.ended(id)
	}
	return &internalv1.NotifyMeetingEndedResponse{Acknowledged: true}, nil
}

// handlers is what MHs call (platform contract, MC A.3).
type handlers struct {
	internalv1.UnimplementedMediaHandlerRegistryServiceServer
	registry *registry
	times    Times
}

func (h *handlers) RegisterMH(_ context.Context, req *internalv1.RegisterMHRequest) (*internalv1.RegisterMHResponse, error) {
	if req.GetHandlerId() == "" || req.GetGrpcEndpoint() == "" || req.GetWebtransportEndpoint() == "" {
		return nil, status.Error(codes.InvalidArgument, "handler_id, webtransport_endpoint and grpc_endpoint are required")
	}
	h.registry.addHandler(peer{
		id:           req.GetHandlerId(),
		region:       req.GetRegion(),
		grpcEndpoint: req.GetGrpcEndpoint(),
		webTransport: req.GetWebtransportEndpoint(),
		capacity:     req.GetMaxStreams(),
	})
	return &internalv1.RegisterMHResponse{
		Accepted: true, Message: "registered", LoadReportIntervalMs: uint64(h.times.LoadReport.Milliseconds()),
	}, nil
}

func (h *handlers) SendLoadReport(_ context.Context, req *internalv1.SendLoadReportRequest) (*internalv1.SendLoadReportResponse, error) {
	if !h.registry.handlerBeat(req.GetHandlerId(), req.GetCurrentStreams(), req.GetHealth()) {
		return nil, status.Error(codes.NotFound, "handler is not registered")
	}
	return &internalv1.SendLoadReportResponse{Acknowledged: true, Timestamp: timestamp()}, nil
}

func timestamp() uint64 { return uint64(time.Now().Unix()) }
