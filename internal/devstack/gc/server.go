package gc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// Server is a running GC.
type Server struct {
	http   *rest.Server
	grpc   *grpc.Server
	served chan error // of grpc
	ac     *acClient

	id       string
	region   string
	grpcAddr string
	tracer   trace.Tracer
	log      *slog.Logger
	faults   *fault.Panel
	times    Times
	service  *token.ServiceSource
	verifier *token.Verifier

	organisations map[uuid.UUID]Organisation
	meetings      *meetings
	registry      *registry
}

// Start runs a GC until Close. It does not wait for AC, MCs or MHs.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.HTTP == nil || cfg.GRPC == nil {
		return nil, errors.Join(errors.New("starting GC: it needs an HTTP and a gRPC listener"), closeAll(cfg.HTTP, cfg.GRPC))
	}
	if cfg.Service == nil || cfg.ACURL == "" || cfg.JWKSURL == "" {
		return nil, errors.Join(errors.New("starting GC: it needs AC's URLs and service credentials"), closeAll(cfg.HTTP, cfg.GRPC))
	}
	s := newServer(cfg)
	s.http = rest.Serve(ctx, cfg.HTTP, s.routes(cfg.CORSOrigins), s.log)
	s.grpc = grpc.NewServer(grpc.WaitForHandlers(true), grpc.UnaryInterceptor(token.UnaryServerAuth(s.verifier, registryRule)))
	internalv1.RegisterGlobalControllerServiceServer(s.grpc, &controllers{registry: s.registry, meetings: s.meetings, times: s.times})
	internalv1.RegisterMediaHandlerRegistryServiceServer(s.grpc, &handlers{registry: s.registry, times: s.times})
	go func() { s.served <- s.grpc.Serve(cfg.GRPC) }()
	return s, nil
}

func closeAll(lns ...net.Listener) error {
	var errs []error
	for _, ln := range lns {
		if ln != nil {
			errs = append(errs, ln.Close())
		}
	}
	return errors.Join(errs...)
}

func newServer(cfg Config) *Server {
	t := cfg.Times
	times := Times{
		Request:                cmp.Or(t.Request, 30*time.Second),
		HeartbeatFresh:         cmp.Or(t.HeartbeatFresh, 30*time.Second),
		FastHeartbeat:          cmp.Or(t.FastHeartbeat, 10*time.Second),
		ComprehensiveHeartbeat: cmp.Or(t.ComprehensiveHeartbeat, 30*time.Second),
		LoadReport:             cmp.Or(t.LoadReport, 10*time.Second),
		Connect:                cmp.Or(t.Connect, 5*time.Second),
		AC:                     cmp.Or(t.AC, 10*time.Second),
		Assign:                 cmp.Or(t.Assign, 10*time.Second),
		MeetingToken:           cmp.Or(t.MeetingToken, 15*time.Minute),
		JWKS:                   cmp.Or(t.JWKS, token.DefaultJWKSTTL),
	}
	verifier := token.NewVerifier(cfg.JWKSURL)
	verifier.TTL = times.JWKS
	s := &Server{
		served:        make(chan error, 1),
		ac:            newACClient(cfg.ACURL, cfg.Service, times),
		id:            cmp.Or(cfg.ID, "gc-"+uuid.NewString()[:8]),
		region:        cfg.Region,
		grpcAddr:      cfg.GRPC.Addr().String(),
		tracer:        rest.Tracer(cfg.Tracer, "gc"),
		log:           cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		faults:        cmp.Or(cfg.Faults, &fault.Panel{}),
		times:         times,
		service:       cfg.Service,
		verifier:      verifier,
		organisations: make(map[uuid.UUID]Organisation),
		meetings:      newMeetings(),
		registry:      newRegistry(cfg.Region, times.HeartbeatFresh),
	}
	for _, o := range cfg.Organisations {
		o.MaxMeetings = cmp.Or(o.MaxMeetings, SchemaMaxMeetings)
		o.MaxParticipants = cmp.Or(o.MaxParticipants, SchemaMaxParticipants)
		s.organisations[o.ID] = o
	}
	return s
}

// URL returns the base URL for clients.
func (s *Server) URL() string { return s.http.URL() }

// GRPCAddr returns the host:port where MCs and MHs register.
func (s *Server) GRPCAddr() string { return s.grpcAddr }

// AwaitRegistered waits until that many MCs and MHs are fit for meetings.
func (s *Server) AwaitRegistered(ctx context.Context, mcs, mhs int) error {
	return s.registry.await(ctx, mcs, mhs)
}

// MeetingsCreated returns how many meetings count against the caps of their
// organisations.
func (s *Server) MeetingsCreated() int { return s.meetings.counted() }

// LiveAssignments returns how many meetings GC believes to be on an MC.
func (s *Server) LiveAssignments() int { return s.meetings.assigned() }

// SetStatus writes the status of the meeting with this code, as only an
// operator with SQL can: "ended" and "cancelled" free the cap.
func (s *Server) SetStatus(code, status string) error {
	if !s.meetings.setStatus(code, status) {
		return errors.New("setting a meeting's status: no such meeting")
	}
	return nil
}

// Close stops GC and waits for everything it has started.
func (s *Server) Close() error {
	err := s.http.Close()
	s.grpc.Stop()
	if serveErr := <-s.served; serveErr != nil && !errors.Is(serveErr, grpc.ErrServerStopped) {
		err = errors.Join(err, fmt.Errorf("closing GC's gRPC server: %w", serveErr))
	}
	s.served <- nil // for another Close
	s.ac.close()
	return err
}

func (s *Server) routes(origins []string) http.Handler {
	var t rest.Router
	t.Handle("GET /health", http.HandlerFunc(rest.Health))
	t.Handle("GET /ready", s.endpoint("gc.health.readiness", s.ready))
	t.Handle("POST /api/v1/meetings", s.forUsers("gc.meeting.create", s.create))
	t.Handle("GET /api/v1/meetings/{code}", s.unlessBroken(s.forUsers("gc.meeting.join", s.join)))
	t.Handle("POST /api/v1/meetings/{code}/guest-token", s.endpoint("gc.meeting.guest_token", s.guestToken))
	t.Handle("PATCH /api/v1/meetings/{id}/settings", s.forUsers("gc.meeting.update_settings", s.updateSettings))
	t.Handle("GET /api/v1/me", s.endpoint("gc.handlers.me", s.me))
	return cors(origins, rest.Traced(&t))
}

func (s *Server) endpoint(span string, h http.HandlerFunc) http.Handler {
	return rest.Span(s.tracer, span, rest.Timed(s.times.Request, h))
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	// That the URL of AC's keys is configured is all that the platform checks.
	rest.Write(w, http.StatusOK, struct {
		Status   string `json:"status"`
		Database string `json:"database"`
		ACJWKS   string `json:"acJwks"`
	}{"ready", "healthy", "available"})
}
