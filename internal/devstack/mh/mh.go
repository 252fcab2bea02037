// Package mh is the media handler of the embedded platform: it binds clients
// that show a meeting token, takes forwarding policies from the meeting
// controller over gRPC, and relays media frames between datagrams, rewriting six
// bytes of each (platform contract, media A.6, C and E).
//
// It is keyless, as the platform's is: it reads a frame's structure and never
// its key id, payload or signature. It imports the wire messages and the frame
// layout, and no client code.
package mh

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// Bounds of one handler (platform contract, media C.1, C.2 and C.6).
const (
	defaultMaxConnections = 500
	defaultMaxMeetings    = 8192
	defaultMaxStreams     = 1000

	receiveBuffer    = 2048   // bytes of datagrams that wait to be read
	connectionWindow = 262144 // bytes
	streamWindow     = 65536  // bytes
	maxIncomingUni   = 64
)

// ServiceCredentials authorizes the handler's own calls; *token.ServiceSource
// is one.
type ServiceCredentials interface {
	GRPC() credentials.PerRPCCredentials
}

// Config describes one media handler. Start takes Conn and GRPC over, unless it
// fails; Close closes them.
type Config struct {
	ID           string          // handler id, as it registers at GC
	Region       string          // region it registers for; empty: "dev"
	AdvertiseURL string          // https://host:port that clients are told
	Conn         net.PacketConn  // WebTransport socket
	Certificate  tls.Certificate // WebTransport certificate
	GRPC         net.Listener    // gRPC socket for MC
	GCAddr       string          // host:port of GC's gRPC; empty: nothing is registered
	JWKSURL      string          // AC's key set

	// Service supplies this handler's service token for its calls to GC and MC;
	// nil: it calls without one.
	Service ServiceCredentials
	Times   Times // zero fields: platform defaults

	MaxConnections int // open connections; 0: 500
	MaxMeetings    int // registered meetings; 0: 8192
	// MaxStreams is the ceiling of egress streams over all meetings, beyond which
	// newer policies are not installed; 0: 1000. The platform's follows from its
	// bandwidth budget and is about 40 in a developer's cluster.
	MaxStreams int

	Faults *fault.Panel         // nil: behave
	Tracer trace.TracerProvider // nil: no spans
	Log    *slog.Logger         // nil: silent

	// OnForward, if set, is told of every frame at the moment its relay region has
	// been rewritten for a subscriber: the ground truth of what was relayed. It is
	// called on the forward path and must not block.
	OnForward func(Forwarded)
	// OnDrop, if set, is told of every frame that the handler knows it dropped.
	OnDrop func(Dropped)
}

// Server is a running media handler.
type Server struct {
	internalv1.UnimplementedMediaHandlerServiceServer

	cfg      Config
	times    Times
	log      *slog.Logger
	tracing  tracing
	verifier *token.Verifier
	meetings *meetings
	counts   *counts
	faults   *faults
	started  time.Time

	wt   *wtserver.Server
	grpc *grpc.Server

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // gRPC server and GC registration
	ready  chan struct{}  // closed at the first registration at GC

	closeOnce sync.Once
	closeErr  error
}

// Start serves WebTransport and gRPC until Close. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.ID == "" || cfg.AdvertiseURL == "" || cfg.Conn == nil || cfg.GRPC == nil || cfg.JWKSURL == "" {
		return nil, errors.New("starting a media handler: an id, an advertised URL, both sockets and a JWKS URL are needed")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("starting media handler %s: %w", cfg.ID, err)
	}
	setDefault(&cfg.Region, "dev")
	setDefault(&cfg.MaxConnections, defaultMaxConnections)
	setDefault(&cfg.MaxMeetings, defaultMaxMeetings)
	setDefault(&cfg.MaxStreams, defaultMaxStreams)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Faults == nil {
		cfg.Faults = new(fault.Panel)
	}
	s := &Server{
		cfg:      cfg,
		times:    cfg.Times.withDefaults(),
		log:      cfg.Log,
		tracing:  newTracing(cfg.Tracer),
		verifier: token.NewVerifier(cfg.JWKSURL),
		meetings: newMeetings(cfg.MaxMeetings, cfg.MaxStreams),
		counts:   newCounts(),
		faults:   newFaults(cfg.ID, cfg.Faults),
		started:  time.Now(),
		ready:    make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())

	wt, err := wtserver.Serve(wtserver.Config{
		Conn:             cfg.Conn,
		Certificate:      cfg.Certificate,
		IdleTimeout:      s.times.Idle,
		KeepAlive:        s.times.KeepAlive,
		MaxIncomingUni:   maxIncomingUni,
		StreamWindow:     streamWindow,
		ConnectionWindow: connectionWindow,
		ReceiveBuffer:    receiveBuffer,
		Refuse:           s.refuse,
		OnSession:        s.serve,
		Log:              cfg.Log,
	})
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("starting media handler %s: %w", cfg.ID, err)
	}
	s.wt = wt

	s.grpc = grpc.NewServer(append(s.tracing.serverOptions(),
		grpc.ChainUnaryInterceptor(token.UnaryServerAuth(s.verifier, func(string) (serviceType, scope string) {
			return token.MeetingController, token.ScopeWriteMH
		})))...)
	internalv1.RegisterMediaHandlerServiceServer(s.grpc, s)
	s.wg.Go(func() {
		if err := s.grpc.Serve(cfg.GRPC); err != nil && s.ctx.Err() == nil {
			s.log.Error("gRPC of the media handler has ended", "handler", cfg.ID, "error", err.Error())
		}
	})
	if cfg.GCAddr != "" {
		s.wg.Go(func() { s.register(s.ctx) })
	}
	return s, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// refuse says whether a new QUIC connection is turned away at its first packet.
func (s *Server) refuse() bool {
	if s.faults.now().RefuseConnections || s.counts.active() >= s.cfg.MaxConnections {
		s.counts.connection(ConnectionRejected)
		return true
	}
	return false
}

// Ready waits until GC knows the handler; without GC it returns at once.
func (s *Server) Ready(ctx context.Context) error {
	if s.cfg.GCAddr == "" {
		return nil
	}
	select {
	case <-s.ready:
		return nil
	case <-s.ctx.Done():
		return fmt.Errorf("media handler %s is closed", s.cfg.ID)
	case <-ctx.Done():
		return fmt.Errorf("media handler %s has not registered at GC: %w", s.cfg.ID, ctx.Err())
	}
}

// Close drops every session without a message, tells MC of each, stops both
// servers and waits for all of the handler's goroutines.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.cancel()
		s.closeErr = s.wt.Close()
		s.grpc.Stop()
		s.wg.Wait()
	})
	if s.closeErr != nil {
		return fmt.Errorf("closing media handler %s: %w", s.cfg.ID, s.closeErr)
	}
	return nil
}

// Stats returns what the handler has counted since it started.
func (s *Server) Stats() Stats {
	st := s.counts.snapshot()
	st.Meetings, st.Streams = s.meetings.size()
	return st
}

// ID returns the handler id.
func (s *Server) ID() string { return s.cfg.ID }

// GRPCAddr returns the address of the gRPC socket.
func (s *Server) GRPCAddr() net.Addr { return s.cfg.GRPC.Addr() }
