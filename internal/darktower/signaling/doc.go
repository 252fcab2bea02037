// Package signaling is the client side of one session with a meeting controller
// (MC): one WebTransport session, one bidirectional stream, framed protobuf both
// ways (platform contract, MC B to F).
//
// It knows what a client says to MC and what MC may answer. It keeps what MC
// said - roster, mutes, slots, directive, meeting key - as an immutable View
// that can be waited on. It must not know media, keys in use, probes or
// measurements: whoever needs those installs them from Config.OnView.
//
// A session is used once: Connect, Join, then any of the requests, then Leave or
// Close. It never reconnects and never repeats a request.
//
// Everything that arrives is untrusted. Sizes, counts and values are bounded in
// bounds.go; what is out of bounds is refused and counted in View.Invalid, and
// only what leaves the session unusable ends it, with a *ProtocolError.
package signaling
