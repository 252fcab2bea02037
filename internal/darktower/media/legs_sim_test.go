package media

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// A fate is what really became of a simulated frame.
type fate int

const (
	onTime fate = iota
	tooLate
	refusedThere
	keptBySender
	lostBefore
	lostAfter
)

// weather is how bad a simulated network and relay are. Probabilities are per
// frame; loss comes in bursts.
type weather struct {
	sender, uplink, downlink    float64 // loss
	refuse, duplicate, dawdle   float64 // after the relay
	shuffle                     int     // frames a frame can be late by after the relay
	overtake                    int     // ... and before it
	redialSender, redialHearer  float64
	changeSlot, changeHandler   float64
	secondTarget, muteAtHandler bool
}

// simulation plays frames through a relay that numbers them, and keeps the truth.
type simulation struct {
	rng   *rand.Rand
	pair  Pair
	truth []fate
	// settled is how many frames, from the first, no unsettled one follows.
	lastArrived int
}

const simSettle = 300 * time.Millisecond

type inAir struct {
	seq          int
	at           time.Time
	url          string
	conn         uint32
	slot         uint16
	hearer       uint32
	hearerAbsent bool
	muted        bool
	listened     bool
}

func simulate(seed uint64, frames int, w weather) *simulation {
	rng := rand.New(rand.NewPCG(seed, 1))
	start := time.Now()
	s := &simulation{rng: rng, truth: make([]fate, frames), lastArrived: -1}
	s.pair = Pair{From: start, To: start.Add(time.Hour), Settle: simSettle}

	bursts := map[string]int{}
	burst := func(what string, p float64) bool {
		if bursts[what] > 0 {
			bursts[what]--
			return true
		}
		if rng.Float64() < p {
			bursts[what] = rng.IntN(4)
			return true
		}
		return false
	}

	conn, hearer, slot, url := uint32(1), uint32(1), uint16(rng.IntN(3)), hereURL
	absent, muted := 0, 0
	var up []inAir
	for seq := range frames {
		due := start.Add(time.Duration(seq) * 20 * time.Millisecond)
		if rng.Float64() < w.redialSender {
			conn++
		}
		if rng.Float64() < w.redialHearer {
			hearer, absent = hearer+1, rng.IntN(5)
		}
		if rng.Float64() < w.changeSlot {
			slot = uint16(rng.IntN(3))
		}
		if rng.Float64() < w.changeHandler {
			if url == hereURL {
				url = thereURL
			} else {
				url = hereURL
			}
		}
		if w.muteAtHandler && rng.Float64() < 0.02 {
			muted = rng.IntN(6)
		}
		sent := Sent{Epoch: 1, SenderID: tapeID, Sequence: uint32(seq), Due: due, Built: due}
		urls := []string{url}
		if w.secondTarget {
			urls = []string{hereURL, thereURL}
		}
		for _, u := range urls {
			to := SentTo{URL: u, ConnEpoch: conn}
			if burst("sender "+u, w.sender) {
				to.Dropped = DropQueueOverflow
			} else {
				to.Handed = due.Add(time.Duration(rng.IntN(1000)) * time.Microsecond)
				if burst("uplink "+u, w.uplink) {
					if u == url {
						s.truth[seq] = lostBefore
					}
				} else {
					up = append(up, inAir{
						seq: seq, at: to.Handed.Add(time.Duration(rng.IntN(w.overtake*20+1)) * time.Millisecond),
						url: u, conn: conn, slot: slot, hearer: hearer, hearerAbsent: absent > 0, muted: muted > 0, listened: u == url,
					})
				}
			}
			if u == url && to.Handed.IsZero() {
				s.truth[seq] = keptBySender
			}
			sent.Targets = append(sent.Targets, to)
		}
		absent, muted = max(0, absent-1), max(0, muted-1)
		s.pair.Sent = append(s.pair.Sent, sent)
	}
	s.relay(up, w, burst)
	return s
}

