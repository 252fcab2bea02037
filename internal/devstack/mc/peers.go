package mc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// connectTimeout bounds one attempt to connect (platform contract, MC E).
const connectTimeout = 5 * time.Second

// peers holds the gRPC connections to GC and to the media handlers, one per
// address.
type peers struct {
	service ServiceCredentials
	trace   tracing

	mu     sync.Mutex // protects all following fields
	conns  map[string]*grpc.ClientConn
	closed bool
}

var errPeersClosed = errors.New("the controller is closed")

// conn returns the connection to an endpoint, http://host:port or host:port.
// Nothing is dialed before the first call.
func (p *peers) conn(endpoint string) (*grpc.ClientConn, error) {
	addr, err := hostPort(endpoint)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errPeersClosed
	}
	if c := p.conns[addr]; c != nil {
		return c, nil
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)), // every call has a deadline
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: connectTimeout,
		}),
	}
	if p.service != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(p.service.GRPC()))
	}
	if p.trace.on {
		opts = append(opts, grpc.WithStatsHandler(otelgrpc.NewClientHandler(
			otelgrpc.WithTracerProvider(p.trace.provider), otelgrpc.WithPropagators(propagation.TraceContext{}))))
	}
	c, err := grpc.NewClient("passthrough:///"+addr, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	p.conns[addr] = c
	return c, nil
}

// handler returns the way to a media handler.
func (p *peers) handler(endpoint string) (handlerClient, error) {
	c, err := p.conn(endpoint)
	if err != nil {
		return nil, err
	}
	return remoteHandler{internalv1.NewMediaHandlerServiceClient(c)}, nil
}

// close ends all connections; calls under way fail.
func (p *peers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, c := range p.conns {
		errs = append(errs, c.Close())
	}
	p.conns = nil
	return errors.Join(errs...)
}

// hostPort takes the scheme off an endpoint.
func hostPort(endpoint string) (string, error) {
	if !strings.Contains(endpoint, "://") {
		return endpoint, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", errors.New("a gRPC endpoint is no URL")
	}
	return u.Host, nil
}

// remoteHandler drops the call options that nobody here uses.
type remoteHandler struct {
	c internalv1.MediaHandlerServiceClient
}

func (h remoteHandler) RegisterMeeting(ctx context.Context, r *internalv1.RegisterMeetingRequest) (*internalv1.RegisterMeetingResponse, error) {
	return h.c.RegisterMeeting(ctx, r)
}

func (h remoteHandler) EndMeeting(ctx context.Context, r *internalv1.EndMeetingRequest) (*internalv1.EndMeetingResponse, error) {
	return h.c.EndMeeting(ctx, r)
}
