// Package interop proves the WebTransport client, and the Dark Tower client on top
// of it, against servers that this project did not write: the real wtransport,
// which is what the platform serves, and webtransport-go in both dialects.
//
// It is tests only. Each case runs against each peer; a peer does what the query
// of the CONNECT request asks for and reports what it saw and concluded. What a
// peer cannot do is written down with the reason, and docs/interop.md has the
// whole table. The peer on wtransport is the Rust program in wtransport/, which
// the tests build; without cargo its cases are skipped.
package interop
