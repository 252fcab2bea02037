// Package devstack runs the whole platform - AC, GC, MC and media handlers - in
// this process: real HTTP, gRPC and QUIC servers on loopback, with certificates
// of a throw-away CA, seeded as a development cluster is, and with switches for
// every fault (package fault).
//
// It shares the wire messages and the frame layout with the client and nothing
// else: a double made from the client's own code would agree with its bugs.
package devstack

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/gc"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/mh"
)

// Times are the time constants of all services. Zero fields mean the platform's
// defaults, which every service documents.
type Times struct {
	AC ac.Times
	GC gc.Times
	MC mc.Times
	MH mh.Times
}

// Addresses are fixed addresses, as host:port; an empty or missing one means a
// free port of 127.0.0.1. MCs and MHs advertise https://host:port of theirs.
type Addresses struct {
	AC, GC string
	MC, MH []string
}

// Options say what to run. The zero value is one MC with two media handlers and
// the platform's own time constants.
type Options struct {
	Handlers int // media handlers; default 2
	MCs      int // meeting controllers; default 1
	Times    Times

	// AsDeployed makes the MC ignore binding tokens, as the platform does today;
	// otherwise a client that presents one resumes, as the platform's design says.
	AsDeployed bool

	// BcryptCost makes sign-ins as slow as wanted: ac.PlatformBcryptCost for the
	// platform's 200 ms of CPU; default ac.QuickBcryptCost.
	BcryptCost int
	Limits     ac.Limits // AC's budgets; default as the platform ships them

	// CertificateLifetime is how long the certificates of MC and MH are good from
	// now on; default just under 14 days, negative: expired so long ago.
	CertificateLifetime time.Duration
	Addresses           Addresses

	// TracerProvider is asked once for each of "ac-service", "gc-service",
	// "mc-service" and "mh-service"; nil, or a nil answer, means no spans.
	TracerProvider func(service string) trace.TracerProvider
	Log            *slog.Logger // nil: silent

	// OnForward and OnDrop are the ground truth of every media handler; see
	// mh.Config.
	OnForward func(mh.Forwarded)
	OnDrop    func(mh.Dropped)
}

// Stack is a running platform.
type Stack struct {
	ACURL        string // http://host:port; needs the organisation in the Host header
	GCURL        string // http://host:port
	Organisation string // seeded, with a cap of 1000 meetings: "devtest"
	SmallCap     string // seeded, with a cap of 10 meetings: "demo"
	ServerName   string // in the certificates of MC and MH, which carry no IP address
	CAPEM        []byte // certificate of the throw-away CA
	RootCAs      *x509.CertPool

	// CertificateHashes are the SHA-256 of the leaf certificates of the MCs and of
	// the media handlers: what a browser wants instead of a CA.
	CertificateHashes [][sha256.Size]byte

	HandlerIDs  []string // as fault.MH.Only knows them
	HandlerURLs []string // advertised, in the same order

	ControllerURLs []string // advertised

	faults      *fault.Panel
	ac          *ac.Server
	gc          *gc.Server
	controllers []*mc.Server
	handlers    []*mh.Server

	closers   []func() error // in the order of starting
	closeOnce sync.Once
	closeErr  error
}

// Faults returns the switchboard of all services.
func (s *Stack) Faults() *fault.Panel { return s.faults }

// MeetingsCreated returns how many meetings count against the caps of their
// organisations. As on the platform it never falls by itself.
func (s *Stack) MeetingsCreated() int { return s.gc.MeetingsCreated() }

// ActiveMeetings returns how many meetings have somebody on their roster at an
// MC, people inside their grace included, or are being torn down.
func (s *Stack) ActiveMeetings() int {
	n := 0
	for _, c := range s.controllers {
		n += c.Meetings()
	}
	return n
}

// Quiesce waits until no meeting is active or being torn down.
func (s *Stack) Quiesce(ctx context.Context) error {
	for s.ActiveMeetings() > 0 {
		for _, c := range s.controllers {
			if err := c.AwaitIdle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// StopHandler ends the media handler with this id for good: every session is
// dropped, and its MC told.
func (s *Stack) StopHandler(id string) error {
	for _, h := range s.handlers {
		if h.ID() == id {
			return h.Close()
		}
	}
	return fmt.Errorf("stopping media handler %s: there is none", id)
}

// StopControllers ends all MCs for good: every session is dropped.
func (s *Stack) StopControllers() error {
	var errs []error
	for _, c := range s.controllers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// StopAC ends AC for good: nobody can sign in, and GC gets no meeting tokens.
func (s *Stack) StopAC() error { return s.ac.Close() }

// StopGC ends GC for good, for people and for the services.
func (s *Stack) StopGC() error { return s.gc.Close() }

// Close stops all services, waits for everything they have started and closes
// every socket. It may be called more than once.
func (s *Stack) Close() error {
	s.closeOnce.Do(func() {
		var errs []error
		for i := len(s.closers) - 1; i >= 0; i-- {
			errs = append(errs, s.closers[i]())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}
