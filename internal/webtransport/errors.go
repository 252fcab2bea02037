package webtransport

import "fmt"

// Phase is the part of a dial in which it failed.
type Phase string

// The phases of a dial, in order.
const (
	PhaseURL       Phase = "url"
	PhaseDNS       Phase = "dns"
	PhaseSocket    Phase = "socket"
	PhaseHandshake Phase = "handshake"
	PhaseSettings  Phase = "settings"
	PhaseConnect   Phase = "connect"
)

// Kind is the cause of a failed dial.
type Kind string

// The kinds of a failed dial.
const (
	// KindLocal: this host could not send or open what it needed (no route, no
	// permission, too many open files), or was called wrongly.
	KindLocal Kind = "local"
	// KindNoSuchHost: the resolver answered that the name does not exist.
	KindNoSuchHost Kind = "no_such_host"
	// KindResolver: the resolver failed or did not answer.
	KindResolver Kind = "resolver"
	// KindUnreachable: the UDP port is closed; the host said so.
	KindUnreachable Kind = "unreachable"
	// KindTimeout: nothing (or not what was needed) arrived in time.
	KindTimeout Kind = "timeout"
	// KindTLSExpired: the certificate is outside its validity dates.
	KindTLSExpired Kind = "tls_expired"
	// KindTLSUnknownCA: no trusted authority signed the certificate.
	KindTLSUnknownCA Kind = "tls_unknown_ca"
	// KindTLSWrongName: the certificate is for other names.
	KindTLSWrongName Kind = "tls_wrong_name"
	// KindTLSPin: the leaf matches none of the pins.
	KindTLSPin Kind = "tls_pin"
	// KindTLSOther: any other failure of the TLS handshake.
	KindTLSOther Kind = "tls_other"
	// KindNoHTTP3: the server does not speak HTTP/3 (ALPN).
	KindNoHTTP3 Kind = "no_http3"
	// KindNoWebTransport: the server's SETTINGS announce no WebTransport, or not
	// the forced dialect.
	KindNoWebTransport Kind = "no_webtransport"
	// KindRefused: the server refused the QUIC connection (CONNECTION_REFUSED).
	KindRefused Kind = "refused"
	// KindStatus: CONNECT was answered with a status other than 2xx.
	KindStatus Kind = "status"
	// KindClosed: the server closed the connection, or reset the CONNECT stream,
	// before the session was there.
	KindClosed Kind = "closed"
	// KindCanceled: the caller gave up.
	KindCanceled Kind = "canceled"
	// KindProtocol: the server broke QUIC or HTTP/3.
	KindProtocol Kind = "protocol"
)

// DialError is the error of [Dial].
type DialError struct {
	Phase Phase
	Kind  Kind
	// Addr is what was dialed: the IP address and port from PhaseSocket on, the
	// host and port before.
	Addr string
	// Status is the HTTP status of a KindStatus error, else 0.
	Status int
	// Heard tells whether any packet came back from Addr.
	Heard bool
	// Mapped tells whether the endpoint map gave the address.
	Mapped bool
	// Timings are the phases as far as the dial came.
	Timings Timings
	// Certificates are those the server showed, leaf first, also when they did
	// not verify.
	Certificates []Certificate
	// Err is the cause; quic-go's and crypto/tls's typed errors are below it.
	Err error
}

// Error says what was being done, to whom, and what came back.
func (e *DialError) Error() string {
	return fmt.Sprintf("webtransport: dialing %s: %s: %s: %v", e.Addr, e.Phase, e.Kind, e.Err)
}

// Unwrap gives the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Via tells how a session ended.
type Via string

// The ways a session ends.
const (
	// ViaCapsule: a CLOSE_WEBTRANSPORT_SESSION capsule; Code and Reason are its own.
	ViaCapsule Via = "capsule"
	// ViaFIN: a clean end of the CONNECT stream without a capsule; Code is 0.
	ViaFIN Via = "fin"
	// ViaReset: the CONNECT stream was reset; Code is the HTTP/3 code.
	ViaReset Via = "reset"
	// ViaConnectionClose: a QUIC CONNECTION_CLOSE of the application; Code and
	// Reason are its own. wtransport's close() and drop do that.
	ViaConnectionClose Via = "connection_close"
	// ViaIdleTimeout: nothing arrived for the idle timeout; our timer fired.
	ViaIdleTimeout Via = "idle_timeout"
	// ViaProtocol: the server broke HTTP/3 or a capsule; this side closed the
	// connection.
	ViaProtocol Via = "protocol"
	// ViaTransport: a QUIC transport error, a stateless reset, or a socket error.
	ViaTransport Via = "transport"
	// ViaLocal: this side closed it.
	ViaLocal Via = "local"
)

// SessionError tells why a session ended.
type SessionError struct {
	Via Via
	// Remote tells whether the server ended it.
	Remote bool
	Code   uint64
	// Reason is the server's text, bounded to 1024 bytes.
	Reason string
	// Err is the cause below, if there is one.
	Err error
}

// Error describes the end.
func (e *SessionError) Error() string {
	who := "locally"
	if e.Remote {
		who = "by the server"
	}
	s := fmt.Sprintf("webtransport: session ended %s (%s, code %#x)", who, e.Via, e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(": %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *SessionError) Unwrap() error { return e.Err }

// StreamError is the reset of one stream.
type StreamError struct {
	// Code is the application's code.
	Code uint64
	// HTTPCode is the code on the wire.
	HTTPCode uint64
	// Mapped tells whether HTTPCode lay in WebTransport's range of HTTP/3's code
	// space. wtransport sends raw codes: then it is false and Code is HTTPCode.
	Mapped bool
	// Remote tells whether the server reset it.
	Remote bool
}

// Error describes the reset.
func (e *StreamError) Error() string {
	who := "locally"
	if e.Remote {
		who = "by the server"
	}
	return fmt.Sprintf("webtransport: stream reset %s, code %d (on the wire %#x)", who, e.Code, e.HTTPCode)
}

// DatagramTooLargeError refuses a datagram that fits in no packet of the path.
type DatagramTooLargeError struct {
	// Size and Max are payload sizes in bytes.
	Size, Max int
}

// Error gives both sizes.
func (e *DatagramTooLargeError) Error() string {
	return fmt.Sprintf("webtransport: datagram of %d bytes is larger than the path's %d", e.Size, e.Max)
}
