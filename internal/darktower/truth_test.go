package darktower_test

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// TestLegsAgreeWithTheRelaysOwnBooks bends the relay in every way that loses,
// damages or moves frames, and compares what the receiver's numbers say with what
// the relay knows it forwarded.
func TestLegsAgreeWithTheRelaysOwnBooks(t *testing.T) {
	w := newWorld(t, devstack.Options{})
	talker, listener := w.converse(t)
	for _, tc := range []struct {
		name string
		mh   fault.MH
		want func(media.PairEvidence) bool // beyond the legs
	}{
		{"a good day", fault.MH{}, func(e media.PairEvidence) bool { return e.Delivered > 0 }},
		{"loss before the relay", fault.MH{LoseIngressEvery: 5}, func(e media.PairEvidence) bool { return e.LostUplink > 0 }},
		{"loss after the relay", fault.MH{LoseEgressEvery: 7}, func(e media.PairEvidence) bool { return e.LostDownlink > 0 }},
		{"loss on both sides", fault.MH{LoseIngressEvery: 4, LoseEgressEvery: 3}, func(e media.PairEvidence) bool { return e.LostUplink > 0 && e.LostDownlink > 0 }},
		{"damage", fault.MH{CorruptEvery: 6}, func(e media.PairEvidence) bool { return e.Refused[frame.SignatureInvalid] > 0 }},
		{"duplicates", fault.MH{DuplicateEvery: 4}, func(e media.PairEvidence) bool { return e.Duplicate > 0 }},
		{"reordering", fault.MH{ReorderEvery: 5}, func(e media.PairEvidence) bool { return e.Reordered > 0 }},
		{"delay", fault.MH{Delay: 50 * time.Millisecond}, func(e media.PairEvidence) bool {
			return e.Delivered+e.Late > 0 && e.Latency[0].Latency >= 50*time.Millisecond
		}},
		{"all of it", fault.MH{LoseIngressEvery: 9, LoseEgressEvery: 8, CorruptEvery: 7, DuplicateEvery: 6, ReorderEvery: 5}, func(e media.PairEvidence) bool {
			return e.LostUplink > 0 && e.LostDownlink > 0 && e.Duplicate > 0 && e.Reordered > 0 && e.RefusedTotal() > 0
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.Faults().Set(fault.Faults{MH: tc.mh})
			defer w.Faults().Set(fault.Faults{})
			// Forty frames, however long they take, and ten more behind them.
			p := media.Pair{From: time.Now(), Settle: patience}
			first := listener.hear(talker, after(p.From))
			listener.hear(talker, func(r media.Received) bool { return r.Sequence >= first.Sequence+40 })
			p.To = time.Now()
			listener.hear(talker, after(p.To.Add(200*time.Millisecond)))
			p.Sent, p.Received = talker.Sent(), listener.Received()
			e := media.Legs(p)
			before, behind := w.books(p, talker.SenderID(), listener.SenderID())
			if e.LostUplink > before || e.LostDownlink > behind {
				t.Errorf("says %d were lost before and %d after the relay; its books say %d and %d", e.LostUplink, e.LostDownlink, before, behind)
			}
			if open := before + behind - e.LostUplink - e.LostDownlink; open > 6 || open != e.Unattributed {
				t.Errorf("%d losses unattributed, %d by the books: only gaps over the edges may be", e.Unattributed, open)
			}
			if e.Delivered+e.Late+e.Lost()+e.RefusedTotal() != e.Sent || e.UnexplainedHops != 0 || !tc.want(e) {
				e.Latency, e.SendLateness = nil, nil
				t.Errorf("evidence %+v", e)
			}
		})
	}
}

// books counts the frames of the window that were handed over and never arrived,
// by whether the relay had forwarded them.
func (w *world) books(p media.Pair, talker, listener uint16) (before, behind int) {
	arrived := map[uint32]bool{}
	for _, r := range p.Received {
		if r.SenderID == talker {
			arrived[r.Sequence] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	forwarded := map[uint32]bool{}
	for f := range w.forwarded {
		if f.Sender == talker && f.Subscriber == listener {
			forwarded[f.Sequence] = true
		}
	}
	for i := range p.Sent {
		s := &p.Sent[i]
		_, handed := s.Handed()
		switch {
		case s.Due.Before(p.From) || !s.Due.Before(p.To) || arrived[s.Sequence] || !handed:
		case forwarded[s.Sequence]:
			behind++
		default:
			before++
		}
	}
	return before, behind
}
