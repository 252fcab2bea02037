package webtransport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/quic-go/quic-go"
)

func TestErrorsOfADialAreToldApart(t *testing.T) {
	socket := &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendto", syscall.EPERM)}
	crypto := func(alert quic.TransportErrorCode, remote bool) error {
		return &quic.TransportError{ErrorCode: 0x100 + alert, Remote: remote}
	}
	for _, tt := range []struct {
		name    string
		err     error
		sendErr error
		want    Kind
	}{
		{"an alert of the server", crypto(40, true), nil, KindTLSOther},
		{"an alert of ours", crypto(47, false), nil, KindTLSOther},
		{"no common protocol, says the server", crypto(120, true), nil, KindNoHTTP3},
		{"no common protocol, say we", crypto(120, false), nil, KindNoHTTP3},
		{"no roots to verify with", x509.SystemRootsError{}, nil, KindLocal},
		{"refused by the server", &quic.TransportError{ErrorCode: quic.ConnectionRefused, Remote: true}, nil, KindRefused},
		{"an error of the server's transport", &quic.TransportError{ErrorCode: quic.InternalError, Remote: true}, nil, KindClosed},
		{"a breach of QUIC", &quic.TransportError{ErrorCode: quic.ProtocolViolation}, nil, KindProtocol},
		{"a send that failed, flattened", &quic.TransportError{ErrorCode: quic.InternalError, ErrorMessage: "operation not permitted"}, socket, KindLocal},
		{"a send that failed", socket, socket, KindLocal},
		{"a stateless reset", &quic.StatelessResetError{}, nil, KindClosed},
		{"no common version", &quic.VersionNegotiationError{}, nil, KindProtocol},
		{"silence", &quic.IdleTimeoutError{}, nil, KindTimeout},
		{"a handshake that dribbles", &quic.HandshakeTimeoutError{}, nil, KindTimeout},
		{"a close by the server", &quic.ApplicationError{Remote: true}, nil, KindClosed},
		{"a close by our HTTP/3", &quic.ApplicationError{ErrorCode: 0x105}, nil, KindProtocol},
		{"a stream that ended", fmt.Errorf("parsing: %w", io.EOF), nil, KindClosed},
		{"anything else", errors.New("what"), nil, KindProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := kind(context.Background(), PhaseHandshake, fmt.Errorf("wrapped: %w", tt.err), tt.sendErr); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEndsOfASessionAreToldApart(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want SessionError
	}{
		{"a transport error of the server", &quic.TransportError{ErrorCode: 1, Remote: true, ErrorMessage: "x"}, SessionError{Via: ViaTransport, Remote: true, Code: 1, Reason: "x"}},
		{"a stateless reset", &quic.StatelessResetError{}, SessionError{Via: ViaTransport, Remote: true}},
		{"silence", &quic.IdleTimeoutError{}, SessionError{Via: ViaIdleTimeout}},
		{"a socket error", syscall.ENETUNREACH, SessionError{Via: ViaTransport}},
		{"a close by our HTTP/3", &quic.ApplicationError{ErrorCode: 0x106}, SessionError{Via: ViaProtocol, Remote: true, Code: 0x106}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := sessionEnd(tt.err)
			if got.Via != tt.want.Via || got.Remote != tt.want.Remote || got.Code != tt.want.Code || got.Reason != tt.want.Reason {
				t.Errorf("got %v, want %v", got, &tt.want)
			}
			if got.Via == ViaTransport && !errors.Is(got, tt.err) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestStreamCodesMapThereAndBack(t *testing.T) {
	for _, code := range []uint32{0, 1, 29, 30, 31, 77, 1 << 16, 1<<32 - 1} {
		got, ok := fromHTTPCode(toHTTPCode(code))
		if !ok || got != code {
			t.Errorf("%d became %d, %v", code, got, ok)
		}
	}
	for _, h := range []uint64{0, 77, firstStreamCode - 1, lastStreamCode + 1, firstStreamCode + 30} {
		if _, ok := fromHTTPCode(h); ok && (h-0x21)%0x1f == 0 {
			t.Errorf("%#x is reserved", h)
		} else if ok && (h < firstStreamCode || h > lastStreamCode) {
			t.Errorf("%#x is not in the range", h)
		}
	}
	if toHTTPCode(0) != firstStreamCode || toHTTPCode(1<<32-1) != lastStreamCode {
		t.Error("the range is not the drafts'")
	}
}
