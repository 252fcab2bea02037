package webtransport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

// dialRaw is what a dial costs without HTTP/3 and WebTransport: a socket, a
// transport and a QUIC handshake. It gives the connection and what closes it all.
func dialRaw(b *testing.B, url, alpn string, roots *x509.CertPool) (*quic.Conn, func()) {
	b.Helper()
	addr, err := net.ResolveUDPAddr("udp4", strings.TrimPrefix(url, "https://"))
	if err != nil {
		b.Fatal(err)
	}
	sock, err := net.ListenUDP("udp4", nil)
	if err != nil {
		b.Fatal(err)
	}
	tr := &quic.Transport{Conn: sock}
	c, err := tr.Dial(context.Background(), addr,
		&tls.Config{ServerName: "localhost", RootCAs: roots, NextProtos: []string{alpn}, CurvePreferences: []tls.CurveID{tls.X25519}},
		&quic.Config{EnableDatagrams: true})
	if err != nil {
		b.Fatal(err)
	}
	return c, func() {
		_ = c.CloseWithError(0, "")
		_ = tr.Close()
		_ = sock.Close()
	}
}

// rawEcho answers datagrams without HTTP/3.
func rawEcho(c *quic.Conn) {
	for {
		b, err := c.ReceiveDatagram(c.Context())
		if err != nil || c.SendDatagram(b) != nil {
			return
		}
	}
}

// BenchmarkDial dials and closes: a QUIC connection alone, and a session.
func BenchmarkDial(b *testing.B) {
	b.Run("raw QUIC", func(b *testing.B) {
		url, cfg := rawServer(b, "raw", func(*quic.Conn) {})
		b.ReportAllocs()
		for b.Loop() {
			_, closeAll := dialRaw(b, url, "raw", cfg.RootCAs)
			closeAll()
		}
	})
	session := func(b *testing.B, url string, cfg Config) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := Dial(context.Background(), url, cfg)
			if err != nil {
				b.Fatal(err)
			}
			_ = s.CloseConnection(0, "")
		}
	}
	b.Run("session, legacy", func(b *testing.B) {
		url, cfg := double(b, wtdouble.Config{})
		session(b, url, cfg)
	})
	b.Run("session, modern", func(b *testing.B) {
		url, cfg := modernServer(b, modernEcho)
		session(b, url, cfg)
	})
}

// BenchmarkDatagramEcho sends a datagram of the size of an audio frame and waits
// for it to come back.
func BenchmarkDatagramEcho(b *testing.B) {
	payload := make([]byte, 240)
	b.Run("raw QUIC", func(b *testing.B) {
		url, cfg := rawServer(b, "raw", rawEcho)
		c, closeAll := dialRaw(b, url, "raw", cfg.RootCAs)
		defer closeAll()
		b.ReportAllocs()
		for b.Loop() {
			if err := c.SendDatagram(payload); err != nil {
				b.Fatal(err)
			}
			if _, err := c.ReceiveDatagram(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("session", func(b *testing.B) {
		url, cfg := double(b, wtdouble.Config{OnSession: wtdouble.Echo})
		s, err := Dial(context.Background(), url, cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer s.CloseConnection(0, "")
		b.ReportAllocs()
		for b.Loop() {
			if err := s.SendDatagram(payload); err != nil {
				b.Fatal(err)
			}
			if _, err := s.ReceiveDatagram(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
