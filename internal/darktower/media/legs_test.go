package media

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// A tape is a conversation written down by hand: frames 20 ms apart, each handed
// over when it was due, arriving 10 ms later.
type tape struct {
	start time.Time
	pair  Pair
}

const (
	hereURL  = "https://here:4434"
	thereURL = "https://there:4436"
	tapeID   = 7
)

func newTape() *tape {
	start := time.Now()
	return &tape{start: start, pair: Pair{From: start, To: start.Add(time.Hour), Settle: 500 * time.Millisecond}}
}

// window measures frames from..to-1.
func (tp *tape) window(from, to int) *tape {
	tp.pair.From = tp.start.Add(time.Duration(from) * 20 * time.Millisecond)
	tp.pair.To = tp.start.Add(time.Duration(to) * 20 * time.Millisecond)
	return tp
}

// send builds the next frame and hands it to urls over connection 1.
func (tp *tape) send(urls ...string) *Sent { return tp.sendOver(1, urls...) }

func (tp *tape) sendOver(conn uint32, urls ...string) *Sent {
	n := len(tp.pair.Sent)
	due := tp.start.Add(time.Duration(n) * 20 * time.Millisecond)
	s := Sent{Epoch: 1, SenderID: tapeID, Sequence: uint32(n), Generation: 1, Due: due, Built: due}
	for _, u := range urls {
		s.Targets = append(s.Targets, SentTo{URL: u, ConnEpoch: conn, Handed: due.Add(time.Millisecond)})
	}
	tp.pair.Sent = append(tp.pair.Sent, s)
	return &tp.pair.Sent[n]
}

func (tp *tape) sendN(n int) *tape {
	for range n {
		tp.send(hereURL)
	}
	return tp
}

// unsent makes frame seq one that no transport took.
func (tp *tape) unsent(seq int) *tape {
	for i := range tp.pair.Sent[seq].Targets {
		tp.pair.Sent[seq].Targets[i].Handed = time.Time{}
		tp.pair.Sent[seq].Targets[i].Dropped = DropQueueOverflow
	}
	return tp
}

// got has frame seq arrive at slot 1 of connection 1 to hereURL, as number hop.
func (tp *tape) got(seq int, hop uint32) *Received {
	at := tp.start.Add(time.Duration(seq)*20*time.Millisecond + 11*time.Millisecond)
	tp.pair.Received = append(tp.pair.Received, Received{
		At: at, HandlerURL: hereURL, ConnEpoch: 1, SlotID: 1, Hop: hop, Declared: true, Decoded: true,
		SenderID: tapeID, Sequence: uint32(seq), Generation: 1,
	})
	return &tp.pair.Received[len(tp.pair.Received)-1]
}

// gotAll has the frames arrive with consecutive numbers from hop on.
func (tp *tape) gotAll(hop uint32, seqs ...int) *tape {
	for i, s := range seqs {
		tp.got(s, hop+uint32(i))
	}
	return tp
}

