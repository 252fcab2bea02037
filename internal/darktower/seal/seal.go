// Package seal makes and opens the end-to-end encrypted part of a frame: SFrame
// keys, the wrapped transmit key, the sender's signature, replay windows and the
// life of the keys (platform contract, media B).
//
//	sender:   Sealer  = Identity + Keyring + transmit key + stream sequence
//	receiver: Opener  = Keyring + roster + assigned senders + replay windows + bound keys
//
// The package is pure: it does no I/O and asks no clock, time is passed in. It
// knows frames and keys; it must not know sessions, slots, handlers or how a key
// arrived. All types are safe for concurrent use, and none that holds a key will
// show it, whatever the formatting verb.
//
// # Order
//
// Open refuses a frame at the first of these that fails (platform contract, media
// B.8): key id, roster, signature, assignment, transmit key and KEK generation,
// replay, tag. A frame that is refused before the replay check changes nothing
// that a later frame could notice. A frame that fails only its tag has used up its
// sequence: whoever signed it has spoken.
//
// # Cost
//
// A frame costs what AES-256-GCM and Ed25519 cost, on one core of a server about
// 25 µs to build and 60 µs to open, and no memory on either side; the rest is
// within the noise of those two. BenchmarkSealFrame and BenchmarkOpenFrame stand
// beside the bare primitives on the same bytes, and a test keeps the allocations
// at zero.
package seal
