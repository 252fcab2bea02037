// Package media is a participant's dealings with the media handlers (MH): the
// connections, the sender that paces sealed audio frames, the receiver that
// stamps, opens and records them, and the arithmetic that says on which leg a
// frame was lost (platform contract, media C, D and F).
//
// It knows frames, directives and handlers. It must not know who directs it, why
// it talks, or what a number means for an objective: it records, others judge.
//
// Times are monotonic readings of this process's clock. Sender and receiver of a
// measured pair live in one process, so a one-way latency is a difference of two
// of them.
package media
