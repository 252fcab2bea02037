package mh

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// RegisterMeeting installs the forwarding snapshot of one meeting (platform
// contract, media C.5).
func (s *Server) RegisterMeeting(_ context.Context, req *internalv1.RegisterMeetingRequest) (*internalv1.RegisterMeetingResponse, error) {
	p, err := compile(req)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	generation, mode, err := s.meetings.register(req, p)
	if err != nil {
		return nil, status.Error(codes.ResourceExhausted, err.Error())
	}
	return &internalv1.RegisterMeetingResponse{
		Accepted:            true,
		AppliedGeneration:   generation,
		HandlerId:           s.cfg.ID,
		ProcessStartEpochMs: uint64(s.started.UnixMilli()),
		TransportMode:       mode,
	}, nil
}

// EndMeeting releases a meeting and closes all its connections. An unknown
// meeting is acknowledged too.
func (s *Server) EndMeeting(_ context.Context, req *internalv1.EndMeetingRequest) (*internalv1.EndMeetingResponse, error) {
	if err := errors.Join(checkID("meeting_id", req.GetMeetingId()), checkID("mc_id", req.GetMcId())); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if err := s.meetings.end(req.GetMeetingId(), req.GetMcId()); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return &internalv1.EndMeetingResponse{Acknowledged: true}, nil
}