func span(from, to int) []int {
	var out []int
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

// fates is what tests compare: the whole identity.
type fates struct {
	sent, delivered, late, sender, uplink, downlink, unattributed, refused, unsettled, duplicate, reordered, unexplained int
}

func fatesOf(t *testing.T, e PairEvidence) fates {
	t.Helper()
	if sum := e.Delivered + e.Late + e.Lost() + e.RefusedTotal(); sum != e.Sent {
		t.Errorf("the fates of %d frames sum up to %d: %+v", e.Sent, sum, e)
	}
	var at LegLosses
	for _, n := range e.LostAt {
		at.Uplink, at.Downlink = at.Uplink+n.Uplink, at.Downlink+n.Downlink
	}
	if at != (LegLosses{e.LostUplink, e.LostDownlink}) {
		t.Errorf("%+v by handler, %d and %d in all", e.LostAt, e.LostUplink, e.LostDownlink)
	}
	return fates{
		e.Sent, e.Delivered, e.Late, e.LostSender, e.LostUplink, e.LostDownlink, e.Unattributed,
		e.RefusedTotal(), e.Unsettled, e.Duplicate, e.Reordered, e.UnexplainedHops,
	}
}

func TestLegs(t *testing.T) {
	tests := []struct {
		name string
		tape func() *tape
		want fates
	}{
		{"every frame arrives", func() *tape {
			return newTape().sendN(5).gotAll(0, span(0, 5)...)
		}, fates{sent: 5, delivered: 5}},
		{"a sequence gap without a number gap was lost before the relay", func() *tape {
			return newTape().sendN(5).gotAll(0, 0, 1, 3, 4)
		}, fates{sent: 5, delivered: 4, uplink: 1}},
		{"a sequence gap with a number gap was lost after the relay", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			return tp.gotAll(3, 3, 4)
		}, fates{sent: 5, delivered: 4, downlink: 1}},
		{"of three missing frames as many were lost after the relay as numbers are missing", func() *tape {
			tp := newTape().sendN(6).gotAll(0, 0)
			return tp.gotAll(3, 4, 5)
		}, fates{sent: 6, delivered: 3, uplink: 1, downlink: 2}},
		{"a frame the sender dropped itself explains its sequence gap", func() *tape {
			return newTape().sendN(5).unsent(2).gotAll(0, 0, 1, 3, 4)
		}, fates{sent: 5, delivered: 4, sender: 1}},
		{"the number of the first frame that arrives closes the beginning", func() *tape {
			return newTape().sendN(6).gotAll(2, 3, 4, 5)
		}, fates{sent: 6, delivered: 3, uplink: 1, downlink: 2}},
		{"frames after the last that arrived cannot be placed", func() *tape {
			return newTape().sendN(6).unsent(5).gotAll(0, 0, 1, 2)
		}, fates{sent: 6, delivered: 3, unattributed: 2, sender: 1}},
		{"nothing arrived at all", func() *tape {
			return newTape().sendN(4).unsent(0)
		}, fates{sent: 4, sender: 1, unattributed: 3}},
		{"nothing was sent at all", newTape, fates{}},
		{"later frames close the tail of the window", func() *tape {
			tp := newTape().sendN(8).window(0, 5).gotAll(0, 0, 1, 2)
			return tp.gotAll(4, 5, 6, 7)
		}, fates{sent: 5, delivered: 3, uplink: 1, downlink: 1}},
		{"a gap over the window's edge is shared when only one leg lost frames", func() *tape {
			return newTape().sendN(8).window(0, 4).gotAll(0, 0, 1, 2, 6, 7)
		}, fates{sent: 4, delivered: 3, uplink: 1}},
		{"a gap over the window's edge is left open when both legs lost frames", func() *tape {
			tp := newTape().sendN(8).window(0, 4).gotAll(0, 0, 1, 2)
			return tp.gotAll(4, 6, 7)
		}, fates{sent: 4, delivered: 3, unattributed: 1}},
		{"a frame that came after the grace is late, not lost", func() *tape {
			tp := newTape().sendN(3).gotAll(0, 0, 1)
			late := tp.got(2, 2)
			late.At = late.At.Add(time.Second)
			return tp
		}, fates{sent: 3, delivered: 2, late: 1}},
		{"a frame in flight at the end is not judged", func() *tape {
			tp := newTape().sendN(30).gotAll(0, span(0, 3)...)
			tp.pair.Until = tp.start.Add(700 * time.Millisecond)
			return tp
		}, fates{sent: 10, delivered: 3, unattributed: 7, unsettled: 20}},
		{"a copy of a frame is a duplicate and hides no loss", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			tp.got(1, 1).Reject = frame.ReplayDetected
			return tp.gotAll(3, 3, 4)
		}, fates{sent: 5, delivered: 4, downlink: 1, duplicate: 1}},
		{"a copy that the relay numbered anew is a duplicate and fills its own number", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			tp.got(1, 2).Reject = frame.ReplayDetected
			return tp.gotAll(3, 3, 4)
		}, fates{sent: 5, delivered: 4, uplink: 1, duplicate: 1}},
		{"frames that change places after the relay are reordered", func() *tape {
			tp := newTape().sendN(4)
			tp.got(0, 0)
			tp.got(2, 2)
			tp.got(1, 1).At = tp.start.Add(52 * time.Millisecond)
			tp.got(3, 3)
			return tp
		}, fates{sent: 4, delivered: 4, reordered: 1}},
		{"frames that change places before the relay lose nothing", func() *tape {
			tp := newTape().sendN(5)
			tp.got(0, 0)
			tp.got(2, 1)
			tp.got(1, 2).At = tp.start.Add(52 * time.Millisecond)
			tp.got(3, 3)
			tp.got(4, 4)
			return tp
		}, fates{sent: 5, delivered: 5, reordered: 1}},
		{"a frame overtaken before the relay and lost after it", func() *tape {
			tp := newTape().sendN(6) // the relay saw 0 2 1 3 4 5
			tp.gotAll(0, 0, 2)
			return tp.gotAll(3, 3, 4, 5)
		}, fates{sent: 6, delivered: 5, downlink: 1}},
		{"a refused frame has arrived: it is no loss, and its number is there", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			tp.got(2, 2).Reject = frame.SenderNotAssigned
			return tp.gotAll(3, 3, 4)
		}, fates{sent: 5, delivered: 4, refused: 1}},
		{"a frame with a damaged key id is known by its slot and sequence", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			damaged := tp.got(2, 2)
			damaged.Reject, damaged.SenderID, damaged.Generation = frame.NoRosterEntry, 1234, 99
			return tp.gotAll(3, 3, 4)
		}, fates{sent: 5, delivered: 4, refused: 1}},
		{"a frame of somebody else in another slot is nobody's", func() *tape {
			tp := newTape().sendN(5).gotAll(0, 0, 1)
			foreign := tp.got(2, 2)
			foreign.Reject, foreign.SenderID, foreign.SlotID = frame.NoRosterEntry, 1234, 2
			return tp.gotAll(2, 3, 4)
		}, fates{sent: 5, delivered: 4, uplink: 1}},
		{"what did not decode is nobody's", func() *tape {
			tp := newTape().sendN(3).gotAll(0, 0)
			*tp.got(1, 0) = Received{At: tp.start.Add(31 * time.Millisecond), HandlerURL: hereURL, ConnEpoch: 1, Reject: frame.Truncated}
			return tp.gotAll(2, 2)
		}, fates{sent: 3, delivered: 2, downlink: 1}},
		{"the number wraps", func() *tape {
			tp := newTape().sendN(8)
			tp.gotAll(0, 0)
			tp.pair.Received[0].Hop = 1<<32 - 3
			tp.gotAll(1<<32-2, 1)
			tp.gotAll(1<<32-1, 2)
			tp.gotAll(1, 4, 5) // 0 was lost with frame 3
			return tp.gotAll(3, 7).window(1, 8)
		}, fates{sent: 7, delivered: 5, uplink: 1, downlink: 1}},
		{"a new connection of the sender begins a new count", func() *tape {
			tp := newTape().sendN(3)
			for range 4 {
				tp.sendOver(2, hereURL)
			}
			tp.gotAll(0, 0, 1, 2)
			return tp.gotAll(1, 5, 6)
		}, fates{sent: 7, delivered: 5, uplink: 1, downlink: 1}},
		{"the unclosed tail of the sender's old connection cannot be placed", func() *tape {
			tp := newTape().sendN(3)
			for range 4 {
				tp.sendOver(2, hereURL)
			}
			tp.gotAll(0, 0, 1)
			return tp.gotAll(0, 3, 4, 5, 6)
		}, fates{sent: 7, delivered: 6, unattributed: 1}},
		{"between two connections of the receiver frames cannot be placed", func() *tape {
			tp := newTape().sendN(6).gotAll(0, 0, 1)
			for i, seq := range []int{4, 5} {
				tp.got(seq, uint32(2+i)).ConnEpoch = 2
			}
			return tp
		}, fates{sent: 6, delivered: 4, unattributed: 2}},
		{"between two slots only the new slot's own numbers say anything", func() *tape {
			tp := newTape().sendN(7).gotAll(0, 0, 1)
			for i, seq := range []int{5, 6} {
				tp.got(seq, uint32(2+i)).SlotID = 3
			}
			return tp
		}, fates{sent: 7, delivered: 4, downlink: 2, unattributed: 1}},
		{"a count that jumps back far began anew, and the gap is open", func() *tape {
			tp := newTape().sendN(204).gotAll(0, span(0, 100)...)
			return tp.gotAll(0, span(103, 204)...)
		}, fates{sent: 204, delivered: 201, unattributed: 3}},
		{"a count that began anew early is known by its numbers", func() *tape {
			tp := newTape().sendN(12).gotAll(0, span(0, 5)...)
			return tp.gotAll(0, span(6, 12)...)
		}, fates{sent: 12, delivered: 11, unattributed: 1}},
		{"numbers that nobody's frames account for are told apart", func() *tape {
			tp := newTape().sendN(4).gotAll(0, 0, 1)
			return tp.gotAll(5, 2, 3)
		}, fates{sent: 4, delivered: 4, unexplained: 3}},
		{"with two targets the one that is listened on counts", func() *tape {
			tp := newTape()
			for range 5 {
				tp.send(thereURL, hereURL)
			}
			tp.pair.Sent[2].Targets[1] = SentTo{URL: hereURL, ConnEpoch: 1, Dropped: DropQueueOverflow}
			return tp.gotAll(0, 0, 1, 4)
		}, fates{sent: 5, delivered: 3, sender: 1, uplink: 1}},
		{"between two handlers frames cannot be placed", func() *tape {
			tp := newTape()
			for range 6 {
				tp.send(thereURL, hereURL)
			}
			tp.gotAll(0, 0, 1)
			for i, seq := range []int{4, 5} {
				tp.got(seq, uint32(1+i)).HandlerURL = thereURL
			}
			return tp
		}, fates{sent: 6, delivered: 4, unattributed: 2}},
		{"a frame that MC had not directed to the handler is not the sender's loss", func() *tape {
			tp := newTape().sendN(2)
			tp.send(thereURL)
			tp.sendN(2)
			return tp.gotAll(0, 0, 1, 3, 4)
		}, fates{sent: 5, delivered: 4, unattributed: 1}},
		{"a second identity of the sender is another count and another sequence", func() *tape {
			tp := newTape().sendN(3).gotAll(0, 0, 1, 2)
			for i := range 3 {
				s := tp.sendOver(2, hereURL)
				s.Epoch, s.SenderID, s.Sequence = 2, 9, uint32(i)
			}
			for i := range 3 {
				r := tp.got(3+i, uint32(i))
				r.SenderID, r.Sequence = 9, uint32(i)
			}
			return tp
		}, fates{sent: 6, delivered: 6}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			e := Legs(tc.tape().pair)
			if got := fatesOf(t, e); got != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestLegsNeedNoOrder(t *testing.T) {
	tp := newTape().sendN(6).gotAll(0, 0)
	tp.gotAll(3, 4, 5)
	tp.pair.Received[0], tp.pair.Received[2] = tp.pair.Received[2], tp.pair.Received[0]
	want := fates{sent: 6, delivered: 3, uplink: 1, downlink: 2}
	if got := fatesOf(t, Legs(tp.pair)); got != want {
		t.Errorf("records out of order: got %+v, want %+v", got, want)
	}
}

func TestLatencyRunsFromTheHandoverToTheHandlerThatDelivered(t *testing.T) {
	tp := newTape()
	tp.send(thereURL, hereURL)
	tp.pair.Sent[0].Targets[1].Handed = tp.pair.Sent[0].Due.Add(5 * time.Millisecond)
	tp.got(0, 0)
	e := Legs(tp.pair)
	if len(e.Latency) != 1 || e.Latency[0].Latency != 6*time.Millisecond || e.Latency[0].HandlerURL != hereURL {
		t.Errorf("latency %+v, want 6ms over %s", e.Latency, hereURL)
	}
	if len(e.SendLateness) != 1 || e.SendLateness[0] != time.Millisecond {
		t.Errorf("send lateness %v, want the first hand-over's 1ms", e.SendLateness)
	}
}

func ExampleLegs() {
	tp := newTape().sendN(6).gotAll(0, 0)
	tp.gotAll(3, 4, 5) // frames 1 to 3 and numbers 1 and 2 are missing
	e := Legs(tp.pair)
	fmt.Printf("of %d: %d delivered, %d lost before the relay, %d after\n", e.Sent, e.Delivered, e.LostUplink, e.LostDownlink)
	// Output: of 6: 3 delivered, 1 lost before the relay, 2 after
}

func TestLossesNameTheHandlerWhoseNumbersTell(t *testing.T) {
	tp := newTape()
	for range 10 {
		tp.send(thereURL, hereURL)
	}
	tp.gotAll(0, 0, 2)                   // 1 never got its number here
	for i, seq := range []int{3, 5, 6} { // 4 had number 1 there
		tp.got(seq, []uint32{0, 2, 3}[i]).HandlerURL = thereURL
	}
	want := map[string]LegLosses{hereURL: {Uplink: 1}, thereURL: {Downlink: 1}}
	if e := Legs(tp.pair); !maps.Equal(e.LostAt, want) {
		t.Errorf("lost at %+v, want %+v", e.LostAt, want)
	}
}