// relay numbers what arrives, in order of arrival, and sends it down.
func (s *simulation) relay(up []inAir, w weather, burst func(string, float64) bool) {
	slices.SortStableFunc(up, func(a, b inAir) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	type edge struct {
		url  string
		conn uint32
		slot uint16
	}
	counts := map[edge]uint32{}
	for _, f := range up {
		if !f.listened {
			continue // no edge there
		}
		if f.muted || f.hearerAbsent {
			s.truth[f.seq] = lostBefore
			continue
		}
		e := edge{f.url, f.conn, f.slot}
		hop := counts[e]
		counts[e]++
		if burst("downlink", w.downlink) {
			s.truth[f.seq] = lostAfter
			continue
		}
		r := Received{
			At:         f.at.Add(10*time.Millisecond + time.Duration(s.rng.IntN(w.shuffle*20+1))*time.Millisecond),
			HandlerURL: f.url, ConnEpoch: f.hearer, SlotID: f.slot, Hop: hop, Declared: true, Decoded: true,
			SenderID: tapeID, Sequence: uint32(f.seq),
		}
		if s.rng.Float64() < w.dawdle {
			r.At = r.At.Add(2 * simSettle)
			s.truth[f.seq] = tooLate
		}
		if s.rng.Float64() < w.refuse {
			r.Reject = frame.SignatureInvalid
			s.truth[f.seq] = refusedThere
		}
		s.lastArrived = max(s.lastArrived, f.seq)
		s.pair.Received = append(s.pair.Received, r)
		if r.Accepted() && s.rng.Float64() < w.duplicate {
			r.At = r.At.Add(time.Millisecond)
			r.Reject = frame.ReplayDetected
			s.pair.Received = append(s.pair.Received, r)
		}
	}
}

func (s *simulation) count(from, to int) map[fate]int {
	n := map[fate]int{}
	for _, f := range s.truth[from:to] {
		n[f]++
	}
	return n
}

func (s *simulation) window(from, to int) Pair {
	p := s.pair
	p.From, p.To = p.Sent[from].Due, p.Sent[to-1].Due.Add(time.Millisecond)
	return p
}

// TestLegsNeverContradictTheTruth plays random weather through a relay and asks
// for random windows: what Legs is sure of must be so.
func TestLegsNeverContradictTheTruth(t *testing.T) {
	lost, placed := 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		some := func(most float64) float64 { return most * rng.Float64() * float64(rng.IntN(2)) }
		w := weather{
			sender: some(0.1), uplink: some(0.2), downlink: some(0.2),
			refuse: some(0.1), duplicate: some(0.1), dawdle: some(0.05), shuffle: rng.IntN(4),
			redialSender: some(0.01), redialHearer: some(0.01), changeSlot: some(0.01), changeHandler: some(0.01),
			secondTarget: rng.IntN(2) == 0, muteAtHandler: rng.IntN(3) == 0,
		}
		frames := 50 + rng.IntN(400)
		s := simulate(seed, frames, w)
		for range 5 {
			from := rng.IntN(frames - 1)
			to := from + 1 + rng.IntN(frames-from-1)
			e := Legs(s.window(from, to))
			if err := consistent(e, s.count(from, to), to-from); err != nil {
				t.Fatalf("seed %d, frames %d to %d, weather %+v: %v\nevidence %+v", seed, from, to, w, err, withoutSamples(e))
			}
			lost += e.Lost()
			placed += e.Lost() - e.Unattributed
		}
	}
	if placed < lost*3/4 {
		t.Errorf("only %d of %d losses were placed: never guessing must not mean never knowing", placed, lost)
	}
}

func consistent(e PairEvidence, truth map[fate]int, sent int) error {
	switch {
	case e.Sent != sent:
		return fmt.Errorf("sent %d, want %d", e.Sent, sent)
	case e.Delivered != truth[onTime] || e.Late != truth[tooLate] || e.RefusedTotal() != truth[refusedThere]:
		return fmt.Errorf("delivered, late, refused: %d %d %d, want %d %d %d",
			e.Delivered, e.Late, e.RefusedTotal(), truth[onTime], truth[tooLate], truth[refusedThere])
	case e.LostSender > truth[keptBySender]:
		return fmt.Errorf("blames the sender for %d, kept were %d", e.LostSender, truth[keptBySender])
	case e.LostUplink > truth[lostBefore]:
		return fmt.Errorf("says %d were lost before the relay, in truth %d", e.LostUplink, truth[lostBefore])
	case e.LostDownlink > truth[lostAfter]:
		return fmt.Errorf("says %d were lost after the relay, in truth %d", e.LostDownlink, truth[lostAfter])
	case e.Delivered+e.Late+e.RefusedTotal()+e.Lost() != e.Sent:
		return fmt.Errorf("the fates do not sum up")
	case e.UnexplainedHops != 0:
		return fmt.Errorf("%d numbers unexplained", e.UnexplainedHops)
	}
	return nil
}

