package mc

import (
	"context"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// maxConnectionID bounds a media connection's id, in bytes (platform contract,
// MC A.3).
const maxConnectionID = 256

// newGRPCServer serves GC and the media handlers.
func (s *Server) newGRPCServer() *grpc.Server {
	opts := []grpc.ServerOption{grpc.UnaryInterceptor(token.UnaryServerAuth(s.tokens, callers))}
	if s.opts.Trace.on {
		opts = append(opts, grpc.StatsHandler(otelgrpc.NewServerHandler(
			otelgrpc.WithTracerProvider(s.opts.Trace.provider), otelgrpc.WithPropagators(propagation.TraceContext{}))))
	}
	srv := grpc.NewServer(opts...)
	internalv1.RegisterMeetingControllerServiceServer(srv, assignments{s: s})
	internalv1.RegisterMediaCoordinationServiceServer(srv, coordination{s: s})
	return srv
}

// callers says who may call what.
func callers(fullMethod string) (serviceType, scope string) {
	service, _, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	if service == internalv1.MeetingControllerService_ServiceDesc.ServiceName {
		return token.GlobalController, token.ScopeWriteMC
	}
	return token.MediaHandler, token.ScopeWriteMC
}

// assignments is what GC calls.
type assignments struct {
	internalv1.UnimplementedMeetingControllerServiceServer
	s *Server
}

func (a assignments) AssignMeetingWithMh(_ context.Context, r *internalv1.AssignMeetingWithMhRequest) (*internalv1.AssignMeetingWithMhResponse, error) {
	handlers := make([]assignment, 0, len(r.MhAssignments))
	for _, h := range r.MhAssignments {
		handlers = append(handlers, assignment{id: h.MhId, url: h.WebtransportEndpoint, grpc: h.GrpcEndpoint})
	}
	reason := a.s.table.assign(r.MeetingId, handlers)
	return &internalv1.AssignMeetingWithMhResponse{
		Accepted:        reason == internalv1.RejectionReason_REJECTION_REASON_UNSPECIFIED,
		RejectionReason: reason,
	}, nil
}

// coordination is what the media handlers call.
type coordination struct {
	internalv1.UnimplementedMediaCoordinationServiceServer
	s *Server
}

func (c coordination) NotifyParticipantConnected(ctx context.Context, r *internalv1.NotifyParticipantConnectedRequest) (*internalv1.NotifyParticipantConnectedResponse, error) {
	if len(r.ConnectionId) > maxConnectionID {
		return nil, status.Error(codes.InvalidArgument, "connection_id is too long")
	}
	out := &internalv1.NotifyParticipantConnectedResponse{Acknowledged: true}
	if m := c.s.table.find(r.MeetingId); m != nil {
		out.SenderId = m.mediaConnected(ctx, r.ParticipantId, r.HandlerId, r.ConnectionId)
	}
	return out, nil
}

func (c coordination) NotifyParticipantDisconnected(ctx context.Context, r *internalv1.NotifyParticipantDisconnectedRequest) (*internalv1.NotifyParticipantDisconnectedResponse, error) {
	if m := c.s.table.find(r.MeetingId); m != nil {
		m.mediaDisconnected(ctx, r.HandlerId, r.ConnectionId)
	}
	return &internalv1.NotifyParticipantDisconnectedResponse{Acknowledged: true}, nil
}
