// Package frame is the grammar of one media frame: header version 2, the relay
// region, and where the payload and the signature lie (platform contract,
// media A). One frame is one datagram.
//
//	off    size  field                     region
//	0      1     version = 2               publisher
//	1      1     flags                     publisher
//	2      4     payload length            publisher
//	6      4     stream sequence           publisher
//	10     50    wrapped transmit key      publisher   only with FlagKeyBearing
//	E      2     extension length          publisher   E = 10 or 60
//	E+2    n     extensions                publisher
//	P      2     stream id                 relay
//	P+2    4     hop sequence              relay
//	P+6    L     payload                   payload
//	P+6+L  64    Ed25519 signature         signature
//
// Integers are unsigned and big-endian. The publisher's region is authenticated
// end to end; the six bytes of the relay region belong to whoever forwards the
// frame and are authenticated by nobody.
//
// The package is pure functions on bytes. It knows nothing of keys, sessions or
// clocks; what is inside the payload is known to package seal alone.
//
// Nothing allocates, neither on accepted nor on refused input: a View borrows the
// buffer it was decoded from, and every refusal is one of a fixed set of values.
package frame

// Version is the only header version there is.
const Version = 2

// Flags of a frame. Any other bit refuses the frame.
const (
	FlagIndependent = 0x01 // decodable without an earlier frame; always set for audio
	FlagDiscardable = 0x02 // the publisher's claim that nobody misses it; never set for audio
	FlagKeyBearing  = 0x04 // the wrapped transmit key is present

	legalFlags = FlagIndependent | FlagDiscardable | FlagKeyBearing
)

// Sizes in bytes.
const (
	FixedPrefixLen = 10 // version, flags, payload length, stream sequence
	WrapLen        = 50 // KEK generation, wrapped transmit key, tag
	RelayLen       = 6  // stream id, hop sequence
	SignatureLen   = 64
	KeyIDLen       = 8  // first bytes of the payload
	TagLen         = 16 // bytes of the payload after the key id

	MaxPayloadLen = 1 << 20
	MaxExtLen     = 3
	MaxHeaderLen  = FixedPrefixLen + WrapLen + extLenLen + MaxExtLen + RelayLen // 71
	MaxLen        = MaxHeaderLen + MaxPayloadLen + SignatureLen                 // 1,048,711

	extLenLen = 2
)

// Offsets of the fields that never move.
const (
	offVersion        = 0
	offFlags          = 1
	offPayloadLen     = 2
	offStreamSequence = 6
)
