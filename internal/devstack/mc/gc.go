package mc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// Heartbeats that GC's answer may leave out.
const (
	defaultHeartbeat     = 10 * time.Second
	defaultComprehensive = 30 * time.Second
)

// globalController is this controller's side of its conversation with GC.
type globalController struct {
	client   internalv1.GlobalControllerServiceClient
	register *internalv1.RegisterMCRequest
	times    Times
	capacity func() *internalv1.ControllerCapacity
	log      *slog.Logger
}

// intervals are the two heartbeats.
type intervals struct{ fast, comprehensive time.Duration }

// join registers until GC accepts or ctx ends.
func (g *globalController) join(ctx context.Context) (intervals, error) {
	for {
		every, err := g.registerOnce(ctx)
		if err == nil {
			return every, nil
		}
		g.log.Debug("not registered at GC yet", "error", err.Error())
		select {
		case <-ctx.Done():
			return intervals{}, fmt.Errorf("registering at GC: %w", errors.Join(ctx.Err(), err))
		case <-time.After(g.times.RegisterRetry):
		}
	}
}

func (g *globalController) registerOnce(ctx context.Context) (intervals, error) {
	ctx, cancel := context.WithTimeout(ctx, g.times.GCTimeout)
	defer cancel()
	got, err := g.client.RegisterMC(ctx, g.register)
	switch {
	case err != nil:
		return intervals{}, err
	case !got.Accepted:
		return intervals{}, errors.New("GC does not accept this controller")
	}
	return intervals{
		fast:          interval(g.times.Heartbeat, got.FastHeartbeatIntervalMs, defaultHeartbeat),
		comprehensive: interval(g.times.ComprehensiveHeartbeat, got.ComprehensiveHeartbeatIntervalMs, defaultComprehensive),
	}, nil
}

// interval is what was configured, else what GC answered, else the platform's.
func interval(configured time.Duration, answeredMS uint64, platform time.Duration) time.Duration {
	const longest = uint64(time.Hour / time.Millisecond)
	switch {
	case configured > 0:
		return configured
	case answeredMS == 0 || answeredMS > longest:
		return platform
	default:
		return time.Duration(answeredMS) * time.Millisecond
	}
}

// beat sends heartbeats until ctx ends, and registers again with a GC that does
// not know this controller any more.
func (g *globalController) beat(ctx context.Context, every intervals) {
	fast := time.NewTicker(every.fast)
	defer fast.Stop()
	comprehensive := time.NewTicker(every.comprehensive)
	defer comprehensive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-fast.C:
			err = g.fast(ctx)
		case <-comprehensive.C:
			err = g.comprehensive(ctx)
		}
		if err != nil && ctx.Err() == nil {
			g.log.Warn("heartbeat not acknowledged", "error", err.Error())
			if code := status.Code(err); code == codes.NotFound || code == codes.FailedPrecondition {
				if _, err := g.join(ctx); err != nil {
					return
				}
			}
		}
	}
}

func (g *globalController) fast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.times.GCTimeout)
	defer cancel()
	_, err := g.client.FastHeartbeat(ctx, &internalv1.FastHeartbeatRequest{
		ControllerId: g.register.Id, Capacity: g.capacity(), Health: internalv1.HealthStatus_HEALTHY,
	})
	return err
}

func (g *globalController) comprehensive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.times.GCTimeout)
	defer cancel()
	_, err := g.client.ComprehensiveHeartbeat(ctx, &internalv1.ComprehensiveHeartbeatRequest{
		ControllerId: g.register.Id, Capacity: g.capacity(), Health: internalv1.HealthStatus_HEALTHY,
	})
	return err
}

// ended tells GC that a meeting's last participant has left.
func (g *globalController) ended(ctx context.Context, meetingID string) {
	ctx, cancel := context.WithTimeout(ctx, g.times.GCTimeout)
	defer cancel()
	_, err := g.client.NotifyMeetingEnded(ctx, &internalv1.NotifyMeetingEndedRequest{MeetingId: meetingID, Region: g.register.Region})
	if err != nil {
		g.log.Warn("GC not told of a meeting's end", "meeting_id", meetingID, "error", err.Error())
	}
}
