package mh

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

const defaultLoadReport = 10 * time.Second

var errNotAccepted = errors.New("GC did not accept the handler")

// register keeps the handler registered at GC, and reports its load, until ctx
// ends.
func (s *Server) register(ctx context.Context) {
	cc, err := s.dial(s.cfg.GCAddr)
	if err != nil {
		s.log.Error("GC's address cannot be used", "handler", s.cfg.ID, "error", err.Error())
		return
	}
	defer cc.Close()
	gc := internalv1.NewMediaHandlerRegistryServiceClient(cc)
	known := false
	for {
		interval, err := s.registerOnce(ctx, gc)
		if err == nil {
			if !known {
				known = true
				close(s.ready)
			}
			err = s.reportLoad(ctx, gc, interval)
		}
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("not registered at GC, trying again", "handler", s.cfg.ID, "error", err.Error())
		if pauseFor(ctx, s.times.RegisterRetry) != nil {
			return
		}
	}
}

// registerOnce registers the handler and returns the interval of load reports.
func (s *Server) registerOnce(ctx context.Context, gc internalv1.MediaHandlerRegistryServiceClient) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.times.GCTimeout)
	defer cancel()
	resp, err := gc.RegisterMH(ctx, &internalv1.RegisterMHRequest{
		HandlerId:            s.cfg.ID,
		Region:               s.cfg.Region,
		WebtransportEndpoint: s.cfg.AdvertiseURL,
		GrpcEndpoint:         "http://" + s.cfg.GRPC.Addr().String(),
		MaxStreams:           uint32(s.cfg.MaxStreams),
	}, grpc.WaitForReady(true))
	switch {
	case err != nil:
		return 0, err
	case !resp.GetAccepted():
		return 0, errNotAccepted
	case s.times.LoadReport > 0:
		return s.times.LoadReport, nil
	case resp.GetLoadReportIntervalMs() > 0:
		return time.Duration(min(resp.GetLoadReportIntervalMs(), 3_600_000)) * time.Millisecond, nil
	}
	return defaultLoadReport, nil
}

// reportLoad reports until GC no longer knows the handler or ctx ends.
func (s *Server) reportLoad(ctx context.Context, gc internalv1.MediaHandlerRegistryServiceClient, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		err := s.reportOnce(ctx, gc)
		if status.Code(err) == codes.NotFound {
			return err
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("load not reported to GC", "handler", s.cfg.ID, "error", err.Error())
		}
	}
}

func (s *Server) reportOnce(ctx context.Context, gc internalv1.MediaHandlerRegistryServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.GCTimeout)
	defer cancel()
	_, streams := s.meetings.size()
	_, err := gc.SendLoadReport(ctx, &internalv1.SendLoadReportRequest{
		HandlerId:      s.cfg.ID,
		CurrentStreams: uint32(streams),
		Health:         internalv1.HealthStatus_HEALTHY,
	})
	return err
}
