// Package devstack is the platform in one process: AC, GC, MCs and MHs on
// loopback, with real HTTP, gRPC, QUIC and WebTransport between them and a
// throw-away CA. It behaves as the platform's contract says, or as its fault
// switches say.
//
// It shares the wire messages and the frame header with the client and nothing
// else: a double made from the client's own code would agree with its bugs.
package devstack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/gc"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// Organisation is the subdomain of the organisation that is seeded with a large
// cap; "demo" is seeded with the schema's defaults (platform contract, AC/GC 10.2).
const Organisation = "devtest"

// devtestCap is the cap of Organisation in a development cluster.
const devtestCap = 1000

// Times groups the services' time constants; zero fields are the platform's.
type Times struct {
	AC ac.Times
	GC gc.Times
	MC mc.Times
	MH mh.Times
}

// Options say what to run. The zero value is one MC and two handlers with the
// platform's own time constants.
type Options struct {
	MCs      int // default 1
	Handlers int // default 2
	Times    Times
	Limits   ac.Limits

	// AsDeployed ignores binding tokens, as the platform does today; otherwise
	// sessions resume, as its design says.
	AsDeployed bool
	// BcryptCost of passwords; default ac.QuickBcryptCost. The platform's is
	// ac.PlatformBcryptCost, 200 to 250 ms of CPU for each sign-in.
	BcryptCost int
	// CertificateLifetime of MC's and MH's certificate; default and longest
	// MaxCertificateLifetime. A negative one gives a certificate that has expired.
	CertificateLifetime time.Duration

	// TracerProvider gives each service ("ac", "gc", "mc-0", "mh-1" ...) its own;
	// nil: no spans, and empty trace fields on the wire.
	TracerProvider func(service string) trace.TracerProvider
	Log            *slog.Logger // nil: silent

	OnForward func(mh.Forwarded) // ground truth of what was relayed; must not block
	OnDrop    func(mh.Dropped)
}

// Stack is a running platform.
type Stack struct {
	ACURL, GCURL string
	Organisation string
	ServerName   string // in the certificate of MC and MH
	CAPEM        []byte
	RootCAs      *x509.CertPool

	faults *fault.Panel
	ac     *ac.Server
	gc     *gc.Server
	mcs    []*mc.Server
	mhs    []*mh.Server
}

// Start starts everything and returns when all have registered with each other.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	if o.MCs <= 0 {
		o.MCs = 1
	}
	if o.Handlers <= 0 {
		o.Handlers = 2
	}
	if o.CertificateLifetime == 0 || o.CertificateLifetime > MaxCertificateLifetime {
		o.CertificateLifetime = MaxCertificateLifetime
	}
	cert, caPEM, err := issue(o.CertificateLifetime)
	if err != nil {
		return nil, err
	}
	s := &Stack{Organisation: Organisation, ServerName: "localhost", CAPEM: caPEM, RootCAs: x509.NewCertPool(), faults: new(fault.Panel)}
	s.RootCAs.AppendCertsFromPEM(caPEM)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.startHTTP(ctx, o); err != nil {
		return nil, err
	}
	for n := range o.MCs {
		if err := s.startMC(ctx, o, n, cert); err != nil {
			return nil, err
		}
	}
	for n := range o.Handlers {
		if err := s.startMH(ctx, o, n, cert); err != nil {
			return nil, err
		}
	}
	if err := s.gc.AwaitRegistered(ctx, o.MCs, o.Handlers); err != nil {
		return nil, fmt.Errorf("waiting for MCs and MHs to register at GC: %w", err)
	}
	return s, nil
}

func (s *Stack) startHTTP(ctx context.Context, o Options) error {
	devtest, demo := uuid.New(), uuid.New()
	listener, err := listen()
	if err != nil {
		return err
	}
	s.ac, err = ac.Start(ctx, ac.Config{
		Listener:      listener,
		Organisations: []ac.Organisation{{Subdomain: Organisation, ID: devtest}, {Subdomain: "demo", ID: demo}},
		Times:         o.Times.AC, Limits: o.Limits, BcryptCost: o.BcryptCost,
		Faults: s.faults, Tracer: o.tracer("ac"), Log: o.log("ac"),
	})
	if err != nil {
		return fmt.Errorf("starting AC: %w", err)
	}
	s.ACURL = s.ac.URL()

	front, err := listen()
	if err != nil {
		return err
	}
	back, err := listen()
	if err != nil {
		return errors.Join(err, front.Close())
	}
	s.gc, err = gc.Start(ctx, gc.Config{
		HTTP: front, GRPC: back, ACURL: s.ACURL, JWKSURL: s.ac.JWKSURL(), Service: s.service("global-controller"),
		Organisations: []gc.Organisation{{ID: devtest, MaxMeetings: devtestCap}, {ID: demo}},
		Times:         o.Times.GC, Faults: s.faults, Tracer: o.tracer("gc"), Log: o.log("gc"),
	})
	if err != nil {
		return fmt.Errorf("starting GC: %w", err)
	}
	s.GCURL = s.gc.URL()
	return nil
}