// TestLegsPlaceEveryLossOfASteadyConversation: without redials, and with frames
// arriving before and after it, nothing of the window is left open but gaps over
// its edges.
func TestLegsPlaceEveryLossOfASteadyConversation(t *testing.T) {
	judged := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := weather{
			sender: 0.05 * rng.Float64(), uplink: 0.2 * rng.Float64(), downlink: 0.2 * rng.Float64(),
			refuse: 0.05 * rng.Float64(), duplicate: 0.1 * rng.Float64(), shuffle: rng.IntN(4),
			// With fan-out, a frame kept from the listened handler only is placed too.
			secondTarget: rng.IntN(2) == 0,
		}
		if rng.IntN(2) == 0 {
			w.overtake = 1 + rng.IntN(3)
		}
		s := simulate(seed, 300, w)
		to := s.lastArrived + 1
		if w.overtake > 0 {
			to = s.lastInOrder()
		}
		if to < 2 {
			continue
		}
		truth := s.count(0, to)
		e := Legs(s.cut(to).window(0, to))
		if e.LostSender != truth[keptBySender] || e.LostUplink != truth[lostBefore] || e.LostDownlink != truth[lostAfter] || e.Unattributed != 0 {
			t.Fatalf("seed %d, weather %+v: legs %d %d %d (%d open), in truth %d %d %d",
				seed, w, e.LostSender, e.LostUplink, e.LostDownlink, e.Unattributed,
				truth[keptBySender], truth[lostBefore], truth[lostAfter])
		}
		judged += to
	}
	if judged < 200*200 {
		t.Errorf("only %d frames were judged", judged)
	}
}

// lastInOrder is one past the last frame that arrived with a higher number than
// every frame before it had and than no frame after it has.
func (s *simulation) lastInOrder() int {
	hopOf := map[int]int64{}
	for _, r := range s.pair.Received {
		hopOf[int(r.Sequence)] = int64(r.Hop)
	}
	// Numbers of lost frames count too: only arrivals in perfect order are safe.
	best := 0
	for seq := range s.pair.Sent {
		hop, ok := hopOf[seq]
		if !ok {
			continue
		}
		numbered := int64(0)
		for _, f := range s.truth[:seq] {
			if f != keptBySender && f != lostBefore {
				numbered++
			}
		}
		if hop == numbered && (seq+1 == len(s.truth) || s.noneOvertakes(seq, hop, hopOf)) {
			best = seq + 1
		}
	}
	return best
}

// noneOvertakes reports whether no later frame has a number below hop, and none
// before it one above.
func (s *simulation) noneOvertakes(seq int, hop int64, hopOf map[int]int64) bool {
	for other, h := range hopOf {
		if other > seq && h < hop || other < seq && h > hop {
			return false
		}
	}
	return true
}

// cut forgets all frames from position n on.
func (s *simulation) cut(n int) *simulation {
	out := *s
	out.pair.Sent = s.pair.Sent[:n]
	out.pair.Received = slices.DeleteFunc(slices.Clone(s.pair.Received), func(r Received) bool { return int(r.Sequence) >= n })
	return &out
}

func withoutSamples(e PairEvidence) PairEvidence {
	e.Latency, e.SendLateness = nil, nil
	return e
}

func BenchmarkLegs(b *testing.B) {
	s := simulate(1, 3000, weather{uplink: 0.01, downlink: 0.01, shuffle: 1})
	for b.Loop() {
		Legs(s.pair)
	}
}
