// Package webtransport is a WebTransport client: one QUIC connection, one
// session on it, and every fact about both that a measuring instrument needs.
//
// It knows URLs, sockets, TLS, QUIC, HTTP/3 and the two WebTransport dialects
// in the field, and it picks the dialect the server's SETTINGS announce. It
// knows nothing of Dark Tower: no tokens, no messages, no frames, no retries
// and no metrics.
//
// A [Session] owns all of its parts: its UDP sockets (through its [Path]), its
// QUIC transport and connection, and its goroutines. All of them are gone when
// [Session.Close] or [Session.CloseConnection] has returned, or when [Dial]
// returned an error. A Session that ended by itself must be closed all the same.
package webtransport
