// Package web is the daemon's one HTTP port: metrics and health for machines, the
// API and the page for people. It decides who may see and do what; what there is
// to see comes from its Options. It knows nothing of how probes are run.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

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
type BusyError struct{ Why string }

func (e *BusyError) Error() string { return "the probe cannot be run now: " + e.Why }

// Options are what the port serves. Metrics, Runs and Probes are needed.
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
type Server struct{}

// New checks the options. It fails when something that is needed is missing, and
// for a token that can be guessed.
func New(o Options) (*Server, error) { return &Server{}, nil }

// Handler serves every path of the port.
func (s *Server) Handler() http.Handler { return http.NotFoundHandler() }

// Serve answers on l until ctx is done, and then ends the requests that are under
// way within seconds. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return nil }

// IsLoopback reports whether only this machine can reach addr.
func IsLoopback(addr net.Addr) bool { return false }
