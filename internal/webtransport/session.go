package webtransport

import (
	"context"
	"time"
)

// Session is one WebTransport session. Its methods are safe for concurrent use.
type Session struct{}

// Dial opens one QUIC connection to the host of rawURL and one session on it.
// Errors are *[DialError]. Whatever ctx says, a dial that met silence may take
// 300 ms longer to learn whether the port is closed.
func Dial(ctx context.Context, rawURL string, cfg Config) (*Session, error) {
	return nil, errNotImplemented
}

// OpenStream opens a bidirectional stream. It waits while the server allows no
// more streams. The server learns of the stream with the first Write.
func (s *Session) OpenStream(ctx context.Context) (*Stream, error) { return nil, errNotImplemented }

// OpenUniStream opens a stream to send only.
func (s *Session) OpenUniStream(ctx context.Context) (*SendStream, error) {
	return nil, errNotImplemented
}

// AcceptStream waits for a bidirectional stream the server opens.
func (s *Session) AcceptStream(ctx context.Context) (*Stream, error) { return nil, errNotImplemented }

// AcceptUniStream waits for a unidirectional stream the server opens.
func (s *Session) AcceptUniStream(ctx context.Context) (*ReceiveStream, error) {
	return nil, errNotImplemented
}

// SendDatagram sends one datagram. It blocks while 32 of them are queued in QUIC.
// A datagram that is too large is a *[DatagramTooLargeError].
func (s *Session) SendDatagram(b []byte) error { return errNotImplemented }

// ReceiveDatagram waits for the next datagram. The caller owns the slice. QUIC
// queues a small number and drops the newest beyond: call it from a goroutine
// that does little else. See [Stats].
func (s *Session) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	return nil, errNotImplemented
}

// MaxDatagramSize is the largest payload in bytes that SendDatagram takes now. It
// can grow while QUIC discovers the path's MTU.
func (s *Session) MaxDatagramSize() int { return 0 }

// Close ends the session politely: a CLOSE_WEBTRANSPORT_SESSION capsule with code
// and reason, up to linger for the server to end the session in turn, then the
// QUIC connection is closed with H3_NO_ERROR. All that the session held is released
// when it returns. With no linger the code can be overtaken and lost.
func (s *Session) Close(code uint32, reason string, linger time.Duration) error {
	return errNotImplemented
}

// CloseConnection ends the QUIC connection itself, at once, with an application
// code and no capsule. All that the session held is released when it returns.
func (s *Session) CloseConnection(code uint64, reason string) error { return errNotImplemented }

// Done is closed when the session has ended, by whichever side.
func (s *Session) Done() <-chan struct{} { return nil }

// Context is cancelled when the session has ended; its cause is [Session.Err].
func (s *Session) Context() context.Context { return nil }

// Err is nil while the session lives, then a *[SessionError].
func (s *Session) Err() error { return nil }

// URL is the advertised URL, as given to Dial.
func (s *Session) URL() string { return "" }

// Dialed is the IP address and port that was dialed.
func (s *Session) Dialed() string { return "" }

// Mapped tells whether the endpoint map gave the dialed address.
func (s *Session) Mapped() bool { return false }

// Dialect is the dialect spoken: Legacy or Modern.
func (s *Session) Dialect() Dialect { return Auto }

// Timings are the phases of the dial.
func (s *Session) Timings() Timings { return Timings{} }

// Certificates are those the server showed, leaf first.
func (s *Session) Certificates() []Certificate { return nil }

// Stats are the connection's statistics so far.
func (s *Session) Stats() Stats { return Stats{} }

// Path is the network path of the session.
func (s *Session) Path() *Path { return nil }
