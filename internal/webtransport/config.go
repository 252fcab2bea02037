package webtransport

import (
	"crypto/x509"
	"net"
	"time"
)

// Dialect is a generation of the WebTransport over HTTP/3 drafts.
type Dialect int

const (
	// Auto takes what the server's SETTINGS announce: Modern where possible, else Legacy.
	Auto Dialect = iota
	// Legacy is draft-02 to draft-14: `:protocol` is webtransport. Dark Tower's
	// servers and today's browsers speak it.
	Legacy
	// Modern is draft-15 and later: `:protocol` is webtransport-h3, and stream
	// resets keep the stream header (reset_stream_at).
	Modern
)

// String names the dialect.
func (d Dialect) String() string {
	switch d {
	case Auto:
		return "auto"
	case Legacy:
		return "legacy"
	case Modern:
		return "modern"
	}
	return "unknown"
}

// Config says how to dial. The zero value verifies against the system's roots
// and speaks the dialect the server speaks.
type Config struct {
	// ServerName is the name sent as SNI and verified in the certificate.
	// Empty: the host of the advertised URL.
	ServerName string
	// RootCAs are the trusted authorities. Nil: the system's.
	RootCAs *x509.CertPool
	// LeafPins are SHA-256 digests of DER leaf certificates. With pins, a leaf
	// that matches one of them is trusted: chain and name are not looked at, the
	// validity dates are.
	LeafPins [][32]byte
	// InsecureSkipVerify accepts any certificate. For local development only.
	InsecureSkipVerify bool

	// Endpoints maps advertised to dialed addresses.
	Endpoints EndpointMap
	// Resolver looks hosts up. Nil: [net.DefaultResolver].
	Resolver *net.Resolver

	// Dialect forces one dialect. Auto: what the server announces.
	Dialect Dialect
	// RawStreamCodes sends stream reset codes as they are, as wtransport does,
	// instead of mapped into HTTP/3's code space.
	RawStreamCodes bool

	// IdleTimeout ends a silent connection. The smaller one of both ends counts.
	// Zero: 30 s.
	IdleTimeout time.Duration
	// KeepAlive is the period of QUIC keep-alives; quic-go caps it at half of the
	// idle timeout. Zero: 3 s. Negative: none.
	KeepAlive time.Duration
	// HandshakeTimeout is how long a server may be silent before the QUIC
	// handshake is given up; a handshake that dribbles is given up after twice
	// that. Zero: 5 s.
	HandshakeTimeout time.Duration

	// QlogDir is an existing directory that gets one qlog file (.sqlog) per
	// connection. Empty: none.
	QlogDir string
	// InitialPacketSize is the size of the first packets in bytes, 1200 to 1452.
	// Zero: 1280.
	InitialPacketSize uint16
	// DisablePathMTUDiscovery keeps packets at their initial size.
	DisablePathMTUDiscovery bool
}
