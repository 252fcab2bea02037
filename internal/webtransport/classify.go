package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

const (
	// closedPortWait bounds the question whether a silent port is closed.
	closedPortWait = 300 * time.Millisecond

	alertNoApplicationProtocol = 120 // RFC 7301
	cryptoError                = 0x100
)

// fail releases what a failed dial left, and says why it failed.
func (d *dialing) fail(ctx context.Context, s *Session, err error) *DialError {
	e := &DialError{Phase: d.phase, Addr: d.addr, Mapped: d.mapped, Timings: d.timings, Err: err}
	if e.Timings.Total == 0 {
		e.Timings.Total = time.Since(d.timings.Start)
	}
	var sendErr error
	if s != nil {
		code := quic.ApplicationErrorCode(http3.ErrCodeNoError)
		if _, ok := errors.AsType[*NoWebTransportError](err); ok {
			code = codeRequirementsNotMet
		}
		s.release(code, "")
		e.Heard = !s.path.heard().IsZero()
		sendErr = s.path.lastWriteError()
		if v := s.fault.Load(); v != nil {
			e.Err = v
		}
	}
	e.Kind = kind(ctx, d.phase, e.Err, sendErr)
	if e.Kind == KindLocal && sendErr != nil && !errors.Is(e.Err, sendErr) {
		e.Err = fmt.Errorf("%w (sending: %w)", e.Err, sendErr)
	}
	if e.Kind == KindTimeout && e.Phase == PhaseHandshake && !e.Heard {
		e.Err = fmt.Errorf("nothing came back: %w", e.Err)
		if refused := portClosed(ctx, d.remote); refused != nil {
			e.Kind, e.Err = KindUnreachable, fmt.Errorf("%w, and %w", e.Err, refused)
		}
	}
	if se, ok := errors.AsType[*StatusError](e.Err); ok {
		e.Status = se.Status
	}
	chain := d.chain
	if ve, ok := errors.AsType[*tls.CertificateVerificationError](e.Err); ok {
		chain = ve.UnverifiedCertificates
	}
	e.Certificates = certificates(chain)
	return e
}

// kind classifies the error of a dial. sendErr is the last error of the socket.
func kind(ctx context.Context, phase Phase, err, sendErr error) Kind {
	ended := ctx.Err() // some calls give it, others its cause
	if ended != nil && (phase == PhaseDNS || errors.Is(err, ended) || errors.Is(err, context.Cause(ctx)) || errors.Is(err, os.ErrDeadlineExceeded)) {
		switch {
		case !errors.Is(ended, context.DeadlineExceeded):
			return KindCanceled
		case phase == PhaseDNS:
			return KindResolver
		}
		return KindTimeout
	}
	switch phase {
	case PhaseURL, PhaseSocket:
		return KindLocal
	case PhaseDNS:
		return resolverKind(err)
	}
	if k, ok := certificateKind(err); ok {
		return k
	}
	if _, ok := errors.AsType[*StatusError](err); ok {
		return KindStatus
	}
	if _, ok := errors.AsType[*NoWebTransportError](err); ok {
		return KindNoWebTransport
	}
	if _, ok := errors.AsType[*h3Violation](err); ok {
		return KindProtocol
	}
	if te, ok := errors.AsType[*quic.TransportError](err); ok {
		return transportKind(te, sendErr)
	}
	if ae, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return closedBy(ae.Remote)
	}
	if se, ok := errors.AsType[*quic.StreamError](err); ok {
		return closedBy(se.Remote)
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return KindClosed
	}
	if _, ok := errors.AsType[*quic.VersionNegotiationError](err); ok {
		return KindProtocol
	}
	_, idle := errors.AsType[*quic.IdleTimeoutError](err)
	_, slow := errors.AsType[*quic.HandshakeTimeoutError](err)
	switch {
	case idle, slow:
		return KindTimeout
	case errors.Is(err, io.EOF):
		return KindClosed // the stream ended without an answer
	case isLocal(err):
		return KindLocal
	}
	return KindProtocol
}

// closedBy tells a close by the server from one by our own HTTP/3 layer, which
// closes only over a breach.
func closedBy(remote bool) Kind {
	if remote {
		return KindClosed
	}
	return KindProtocol
}

func transportKind(te *quic.TransportError, sendErr error) Kind {
	switch {
	case te.ErrorCode == cryptoError+alertNoApplicationProtocol:
		return KindNoHTTP3
	case te.ErrorCode.IsCryptoError():
		return KindTLSOther
	case te.Remote && te.ErrorCode == quic.ConnectionRefused:
		return KindRefused
	case te.Remote:
		return KindClosed
	case te.ErrorCode == quic.InternalError && sendErr != nil:
		return KindLocal
	}
	return KindProtocol
}

func resolverKind(err error) Kind {
	de, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok, isLocal(err):
		return KindLocal // the address to dial is malformed, for one
	case de.IsNotFound:
		return KindNoSuchHost
	case slices.ContainsFunc(localErrors(), func(e syscall.Errno) bool { return strings.Contains(de.Err, e.Error()) }):
		return KindLocal // a DNSError keeps but the text of most causes
	}
	return KindResolver
}

// localErrors are this host's own doing.
func localErrors() []syscall.Errno {
	return []syscall.Errno{
		syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT,
		syscall.EINVAL,
	}
}

func isLocal(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(localErrors(), errno)
}

// portClosed asks a silent address, with one datagram, whether its port is closed:
// a connected socket hears the ICMP answer that QUIC's unconnected one does not. It
// gives that refusal, or nil for more silence. The datagram is no QUIC packet, so
// that no server answers it. A deadline that has passed does not keep it from
// asking; a cancellation does.
func portClosed(ctx context.Context, to netip.AddrPort) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(closedPortWait)) != nil {
		return nil
	}
	if ctx.Err() == nil {
		defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	}
	_, err = c.Write([]byte{0})
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the host says that the port is closed: %w", err)
	}
	return nil
}
