// Package mc is the meeting controller of the embedded platform: what a client
// sees of it over WebTransport, and its gRPC conversations with the global
// controller and the media handlers.
//
// It knows the platform's signalling contract and nothing of the prober: it
// imports the wire messages and no client code.
package mc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/token"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
)

// Config describes one meeting controller. Start takes Conn and GRPC over: they
// are closed by Close, and by a Start that fails.
type Config struct {
	ID           string          // controller id, as it registers at GC
	Region       string          // region it registers for; empty: "dev"
	AdvertiseURL string          // https://host:port that clients are told
	Conn         net.PacketConn  // WebTransport socket
	Certificate  tls.Certificate // WebTransport certificate
	GRPC         net.Listener    // gRPC socket for GC and MH
	GCAddr       string          // host:port of GC's gRPC; empty: no GC, nothing is registered
	JWKSURL      string          // AC's key set

	// Service supplies this controller's service token for its calls to GC and MH.
	Service ServiceCredentials
	Times   Times // zero fields: platform defaults

	// AsDeployed ignores the correlation id and binding token of a join, as the
	// platform does today (platform contract, MC E). Otherwise a valid pair
	// restores the participant, as the platform's design says.
	AsDeployed bool

	MaxMeetings     int // meetings accepted from GC; 0: 1000
	MaxParticipants int // connections; 0: 10000
	MaxSlots        int // receive slots per participant; 0: 8
	MaxDeclarations int // accepted receive declarations per connection; 0: 64
	Outbound        int // queued messages per connection; 0: 100

	Faults *fault.Panel         // nil: behave
	Tracer trace.TracerProvider // nil: no spans and empty trace fields on the wire
	Log    *slog.Logger         // nil: silent
}

// ServiceCredentials supplies this controller's service token on gRPC calls.
type ServiceCredentials interface {
	GRPC() credentials.PerRPCCredentials
}

// Platform defaults (platform contract, MC I).
const (
	defaultRegion          = "dev"
	defaultMaxMeetings     = 1000
	defaultMaxParticipants = 10000
	defaultMaxSlots        = 8
	defaultMaxDeclarations = 64
	defaultOutbound        = 100
)

// Server is a running meeting controller.
type Server struct {
	opts     *options
	outbound int
	limit    int64 // connections
	tokens   *token.Verifier
	table    *table
	peers    *peers
	gc       *globalController // nil: none

	wt          *wtserver.Server
	grpc        *grpc.Server
	connections atomic.Int64

	cancel context.CancelFunc
	wg     sync.WaitGroup // gRPC server and heartbeats

	closeOnce sync.Once
	closeErr  error
}

// Start serves WebTransport and gRPC until Close. It registers at GC before it
// returns, so GC must be up; ctx bounds that wait and nothing else.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.ID == "" || cfg.AdvertiseURL == "" || cfg.Conn == nil || cfg.GRPC == nil || cfg.JWKSURL == "" {
		err := errors.New("starting a meeting controller: an id, an advertised URL, both sockets and a JWKS URL are needed")
		if cfg.Conn != nil {
			err = errors.Join(err, cfg.Conn.Close())
		}
		if cfg.GRPC != nil {
			err = errors.Join(err, cfg.GRPC.Close())
		}
		return nil, err
	}
	master := make([]byte, 32)
	rand.Read(master) // never fails
	tracing := newTracing(cfg.Tracer)
	background, cancel := context.WithCancel(context.Background())
	s := &Server{
		outbound: cfg.Outbound,
		limit:    int64(cfg.MaxParticipants),
		tokens:   token.NewVerifier(cfg.JWKSURL),
		peers:    &peers{service: cfg.Service, trace: tracing, conns: make(map[string]*grpc.ClientConn)},
		cancel:   cancel,
	}
	s.opts = &options{
		ControllerID:    cfg.ID,
		GRPCEndpoint:    "http://" + cfg.GRPC.Addr().String(),
		Times:           cfg.Times,
		AsDeployed:      cfg.AsDeployed,
		MaxSlots:        cfg.MaxSlots,
		MaxDeclarations: cfg.MaxDeclarations,
		Faults:          cfg.Faults,
		Trace:           tracing,
		Log:             cfg.Log,
		Master:          master,
		Handler:         s.peers.handler,
		Over:            func(m *meeting) { s.table.over(m) },
	}
	s.table = newTable(s.opts, cfg.MaxMeetings, func(m *meeting) { s.release(background, m) })
	err := s.meetGC(cfg)
	if err == nil {
		err = s.serveAll(cfg)
	} else {
		err = errors.Join(err, cfg.Conn.Close(), cfg.GRPC.Close())
	}
	if err == nil && s.gc != nil {
		err = s.enlist(ctx, background)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting meeting controller %s: %w", cfg.ID, err), s.Close())
	}
	return s, nil
}

