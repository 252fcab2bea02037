package gc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

var (
	errNoHandler    = errors.New("no healthy MH")
	errNoController = errors.New("no healthy MC with room")
	errAllRefused   = errors.New("every MC refused")
)

// assign returns the MC of a meeting: the one that has it, or the first that
// takes it (platform contract, AC/GC 7).
func (s *Server) assign(ctx context.Context, m meeting) (peer, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return peer{}, fmt.Errorf("waiting to place a meeting: %w", ctx.Err())
	}
	if a, ok := s.meetings.placed(m.id); ok {
		if mc, ok := s.registry.controller(a.mcID); ok {
			return mc, nil
		}
	}
	chosen := s.registry.chooseHandlers()
	if len(chosen) == 0 {
		return peer{}, fmt.Errorf("placing a meeting: %w", errNoHandler)
	}
	candidates := s.registry.candidates()
	if len(candidates) == 0 {
		return peer{}, fmt.Errorf("placing a meeting: %w", errNoController)
	}
	errs := []error{errAllRefused}
	for _, mc := range candidates[:min(len(candidates), maxAttempts)] {
		if err := s.offer(ctx, mc, m.id, chosen); err != nil {
			s.log.WarnContext(ctx, "placing a meeting", "mc", mc.id, "error", err)
			errs = append(errs, err)
			continue
		}
		s.meetings.place(m.id, assignment{mcID: mc.id, handlers: chosen})
		return mc, nil
	}
	return peer{}, fmt.Errorf("placing a meeting: %w", errors.Join(errs...))
}

// offer asks one MC to take a meeting.
func (s *Server) offer(ctx context.Context, mc peer, meetingID uuid.UUID, chosen []*internalv1.MhAssignment) error {
	// A connection of its own per meeting: a cached one would remember, in its
	// back-off, an MC that has long come back.
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(mc.grpcEndpoint, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(s.service.GRPC()),
		grpc.WithUnaryInterceptor(propagateTrace),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: s.times.Connect}),
	)
	if err != nil {
		return fmt.Errorf("offering a meeting to MC %s: %w", mc.id, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, s.times.Assign)
	defer cancel()
	answer, err := internalv1.NewMeetingControllerServiceClient(conn).AssignMeetingWithMh(ctx, &internalv1.AssignMeetingWithMhRequest{
		MeetingId: meetingID.String(), MhAssignments: chosen, RequestingGcId: s.id,
	})
	if err != nil {
		return fmt.Errorf("offering a meeting to MC %s: %w", mc.id, err)
	}
	if !answer.GetAccepted() {
		return fmt.Errorf("offering a meeting to MC %s: it refused with %s", mc.id, answer.GetRejectionReason())
	}
	return nil
}

// propagateTrace puts the span of the context into the metadata of a call.
func propagateTrace(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	for k, v := range carrier {
		ctx = metadata.AppendToOutgoingContext(ctx, k, v)
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// another returns an MC that is not the right one for the meeting, for
// fault.GC.SplitMeeting: one that really takes the meeting too when there is a
// second one, else the right one under a wrong name.
func (s *Server) another(ctx context.Context, m meeting, right peer) peer {
	for _, mc := range s.registry.candidates() {
		if mc.id == right.id {
			continue
		}
		a, _ := s.meetings.placed(m.id)
		if err := s.offer(ctx, mc, m.id, a.handlers); err != nil {
			s.log.WarnContext(ctx, "splitting a meeting", "mc", mc.id, "error", err)
		}
		return mc
	}
	right.id = "mc-elsewhere-" + uuid.NewSHA1(uuid.Nil, []byte(right.id)).String()[:8]
	return right
}
