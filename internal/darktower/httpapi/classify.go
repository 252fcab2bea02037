package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// transportError types err. ctx is the caller's, reqCtx has the request's deadline.
func (c *Client) transportError(ctx, reqCtx context.Context, r Request, rec *recorder, err error) error {
	// url.Error quotes the URL, and the path of a join holds the meeting's code.
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	phase := rec.underWay()
	kind := classify(err, phase)
	// Nor is what merely repeats the caller's reason to give up, in whatever phase.
	if reqCtx.Err() != nil && (!certain(kind) || errors.Is(err, context.Cause(reqCtx))) {
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			kind, err = KindCanceled, context.Cause(ctx)
		case phase == PhaseDNS:
			// The resolver would say whom it had asked, only later: the port at least can be said.
			kind, err = KindResolver, fmt.Errorf("no name server answers at port 53: %w", reqCtx.Err())
		default:
			kind, err = KindTimeout, reqCtx.Err()
		}
	}
	return &TransportError{
		Service: c.service, Operation: r.Operation,
		Kind: kind, Phase: phase, Addr: dialAddr(c.base), Err: err,
	}
}

// GaveUp types the end of ctx for a caller that waited for somebody else's request.
func (c *Client) GaveUp(ctx context.Context, operation string) error {
	kind := KindTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = KindCanceled
	}
	return &TransportError{
		Service: c.service, Operation: operation,
		Kind: kind, Phase: PhaseFirstByte, Addr: dialAddr(c.base), Err: context.Cause(ctx),
	}
}

// certain reports whether kind is evidence in itself: a deadline that passes right
// afterwards does not change it.
func certain(kind Kind) bool {
	switch kind {
	case KindTimeout, KindCanceled, KindProtocol, KindClosed, KindResolver, KindTLSOther:
		return false
	}
	return true
}

// errnos that say something by themselves.
var errnos = []struct {
	errno syscall.Errno
	kind  Kind
}{
	{syscall.ECONNREFUSED, KindRefused},
	{syscall.ECONNRESET, KindReset},
	{syscall.EPIPE, KindReset},
	{syscall.ECONNABORTED, KindReset},
	{syscall.ETIMEDOUT, KindTimeout},
	{syscall.EHOSTUNREACH, KindUnreachable},
	{syscall.ENETUNREACH, KindLocal},
	{syscall.ENETDOWN, KindLocal},
	{syscall.EMFILE, KindLocal},
	{syscall.ENFILE, KindLocal},
	{syscall.ENOBUFS, KindLocal},
	{syscall.ENOMEM, KindLocal},
	{syscall.EACCES, KindLocal},
	{syscall.EPERM, KindLocal},
	{syscall.EADDRNOTAVAIL, KindLocal},
	{syscall.EADDRINUSE, KindLocal},
	{syscall.EAFNOSUPPORT, KindLocal},
	{syscall.EINVAL, KindLocal},
}

func classify(err error, phase string) Kind {
	for _, x := range errnos {
		// A resolver whose own socket was refused is a resolver without an answer.
		if errors.Is(err, x.errno) && (phase != PhaseDNS || x.kind == KindLocal) {
			return x.kind
		}
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		if dns.IsNotFound {
			return KindNoSuchHost
		}
		return KindResolver
	}
	if kind, ok := classifyTLS(err); ok {
		return kind
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return KindTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return KindClosed
	}
	switch phase {
	case PhaseDNS:
		return KindResolver
	case PhaseConnect:
		return KindLocal // the kernel refused a socket for a reason without a name here
	case PhaseTLS:
		return KindTLSOther
	}
	return KindProtocol
}

func classifyTLS(err error) (Kind, bool) {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &invalid):
		if invalid.Reason == x509.Expired {
			return KindTLSExpired, true
		}
		return KindTLSOther, true
	case errors.As(err, &authority):
		return KindTLSUnknownCA, true
	case errors.As(err, &name):
		return KindTLSWrongName, true
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record), errors.As(err, &verify), errors.As(err, &alert):
		return KindTLSOther, true
	}
	return "", false
}

func dialAddr(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}
