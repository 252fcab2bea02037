package devstack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/gc"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/devstack/token"
)

// What a development cluster seeds (platform contract, AC/GC 10.2).
const (
	devtest    = "devtest"
	devtestCap = 1000
	demo       = "demo"
	region     = "dev"
	loopback   = "127.0.0.1:0"
)

// Start runs the platform and returns when every MC and MH has registered at
// GC. ctx bounds the start only; Close ends what was started.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	s := &Stack{
		Organisation: devtest,
		SmallCap:     demo,
		ServerName:   "localhost",
		faults:       &fault.Panel{},
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded platform: %w", err), s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, opts Options) error {
	opts.Handlers, opts.MCs = cmp.Or(opts.Handlers, 2), cmp.Or(opts.MCs, 1)
	if opts.Handlers < 0 || opts.MCs < 0 {
		return fmt.Errorf("%d MCs and %d media handlers make no platform", opts.MCs, opts.Handlers)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.TracerProvider == nil {
		opts.TracerProvider = func(string) trace.TracerProvider { return nil }
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	s.CAPEM = ca.pem()
	s.RootCAs = x509.NewCertPool()
	s.RootCAs.AddCert(ca.certificate)

	devtestID, demoID := uuid.New(), uuid.New()
	auth, err := s.startAC(ctx, opts, []ac.Organisation{{Subdomain: devtest, ID: devtestID}, {Subdomain: demo, ID: demoID}})
	if err != nil {
		return err
	}
	services := newServices(auth.URL())
	if err := s.startGC(ctx, opts, auth, services, []gc.Organisation{{ID: devtestID, MaxMeetings: devtestCap}, {ID: demoID}}); err != nil {
		return err
	}
	if err := s.startMCs(ctx, opts, ca, auth, services); err != nil {
		return err
	}
	if err := s.startMHs(ctx, opts, ca, auth, services); err != nil {
		return err
	}
	return s.gc.AwaitRegistered(ctx, opts.MCs, opts.Handlers)
}

// services are the credentials of the platform's services at AC.
type services struct{ gc, mc, mh *token.ServiceSource }

func newServices(acURL string) services {
	byType := make(map[string]*token.ServiceSource)
	for _, c := range ac.SeededCredentials() {
		byType[c.ClientID] = token.NewServiceSource(acURL, c.ClientID, c.Secret)
	}
	return services{gc: byType[token.GlobalController], mc: byType[token.MeetingController], mh: byType[token.MediaHandler]}
}

func (s *Stack) startAC(ctx context.Context, opts Options, organisations []ac.Organisation) (*ac.Server, error) {
	ln, err := listen(ctx, opts.Addresses.AC)
	if err != nil {
		return nil, err
	}
	auth, err := ac.Start(ctx, ac.Config{
		Listener:      ln,
		Organisations: organisations,
		Times:         opts.Times.AC,
		Limits:        opts.Limits,
		BcryptCost:    opts.BcryptCost,
		Faults:        s.faults,
		Tracer:        opts.TracerProvider("ac-service"),
		Log:           opts.Log.With("service", "ac-service"),
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, auth.Close)
	s.ac, s.ACURL = auth, auth.URL()
	return auth, nil
}

func (s *Stack) startGC(ctx context.Context, opts Options, auth *ac.Server, services services, organisations []gc.Organisation) error {
	web, err := listen(ctx, opts.Addresses.GC)
	if err != nil {
		return err
	}
	rpc, err := listen(ctx, "")
	if err != nil {
		return errors.Join(err, web.Close())
	}
	s.gc, err = gc.Start(ctx, gc.Config{
		HTTP:          web,
		GRPC:          rpc,
		ACURL:         auth.URL(),
		JWKSURL:       auth.JWKSURL(),
		Service:       services.gc,
		Region:        region,
		Organisations: organisations,
		Times:         opts.Times.GC,
		Faults:        s.faults,
		Tracer:        opts.TracerProvider("gc-service"),
		Log:           opts.Log.With("service", "gc-service"),
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.gc.Close)
	s.GCURL = s.gc.URL()
	return nil
}

func (s *Stack) startMCs(ctx context.Context, opts Options, ca *authority, auth *ac.Server, services services) error {
	certificate, err := ca.leaf("mc", opts.CertificateLifetime)
	if err != nil {
		return err
	}
	s.CertificateHashes = append(s.CertificateHashes, sha256.Sum256(certificate.Certificate[0]))
	tracer := opts.TracerProvider("mc-service")
	for i := range opts.MCs {
		rpc, udp, err := sockets(ctx, opts.Addresses.MC, i)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("mc-%d-%s", i, uuid.NewString()[:8]) // changes with every start, as a pod's does
		controller, err := mc.Start(ctx, mc.Config{
			ID:           id,
			Region:       region,
			AdvertiseURL: advertised(udp),
			Conn:         udp,
			Certificate:  certificate,
			GRPC:         rpc,
			GCAddr:       s.gc.GRPCAddr(),
			JWKSURL:      auth.JWKSURL(),
			Service:      services.mc,
			Times:        opts.Times.MC,
			AsDeployed:   opts.AsDeployed,
			Faults:       s.faults,
			Tracer:       tracer,
			Log:          opts.Log.With("service", "mc-service", "instance", id),
		})
		if err != nil {
			release(udp, rpc)
			return err
		}
		s.controllers = append(s.controllers, controller)
		s.ControllerURLs = append(s.ControllerURLs, advertised(udp))
		s.closers = append(s.closers, controller.Close)
	}
	return nil
}

// startMHs comes after the MCs so that Close ends handlers first: they tell
// their MC of every connection that goes.
func (s *Stack) startMHs(ctx context.Context, opts Options, ca *authority, auth *ac.Server, services services) error {
	certificate, err := ca.leaf("mh", opts.CertificateLifetime)
	if err != nil {
		return err
	}
	s.CertificateHashes = append(s.CertificateHashes, sha256.Sum256(certificate.Certificate[0]))
	tracer := opts.TracerProvider("mh-service")
	for i := range opts.Handlers {
		rpc, udp, err := sockets(ctx, opts.Addresses.MH, i)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("mh-%d", i)
		handler, err := mh.Start(ctx, mh.Config{
			ID:           id,
			Region:       region,
			AdvertiseURL: advertised(udp),
			Conn:         udp,
			Certificate:  certificate,
			GRPC:         rpc,
			GCAddr:       s.gc.GRPCAddr(),
			JWKSURL:      auth.JWKSURL(),
			Service:      services.mh,
			Times:        opts.Times.MH,
			Faults:       s.faults,
			Tracer:       tracer,
			Log:          opts.Log.With("service", "mh-service", "instance", id),
			OnForward:    opts.OnForward,
			OnDrop:       opts.OnDrop,
		})
		if err != nil {
			release(udp, rpc)
			return err
		}
		s.closers = append(s.closers, handler.Close)
		s.handlers = append(s.handlers, handler)
		s.HandlerIDs = append(s.HandlerIDs, id)
		s.HandlerURLs = append(s.HandlerURLs, advertised(udp))
	}
	return nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", cmp.Or(address, loopback))
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return ln, nil
}

// sockets returns the gRPC and the WebTransport socket of the i-th MC or MH.
func sockets(ctx context.Context, addresses []string, i int) (net.Listener, net.PacketConn, error) {
	address := loopback
	if i < len(addresses) && addresses[i] != "" {
		address = addresses[i]
	}
	rpc, err := listen(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	var c net.ListenConfig
	udp, err := c.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listening: %w", err), rpc.Close())
	}
	return rpc, udp, nil
}

// release closes sockets that a failed start may or may not have closed.
func release(sockets ...io.Closer) {
	for _, c := range sockets {
		_ = c.Close()
	}
}

func advertised(conn net.PacketConn) string { return "https://" + conn.LocalAddr().String() }
