package media

import (
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
)

// DropReason says why a built frame was never handed to a transport. The tokens
// are those of the platform's own client (platform contract, client 2).
type DropReason string

const (
	// DropQueueOverflow is a frame pushed out of a full queue by a newer one.
	DropQueueOverflow DropReason = "egress_queue_overflow"
	// DropNotConnected is a target to which there is no connection.
	DropNotConnected DropReason = "not_connected"
	// DropClosed is a frame whose connection ended before its turn came.
	DropClosed DropReason = "connection_closed"
	// DropOversize is a frame larger than the path's datagrams.
	DropOversize DropReason = "oversize_datagram"
	// DropRefused is a frame that the transport refused for another reason.
	DropRefused DropReason = "transport_send_refused"
	// DropStopped is a frame still queued when the sender was released.
	DropStopped DropReason = "stopped"
)

// Sent is one frame that was built: sealed once, whatever the number of targets.
type Sent struct {
	Epoch      uint32 // counts the sender's identities at MC, from 1; sequences restart with it
	SenderID   uint16
	Stream     uint8
	Generation uint64 // of the transmit key
	Sequence   uint32

	Due    time.Time // when the pacing wanted it
	Built  time.Time // when it was sealed
	Missed int       // due times before this one that passed unused because the sender was late
	Bytes  int       // the whole frame

	Targets []SentTo // one for each target of the directive
}

// SentTo is what became of a frame at one target.
type SentTo struct {
	URL       string
	ConnEpoch uint32     // of the connection to URL; 0 when there was none
	Hop       uint32     // uplink hop number, when handed over
	Handed    time.Time  // just before the transport took it; zero when it never did
	Dropped   DropReason // why not; empty when handed over or still queued

	// Left is when the frame's packet was given to the kernel, where that is known
	// and where only this process can have held it back since Handed; else zero.
	Left time.Time
}

// Start is when the frame's way began: when it left, where that is known, else
// when it was handed over. What the transport holds back for the network's sake is
// part of the way, this process's own slowness is not.
func (t *SentTo) Start() time.Time {
	if t.Left.Before(t.Handed) {
		return t.Handed
	}
	return t.Left
}

// Handed returns the first moment at which any transport took the frame, and
// false when none did.
func (s *Sent) Handed() (time.Time, bool) {
	var first time.Time
	for i := range s.Targets {
		if h := s.Targets[i].Handed; !h.IsZero() && (first.IsZero() || h.Before(first)) {
			first = h
		}
	}
	return first, !first.IsZero()
}

// Received is one datagram that arrived, accepted or refused.
type Received struct {
	// At is when the kernel took the datagram from the network, where that is known
	// for certain, else when the reader had it in hand. At never goes back on one
	// connection.
	At time.Time
	// ReadLateness is how long after At the reader had the datagram in hand: this
	// process's own slowness, which At leaves out. Zero where only the reader knows.
	ReadLateness time.Duration
	HandlerURL   string
	ConnEpoch    uint32 // of the receiver's connection to HandlerURL, from 1

	// The relay's fields, not authenticated; zero when the frame did not decode.
	SlotID   uint16
	Hop      uint32
	Declared bool // SlotID is one of the declared slots

	// The publisher's fields: authentic when Reject is empty, a claim otherwise,
	// zero when the frame did not decode that far.
	SenderID   uint16
	Stream     uint8
	Generation uint64
	Sequence   uint32

	Bytes   int
	Decoded bool         // header and relay region were readable
	Reject  frame.Reason // empty when accepted
	Wrap    seal.WrapOutcome
}

// Accepted reports whether the frame verified and decrypted.
func (r Received) Accepted() bool { return r.Reject == "" }
