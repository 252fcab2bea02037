package mh

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

var (
	errMCUnavailable  = errors.New("the meeting controller cannot be reached")
	errMCAuthRejected = errors.New("the meeting controller refuses this handler's credentials")
	errMCEndpoint     = errors.New("the meeting controller's endpoint cannot be used")
)

// dial prepares a gRPC connection in plaintext, as the platform's services use
// among themselves. Each caller makes its own: the calls are few, and a fresh
// connection carries no earlier failure's back-off.
func (s *Server) dial(target string) (*grpc.ClientConn, error) {
	opts := append(s.tracing.dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if s.cfg.Service != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(s.cfg.Service.GRPC()))
	}
	return grpc.NewClient("passthrough:///"+target, opts...)
}

// notifyConnected reports c to the meeting's MC and returns the sender id that
// MC answers, unchecked.
func (s *Server) notifyConnected(ctx context.Context, endpoint string, c *conn) (uint32, error) {
	var sender uint32
	err := s.coordinate(ctx, endpoint, func(ctx context.Context, mc internalv1.MediaCoordinationServiceClient) error {
		resp, err := mc.NotifyParticipantConnected(ctx, &internalv1.NotifyParticipantConnectedRequest{
			MeetingId: c.meetingID, ParticipantId: c.subject, HandlerId: s.cfg.ID, ConnectionId: c.id,
		})
		sender = resp.GetSenderId()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reporting a connection to MC: %w", err)
	}
	return sender, nil
}

func (s *Server) notifyDisconnected(ctx context.Context, endpoint string, c *conn, reason internalv1.DisconnectReason) error {
	err := s.coordinate(ctx, endpoint, func(ctx context.Context, mc internalv1.MediaCoordinationServiceClient) error {
		_, err := mc.NotifyParticipantDisconnected(ctx, &internalv1.NotifyParticipantDisconnectedRequest{
			MeetingId: c.meetingID, ParticipantId: c.subject, HandlerId: s.cfg.ID, ConnectionId: c.id, Reason: reason,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("reporting the end of a connection to MC: %w", err)
	}
	return nil
}

// coordinate calls MC, three times with growing pauses while it cannot be
// reached (platform contract, media C.2).
func (s *Server) coordinate(ctx context.Context, endpoint string,
	call func(context.Context, internalv1.MediaCoordinationServiceClient) error) error {
	target, err := mcTarget(endpoint)
	if err != nil {
		return fmt.Errorf("%w: %w", errMCEndpoint, err)
	}
	pause := s.times.NotifyBackoff
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, target, call)
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.Unauthenticated, codes.PermissionDenied:
			return fmt.Errorf("%w: %w", errMCAuthRejected, err)
		}
		if attempt == notifyAttempts {
			return fmt.Errorf("%w after %d attempts: %w", errMCUnavailable, attempt, err)
		}
		if err := pauseFor(ctx, pause); err != nil {
			return fmt.Errorf("%w: %w", errMCUnavailable, err)
		}
		pause *= 2
	}
}

func (s *Server) attempt(ctx context.Context, target string,
	call func(context.Context, internalv1.MediaCoordinationServiceClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.NotifyAttempt)
	defer cancel()
	cc, err := s.dial(target)
	if err != nil {
		return err
	}
	defer cc.Close()
	return call(ctx, internalv1.NewMediaCoordinationServiceClient(cc))
}

// pauseFor waits d or until ctx ends.
func pauseFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter is a random part of bound.
func jitter(bound time.Duration) time.Duration { return rand.N(bound + 1) }
