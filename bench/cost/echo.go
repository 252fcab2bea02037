package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/devstack/wtserver"
	"github.com/dark-tower/prober/internal/link"
)

const (
	rawProtocol   = "raw"
	relayProtocol = "raw-relay"
	serverName    = "localhost"
)

// echoTold is where the two servers are, directly and through a link.
type echoTold struct {
	Raw, Session         string
	RawLink, SessionLink string
	CAPEM                []byte
}

// serveEcho runs a WebTransport server and a raw QUIC server that answers in as
// many round trips. Both send their settings when the handshake is complete.
func serveEcho(ctx context.Context) (any, func() error, error) {
	certificate, roots, err := certify()
	if err != nil {
		return nil, nil, err
	}
	var closers []func() error
	stop := func() error {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		return errors.Join(errs...)
	}
	start := func() (any, error) {
		told := echoTold{CAPEM: roots}
		session, err := serveSessions(certificate)
		if err != nil {
			return nil, err
		}
		closers = append(closers, session.Close)
		told.Session = session.Addr().String()
		raw, err := serveRaw(ctx, certificate)
		if err != nil {
			return nil, err
		}
		closers = append(closers, raw.close)
		told.Raw = raw.listener.Addr().String()
		spec, err := link.Parse("delay=5ms")
		if err != nil {
			return nil, err
		}
		for server, addr := range map[string]*string{told.Session: &told.SessionLink, told.Raw: &told.RawLink} {
			l, err := link.Listen(server, link.Config{Spec: spec, MaxClients: 1 << 12})
			if err != nil {
				return nil, err
			}
			closers = append(closers, l.Close)
			*addr = l.Addr()
		}
		return told, nil
	}
	told, err := start()
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return told, stop, nil
}

// answer sends a framed message back.
func answer(s io.ReadWriter) {
	if body, err := framing.Read(s, nil); err == nil {
		_ = framing.Write(s, body)
	}
}

func serveSessions(certificate tls.Certificate) (*wtserver.Server, error) {
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	return wtserver.Serve(wtserver.Config{Conn: sock, Certificate: certificate, OnSession: func(ctx context.Context, s *wtserver.Session) {
		if stream, err := s.AcceptStream(ctx); err == nil {
			answer(stream)
		}
		<-ctx.Done()
	}})
}

// rawServer answers on QUIC alone.
type rawServer struct {
	sock      *net.UDPConn
	transport *quic.Transport
	listener  *quic.Listener
	lines     sync.Map // name to the *quic.Conn that receives
	wg        sync.WaitGroup
}

func serveRaw(ctx context.Context, certificate tls.Certificate) (*rawServer, error) {
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r := &rawServer{sock: sock, transport: &quic.Transport{Conn: sock}}
	r.listener, err = r.transport.Listen(
		&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{rawProtocol, relayProtocol}}, &quic.Config{EnableDatagrams: true})
	if err != nil {
		return nil, errors.Join(err, r.transport.Close(), sock.Close())
	}
	r.wg.Go(func() {
		for {
			conn, err := r.listener.Accept(ctx)
			if err != nil {
				return
			}
			r.wg.Go(func() { _ = r.serve(ctx, conn) })
		}
	})
	return r, nil
}

func (r *rawServer) serve(ctx context.Context, conn *quic.Conn) error {
	if conn.ConnectionState().TLS.NegotiatedProtocol == relayProtocol {
		return r.relay(ctx, conn)
	}
	settings, err := conn.OpenUniStream()
	if err != nil {
		return err
	}
	if _, err := settings.Write(make([]byte, settingsLen)); err != nil {
		return err
	}
	request, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(request, make([]byte, requestLen)); err != nil {
		return err
	}
	if _, err := request.Write(make([]byte, responseLen)); err != nil {
		return err
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	answer(stream)
	<-conn.Context().Done()
	return nil
}

// relay carries datagrams one way, as a media handler does: from the connection that
// names itself on its first stream to the one that has done so before it.
func (r *rawServer) relay(ctx context.Context, conn *quic.Conn) error {
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	name, err := framing.Read(stream, nil)
	if err != nil {
		return err
	}
	other, there := r.lines.LoadOrStore(string(name), conn)
	if err := framing.Write(stream, name); err != nil {
		return err
	}
	if !there {
		<-conn.Context().Done()
		return nil
	}
	defer r.lines.Delete(string(name))
	for {
		data, err := conn.ReceiveDatagram(ctx)
		if err != nil {
			return err
		}
		if err := other.(*quic.Conn).SendDatagram(data); err != nil {
			return err
		}
	}
}

func (r *rawServer) close() error {
	err := errors.Join(r.listener.Close(), r.transport.Close())
	r.wg.Wait()
	return errors.Join(err, r.sock.Close())
}

// certify makes a certificate that is its own authority.
func certify() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{serverName}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
