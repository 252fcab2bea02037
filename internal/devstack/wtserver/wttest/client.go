// Package wttest is a bare WebTransport client for the tests of the embedded
// platform's services. It shows the QUIC connection and the CONNECT stream, so
// that a test can end a session in every way there is.
//
// It is for tests only, and shares no code with the prober's own client.
package wttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Dialect is the value of :protocol a client asks for.
type Dialect string

const (
	// Legacy is what browsers and the platform's own library speak.
	Legacy Dialect = "webtransport"
	// Modern is draft 15.
	Modern Dialect = "webtransport-h3"
)

const (
	streamHeader = 0x41   // first varint of a client's bidirectional stream
	closeCapsule = 0x2843 // CLOSE_WEBTRANSPORT_SESSION
)

// Client is one session on one QUIC connection on a socket of its own.
type Client struct {
	Conn    *quic.Conn
	Request *http3.RequestStream // the CONNECT stream

	transport *quic.Transport
	socket    *socket
	wg        sync.WaitGroup
	once      sync.Once
}

// socket can fall silent in both directions.
type socket struct {
	net.PacketConn
	dark atomic.Bool
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	if s.dark.Load() {
		return len(b), nil
	}
	return s.PacketConn.WriteTo(b, to)
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if err != nil || !s.dark.Load() {
			return n, from, err
		}
	}
}

// Dial opens a session at addr and closes it at the end of the test.
func Dial(ctx context.Context, tb testing.TB, addr net.Addr, dialect Dialect) *Client {
	tb.Helper()
	c, err := TryDial(ctx, addr, dialect)
	if err != nil {
		tb.Fatalf("dialing WebTransport at %s: %v", addr, err)
	}
	tb.Cleanup(c.Close)
	return c
}

// TryDial opens a session at addr; the caller closes it.
func TryDial(ctx context.Context, addr net.Addr, dialect Dialect) (_ *Client, err error) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	c := &Client{socket: &socket{PacketConn: udp}}
	c.transport = &quic.Transport{Conn: c.socket}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	c.Conn, err = c.transport.Dial(ctx, addr,
		&tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}},
		&quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, MaxIdleTimeout: 30 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	h3 := &http3.Transport{EnableDatagrams: true, DisableCompression: true}
	raw := h3.NewRawClientConn(c.Conn)
	c.wg.Go(func() {
		for {
			str, err := c.Conn.AcceptUniStream(context.Background())
			if err != nil {
				return
			}
			c.wg.Go(func() { raw.HandleUnidirectionalStream(str) })
		}
	})
	select {
	case <-raw.ReceivedSettings():
	case <-c.Conn.Context().Done():
		return nil, fmt.Errorf("settings: %w", context.Cause(c.Conn.Context()))
	case <-ctx.Done():
		return nil, fmt.Errorf("settings: %w", ctx.Err())
	}
	if c.Request, err = raw.OpenRequestStream(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	u := &url.URL{Scheme: "https", Host: addr.String(), Path: "/any/path"}
	req := &http.Request{Method: http.MethodConnect, Proto: string(dialect), Host: "any.authority", URL: u,
		Header: http.Header{"Origin": {"https://any.origin"}}}
	if err = c.Request.SendRequestHeader(req.WithContext(ctx)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	rsp, err := c.Request.ReadResponse()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if rsp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("connect: status %d", rsp.StatusCode)
	}
	return c, nil
}

// OpenStream opens a bidirectional stream and writes its header and first in
// one go.
func (c *Client) OpenStream(ctx context.Context, first []byte) (*quic.Stream, error) {
	str, err := c.Conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	b := quicvarint.Append(nil, streamHeader)
	b = quicvarint.Append(b, uint64(c.Request.StreamID()))
	if _, err := str.Write(append(b, first...)); err != nil {
		return nil, err
	}
	return str, nil
}

// OpenMessage opens a stream and sends one message framed with its length in
// four bytes, big-endian.
func (c *Client) OpenMessage(ctx context.Context, body []byte) (*quic.Stream, error) {
	return c.OpenStream(ctx, append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
}

// CloseCapsule ends the session alone: a close capsule in one DATA frame.
func (c *Client) CloseCapsule(code uint32, reason string) error {
	b := quicvarint.Append(nil, closeCapsule)
	b = quicvarint.Append(b, uint64(4+len(reason)))
	b = append(binary.BigEndian.AppendUint32(b, code), reason...)
	if _, err := c.Request.Write(b); err != nil {
		return err
	}
	return c.Request.Close()
}

// Vanish makes the socket dark in both directions, for ever.
func (c *Client) Vanish() { c.socket.dark.Store(true) }

// Ended waits until the QUIC connection has ended and returns why.
func (c *Client) Ended(ctx context.Context) error {
	select {
	case <-c.Conn.Context().Done():
		return context.Cause(c.Conn.Context())
	case <-ctx.Done():
		return fmt.Errorf("the connection has not ended: %w", ctx.Err())
	}
}

// Close closes the QUIC connection with application code 0 and frees everything.
func (c *Client) Close() {
	c.once.Do(func() {
		if c.Conn != nil {
			c.Conn.CloseWithError(0, "")
		}
		c.transport.Close()
		c.socket.Close()
		c.wg.Wait()
	})
}

// Listen returns a UDP socket on loopback.
func Listen(tb testing.TB) net.PacketConn {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("opening a socket: %v", err)
	}
	return conn
}

// Certificate returns a fresh self-signed certificate.
func Certificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("making a key: %v", err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		tb.Fatalf("making a certificate: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
