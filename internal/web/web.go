// Package web is the daemon's one HTTP port: metrics and health for machines, the
// API and the page for people. It decides who may see and do what; what there is
// to see comes from its Options. It knows nothing of how probes are run.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page"
)

// The values that Options.Probes returns.
type (
	ProbeStatus     = page.ProbeStatus
	ObjectiveStatus = page.ObjectiveStatus
	Burn            = page.Burn
	LaneRest        = page.LaneRest
)

// ErrUnknownProbe is what Trigger returns for a probe that does not exist.
var ErrUnknownProbe = errors.New("no probe has that name")

// BusyError is what Trigger returns for a probe that cannot be run now.
type BusyError struct {
	Why   string
	Until time.Time // when that ends; zero when it is not known
}

func (e *BusyError) Error() string { return "the probe cannot be run now: " + e.Why }

// Options are what the port serves. Metrics, Runs, Probes and Log are needed.
type Options struct {
	Metrics http.Handler
	Runs    *history.Store
	Probes  func() []ProbeStatus // in the order of the configuration
	// Trigger runs a probe now and returns when it has finished. Its context ends
	// with the request. Nil: no run can be started.
	Trigger func(ctx context.Context, probe string) (flows.Run, error)
	Alive   func() error // of /health; nil: always
	Ready   func() error // of /ready; nil: always
	// Loopback says that the port is bound to a loopback address, where whoever
	// can reach it may see and do everything.
	Loopback bool
	// Token opens page and API to whoever shows it, where the port is bound wider.
	// Without one they are closed. At least MinToken bytes.
	Token    httpapi.Secret
	Version  string
	Platform string // which deployment is probed, in words; may be empty
	Log      *slog.Logger
}

// MinToken is the length in bytes from which on a token cannot be guessed.
const MinToken = 16

// Server serves one port.
type Server struct {
	o       Options
	handler http.Handler
	limits  limits
	running sync.WaitGroup // requests that are being answered
}

// New checks the options. It fails when something that is needed is missing, and
// for a token that can be guessed.
func New(o Options) (*Server, error) {
	if o.Metrics == nil || o.Runs == nil || o.Probes == nil || o.Log == nil {
		return nil, errors.New("the port needs metrics, runs, probes and a log to serve")
	}
	if o.Token != "" && len(o.Token.Reveal()) < MinToken {
		return nil, fmt.Errorf("the token of the port is shorter than %d bytes: it could be guessed", MinToken)
	}
	s := &Server{o: o, limits: defaultLimits}
	s.handler = s.count(s.guard(s.routes()))
	return s, nil
}

// Handler serves every path of the port.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.o.Metrics)
	mux.HandleFunc("GET /health", answer(s.o.Alive))
	mux.HandleFunc("GET /ready", answer(s.o.Ready))

	mux.HandleFunc("GET /api/v1/probes", s.listProbes)
	mux.HandleFunc("POST /api/v1/probes/{name}/run", s.runProbe)
	mux.HandleFunc("GET /api/v1/runs", s.listRuns)
	mux.HandleFunc("GET /api/v1/runs/{id}", s.getRun)

	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /runs/{id}", s.runPage)
	profiles(mux)
	return inJSON(mux)
}

// answer says ok, or what is wrong.
func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", plainText)
		if check != nil {
			if err := check(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = fmt.Fprintln(w, err)
				return
			}
		}
		_, _ = fmt.Fprintln(w, "ok")
	}
}

// count lets Serve wait for every answer.
func (s *Server) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1)
		defer s.running.Done()
		next.ServeHTTP(w, r)
	})
}

// now is when an answer is made; ages are relative to it.
func now() time.Time { return time.Now().UTC() }
