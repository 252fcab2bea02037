package media

import (
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// Pair is what Legs joins: everything one participant sent, everything another
// received, and the window that is measured.
type Pair struct {
	Sent     []Sent     // of the sender, all of it, in the order it was built
	Received []Received // of the receiver, all of it, other senders included

	// Frames due in From <= t < To count. Sending should begin before From and go
	// on past To, so that the frames at the edges lie between received ones.
	From, To time.Time
	// Except are times whose frames do not count although they are due in the
	// window; they may overlap.
	Except []Span
	// Settle is how long after it was handed over a frame may still arrive on
	// time: later it is Late, and only then may it be called lost.
	Settle time.Duration
	// Until is when Received was taken. Frames whose Settle was not over by then,
	// and that had not arrived, do not count; zero means that all is settled.
	Until time.Time
}

// Span is a stretch of time: From <= t < To.
type Span struct {
	From, To time.Time
}

func (s Span) contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// PairEvidence is what a window proves about one ordered pair. Each frame of the
// window has exactly one fate:
//
//	Sent = Delivered + Late + LostSender + LostUplink + LostDownlink
//	     + Unattributed + sum(Refused)
type PairEvidence struct {
	Sent int // frames due in the window and settled

	Delivered    int // a copy was accepted within Settle
	Late         int // a copy was accepted, but none within Settle
	LostSender   int // never handed to the transport that the receiver listens on
	LostUplink   int // lost before the relay numbered it: uplink and relay ingress
	LostDownlink int // lost after the relay numbered it: relay egress and downlink
	Unattributed int // lost, and nothing says where
	// LostAt splits LostUplink and LostDownlink by the URL of the handler whose
	// numbers tell where; nil when both are 0.
	LostAt map[string]LegLosses
	// Refused counts frames that arrived and of which no copy was accepted, by the
	// reason of the first copy.
	Refused map[frame.Reason]int

	Unsettled int // frames due in the window that are in none of the above: see Pair.Until
	Excepted  int // neither are these: see Pair.Except

	Duplicate int // further copies of frames that had arrived already
	Reordered int // accepted after a frame with a higher sequence (RFC 4737)
	Missed    int // due times within the window that the sender was too late for
	// UnexplainedHops counts relay numbers that no missing frame accounts for: the
	// relay numbered something that the sender's record does not know.
	UnexplainedHops int

	Latency        []LatencySample // of Delivered and Late frames, by sequence
	SendLateness   []time.Duration // handed over (or built, when it never was) minus due, by sequence
	LeaveLateness  []time.Duration // of the samples of Latency, in their order: SentTo.Start minus Handed
	ReadLateness   []time.Duration // of the samples of Latency, in their order: see Received.ReadLateness
	Jitter         time.Duration   // RFC 3550 6.4.1, over accepted frames in order of arrival
	LongestSilence time.Duration   // longest span of the window without an accepted frame, edges included
}

// LegLosses are frames lost before and after a relay numbered them.
type LegLosses struct{ Uplink, Downlink int }

// lost counts frames that were lost around the handler at url.
func (e *PairEvidence) lost(url string, uplink, downlink int) {
	if uplink+downlink == 0 {
		return
	}
	e.LostUplink += uplink
	e.LostDownlink += downlink
	if e.LostAt == nil {
		e.LostAt = map[string]LegLosses{}
	}
	at := e.LostAt[url]
	e.LostAt[url] = LegLosses{at.Uplink + uplink, at.Downlink + downlink}
}

// LatencySample is the way of one accepted frame.
type LatencySample struct {
	Epoch      uint32
	Sequence   uint32
	HandedAt   time.Time // to the connection whose handler delivered it
	StartedAt  time.Time // on its way: see SentTo.Start
	ArrivedAt  time.Time
	Latency    time.Duration // ArrivedAt - StartedAt
	HandlerURL string
}

// RefusedTotal is the sum over Refused.
func (e *PairEvidence) RefusedTotal() int {
	n := 0
	for _, v := range e.Refused {
		n += v
	}
	return n
}

// Lost is the number of frames of which no copy arrived.
func (e *PairEvidence) Lost() int {
	return e.LostSender + e.LostUplink + e.LostDownlink + e.Unattributed
}