func (s *Stack) startMC(ctx context.Context, o Options, n int, cert tls.Certificate) error {
	name := fmt.Sprintf("mc-%d", n)
	conn, grpc, err := sockets()
	if err != nil {
		return err
	}
	server, err := mc.Start(ctx, mc.Config{
		ID: name + "-" + uuid.NewString()[:8], AdvertiseURL: "https://" + conn.LocalAddr().String(), Conn: conn, Certificate: cert,
		GRPC: grpc, GCAddr: s.gc.GRPCAddr(), JWKSURL: s.ac.JWKSURL(), Service: s.service("meeting-controller"),
		Times: o.Times.MC, AsDeployed: o.AsDeployed, Faults: s.faults, Tracer: o.tracer(name), Log: o.log(name),
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.mcs = append(s.mcs, server)
	return nil
}

func (s *Stack) startMH(ctx context.Context, o Options, n int, cert tls.Certificate) error {
	name := fmt.Sprintf("mh-%d", n)
	conn, grpc, err := sockets()
	if err != nil {
		return err
	}
	server, err := mh.Start(ctx, mh.Config{
		ID: name, AdvertiseURL: "https://" + conn.LocalAddr().String(), Conn: conn, Certificate: cert,
		GRPC: grpc, GCAddr: s.gc.GRPCAddr(), JWKSURL: s.ac.JWKSURL(), Service: s.service("media-handler"),
		Times: o.Times.MH, Faults: s.faults, Tracer: o.tracer(name), Log: o.log(name), OnForward: o.OnForward, OnDrop: o.OnDrop,
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.mhs = append(s.mhs, server)
	return server.Ready(ctx)
}

// service is the seeded credential of one of the platform's services.
func (s *Stack) service(clientID string) *token.ServiceSource {
	for _, c := range ac.SeededCredentials() {
		if c.ClientID == clientID {
			return token.NewServiceSource(s.ACURL, c.ClientID, c.Secret)
		}
	}
	return nil
}

func (o Options) tracer(service string) trace.TracerProvider {
	if o.TracerProvider == nil {
		return nil
	}
	return o.TracerProvider(service)
}

func (o Options) log(service string) *slog.Logger {
	if o.Log == nil {
		return nil
	}
	return o.Log.With("service", service)
}

func listen() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return l, nil
}

// sockets opens what an MC or an MH needs: UDP for WebTransport, TCP for gRPC.
func sockets() (net.PacketConn, net.Listener, error) {
	grpc, err := listen()
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listening on loopback: %w", err), grpc.Close())
	}
	return conn, grpc, nil
}

// Faults is the switchboard of all services.
func (s *Stack) Faults() *fault.Panel { return s.faults }

// MeetingsCreated is how many meetings were ever created: what the cap counts,
// and nothing frees.
func (s *Stack) MeetingsCreated() int { return s.gc.MeetingsCreated() }

// ActiveMeetings is how many meetings have somebody on the roster, graces
// included, or are being released.
func (s *Stack) ActiveMeetings() int {
	n := 0
	for _, m := range s.mcs {
		n += m.Meetings()
	}
	return n
}

// Quiesce waits until no meeting is active or being released, so that the next
// join finds its meeting empty.
func (s *Stack) Quiesce(ctx context.Context) error {
	for _, m := range s.mcs {
		if err := m.AwaitIdle(ctx); err != nil {
			return fmt.Errorf("waiting for the meetings to end: %w", err)
		}
	}
	return nil
}

// Handlers are the media handlers, for their ids and statistics.
func (s *Stack) Handlers() []*mh.Server { return s.mhs }

// Close stops everything and waits for all of it. It may be called more than once.
func (s *Stack) Close() error {
	var errs []error
	for _, m := range s.mcs {
		errs = append(errs, m.Close())
	}
	for _, m := range s.mhs {
		errs = append(errs, m.Close())
	}
	if s.gc != nil {
		errs = append(errs, s.gc.Close())
	}
	if s.ac != nil {
		errs = append(errs, s.ac.Close())
	}
	return errors.Join(errs...)
}
