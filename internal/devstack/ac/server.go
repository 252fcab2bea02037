package ac

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/rest"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// JWKSPath is where the keys are.
const JWKSPath = "/.well-known/jwks.json"

// Server is a running AC.
type Server struct {
	http     *rest.Server
	tracer   trace.Tracer
	log      *slog.Logger
	faults   *fault.Panel
	times    Times
	cost     int
	signer   *token.Signer // listed in the JWKS
	stranger *token.Signer // not listed: fault.AC.WrongKey
	verifier *token.Verifier

	organisations map[string]Organisation // by subdomain
	credentials   map[string]ServiceCredential
	users         *users
	registrations *window // by TCP peer
	failedSignIns *window // by user id
	failedClients *window // by client id
}

// Start runs an AC on cfg.Listener until Close.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Listener == nil {
		return nil, errors.New("starting AC: no listener")
	}
	s, err := newServer(cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting AC: %w", err), cfg.Listener.Close())
	}
	s.http = rest.Serve(ctx, cfg.Listener, s.routes(), s.log)
	return s, nil
}

func newServer(cfg Config) (*Server, error) {
	s := &Server{
		tracer: rest.Tracer(cfg.Tracer, "ac"),
		log:    cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		faults: cmp.Or(cfg.Faults, &fault.Panel{}),
		times: Times{
			Request:       cmp.Or(cfg.Times.Request, 30*time.Second),
			UserToken:     cmp.Or(cfg.Times.UserToken, time.Hour),
			ServiceToken:  cmp.Or(cfg.Times.ServiceToken, time.Hour),
			MeetingToken:  cmp.Or(cfg.Times.MeetingToken, 15*time.Minute),
			RegisterLimit: cmp.Or(cfg.Times.RegisterLimit, time.Minute),
			SignInLimit:   cmp.Or(cfg.Times.SignInLimit, time.Minute),
		},
		cost:          cmp.Or(cfg.BcryptCost, QuickBcryptCost),
		organisations: make(map[string]Organisation),
		credentials:   make(map[string]ServiceCredential),
	}
	for _, o := range cfg.Organisations {
		s.organisations[o.Subdomain] = o
	}
	credentials := cfg.Credentials
	if credentials == nil {
		credentials = SeededCredentials()
	}
	for _, c := range credentials {
		s.credentials[c.ClientID] = c
	}
	s.registrations = newWindow(s.times.RegisterLimit, cmp.Or(cfg.Limits.Registrations, 100))
	s.failedSignIns = newWindow(s.times.SignInLimit, cmp.Or(cfg.Limits.FailedSignIns, 100))
	s.failedClients = newWindow(s.times.SignInLimit, cmp.Or(cfg.Limits.FailedSignIns, 100))

	var err error
	if s.users, err = newUsers(s.cost); err != nil {
		return nil, err
	}
	if s.signer, err = token.NewSigner("auth-devstack-2026-01"); err != nil {
		return nil, err
	}
	if s.stranger, err = token.NewSigner("auth-elsewhere-2026-01"); err != nil {
		return nil, err
	}
	s.verifier, err = token.NewLocalVerifier(s.signer.JWKS())
	return s, err
}

// URL returns AC's base URL. Requests that need an organisation must carry it
// in the Host header.
func (s *Server) URL() string { return s.http.URL() }

// JWKSURL returns where the keys are.
func (s *Server) JWKSURL() string { return s.URL() + JWKSPath }

// Close stops AC and waits for everything it has started.
func (s *Server) Close() error { return s.http.Close() }

func (s *Server) routes() http.Handler {
	var t rest.Router
	t.Handle("GET /health", http.HandlerFunc(rest.Health))
	t.Handle("GET /ready", http.HandlerFunc(s.ready))
	t.Handle("GET "+JWKSPath, s.endpoint("ac.jwks.get", s.jwks))
	t.Handle("POST /api/v1/auth/register", s.endpoint("ac.auth.register", s.inOrganisation(s.register)))
	t.Handle("POST /api/v1/auth/user/token", s.unlessHung(s.endpoint("ac.token.issue_user", s.inOrganisation(s.signIn))))
	t.Handle("POST "+token.ServicePath, s.endpoint("ac.token.issue_service", s.serviceToken))
	t.Handle("POST /api/v1/auth/internal/meeting-token", s.endpoint("ac.token.issue_meeting", s.forService(s.meetingToken)))
	t.Handle("POST /api/v1/auth/internal/guest-token", s.endpoint("ac.token.issue_guest", s.forService(s.guestToken)))
	return noStore(rest.Traced(&t))
}

func (s *Server) endpoint(span string, h http.HandlerFunc) http.Handler {
	return rest.Span(s.tracer, span, rest.Timed(s.times.Request, h))
}

// noStore forbids caching of every answer that does not allow it itself.
func noStore(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	rest.Write(w, http.StatusOK, struct {
		Status     string `json:"status"`
		Database   string `json:"database"`
		SigningKey string `json:"signing_key"`
	}{"ready", "healthy", "available"})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	rest.Write(w, http.StatusOK, s.signer.JWKS())
}