func (cfg Config) withDefaults() Config {
	cfg.Times = cfg.Times.withDefaults()
	cfg.Region = cmp.Or(cfg.Region, defaultRegion)
	cfg.MaxMeetings = cmp.Or(cfg.MaxMeetings, defaultMaxMeetings)
	cfg.MaxParticipants = cmp.Or(cfg.MaxParticipants, defaultMaxParticipants)
	cfg.MaxSlots = cmp.Or(cfg.MaxSlots, defaultMaxSlots)
	cfg.MaxDeclarations = cmp.Or(cfg.MaxDeclarations, defaultMaxDeclarations)
	cfg.Outbound = cmp.Or(cfg.Outbound, defaultOutbound)
	if cfg.Faults == nil {
		cfg.Faults = new(fault.Panel)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// serveAll opens both doors; on an error both sockets are closed.
func (s *Server) serveAll(cfg Config) error {
	wt, err := wtserver.Serve(wtserver.Config{
		Conn:        cfg.Conn,
		Certificate: cfg.Certificate,
		IdleTimeout: cfg.Times.Idle,
		KeepAlive:   cfg.Times.KeepAlive,
		Refuse:      s.full,
		OnSession:   s.serve,
		Log:         cfg.Log,
	})
	if err != nil {
		return errors.Join(err, cfg.Conn.Close(), cfg.GRPC.Close())
	}
	s.wt = wt
	s.grpc = s.newGRPCServer()
	s.wg.Go(func() {
		if err := s.grpc.Serve(cfg.GRPC); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			cfg.Log.Error("gRPC server ended", "error", err.Error())
		}
	})
	return nil
}

// meetGC prepares the conversation with GC; nothing is said yet.
func (s *Server) meetGC(cfg Config) error {
	if cfg.GCAddr == "" {
		return nil
	}
	conn, err := s.peers.conn(cfg.GCAddr)
	if err != nil {
		return err
	}
	s.gc = &globalController{
		client: internalv1.NewGlobalControllerServiceClient(conn),
		register: &internalv1.RegisterMCRequest{
			Id:                   cfg.ID,
			Region:               cfg.Region,
			GrpcEndpoint:         s.opts.GRPCEndpoint,
			WebtransportEndpoint: cfg.AdvertiseURL,
			MaxMeetings:          uint32(cfg.MaxMeetings),
			MaxParticipants:      uint32(cfg.MaxParticipants),
		},
		times: cfg.Times,
		capacity: func() *internalv1.ControllerCapacity {
			return &internalv1.ControllerCapacity{
				MaxMeetings:         uint32(cfg.MaxMeetings),
				CurrentMeetings:     uint32(s.table.size()),
				MaxParticipants:     uint32(cfg.MaxParticipants),
				CurrentParticipants: uint32(s.connections.Load()),
			}
		},
		log: cfg.Log,
	}
	return nil
}

// enlist registers at GC and begins the heartbeats.
func (s *Server) enlist(ctx, background context.Context) error {
	every, err := s.gc.join(ctx)
	if err != nil {
		return err
	}
	s.wg.Go(func() { s.gc.beat(background, every) })
	return nil
}

// full reports whether a new connection is refused before any of it is read.
func (s *Server) full() bool {
	return s.connections.Load() >= s.limit || s.opts.Faults.Get().MC.RefuseConnections
}

// release ends a meeting at its handlers and then at GC, so that GC places it
// anew only when the handlers have let go of it.
func (s *Server) release(ctx context.Context, m *meeting) {
	m.releaseAt(ctx)
	if s.gc != nil {
		s.gc.ended(ctx, m.id)
	}
}

// Close ends every session without a message, stops both servers and waits for
// all of the controller's goroutines. It may be called more than once.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.table.drain()
		s.cancel()
		var errs []error
		if s.wt != nil {
			errs = append(errs, s.wt.Close())
		}
		errs = append(errs, s.peers.close()) // calls of the meetings fail now
		s.table.close()
		if s.grpc != nil {
			s.grpc.Stop()
		}
		s.wg.Wait()
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// Meetings returns the number of meetings with somebody on the roster, graces
// included, or being released.
func (s *Server) Meetings() int { return s.table.occupied() }

// AwaitIdle waits until Meetings is zero.
func (s *Server) AwaitIdle(ctx context.Context) error { return s.table.awaitIdle(ctx) }

// GRPCEndpoint returns where GC and media handlers reach this controller.
func (s *Server) GRPCEndpoint() string { return s.opts.GRPCEndpoint }
