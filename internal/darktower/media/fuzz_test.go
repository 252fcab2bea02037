package media

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// FuzzTake gives any bytes to the receive path: each datagram is accepted or
// refused for one known reason, and only frames that were really sealed are accepted.
func FuzzTake(f *testing.F) {
	s := newSpeaker(f)
	good := s.frames(f, 2, 1)
	for _, b := range good {
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add(good[0][:60])
	known := map[frame.Reason]bool{}
	for _, r := range frame.Reasons() {
		known[r] = r.Drops()
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &inlet{opener: s.opener(), slots: map[uint16]bool{1: true}, hops: hopMonitor{slots: map[uint16]*hopState{}}}
		rec, _ := in.take(arrival{at: time.Now(), data: b}, nil)
		if !rec.Accepted() && !known[rec.Reject] {
			t.Fatalf("refused for %q", rec.Reject)
		}
		if rec.Accepted() && (rec.SenderID != speakerID || rec.Sequence > 1) {
			t.Fatalf("accepted what was never sealed: %+v", rec)
		}
	})
}

// FuzzLegs lets a relay write anything into the fields that are its own: the
// fates must sum up, and nothing may be known that was not sent.
func FuzzLegs(f *testing.F) {
	f.Add(uint64(1), uint8(0))
	f.Add(uint64(2), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, nonsense uint8) {
		s := simulate(seed, 120, weather{
			sender: 0.05, uplink: 0.1, downlink: 0.1, refuse: 0.05, duplicate: 0.1, shuffle: 2, overtake: 1, redialSender: 0.01, secondTarget: seed%2 == 0,
		})
		rng := rand.New(rand.NewPCG(seed, 9))
		for i := range s.pair.Received {
			r := &s.pair.Received[i]
			if rng.IntN(256) >= int(nonsense) {
				continue
			}
			switch rng.IntN(5) {
			case 0:
				r.Hop = rng.Uint32()
			case 1:
				r.Hop = uint32(rng.IntN(200))
			case 2:
				r.SlotID = uint16(rng.IntN(3))
			case 3:
				r.Reject, r.SenderID = frame.NoRosterEntry, uint16(rng.Uint32())
			case 4:
				r.Hop, r.ConnEpoch = rng.Uint32(), uint32(rng.IntN(3))
			}
		}
		from := rng.IntN(100)
		e := Legs(s.window(from, from+1+rng.IntN(119-from)))
		at := LegLosses{}
		for _, n := range e.LostAt {
			at.Uplink, at.Downlink = at.Uplink+n.Uplink, at.Downlink+n.Downlink
		}
		if at != (LegLosses{e.LostUplink, e.LostDownlink}) {
			t.Errorf("losses by handler %+v, in all %d and %d", e.LostAt, e.LostUplink, e.LostDownlink)
		}
		if e.Delivered+e.Late+e.Lost()+e.RefusedTotal() != e.Sent || min(e.Delivered, e.Late, e.LostSender, e.LostUplink, e.LostDownlink, e.Unattributed, e.UnexplainedHops) < 0 {
			t.Fatalf("%+v", withoutSamples(e))
		}
	})
}

// TestNonsenseNumbersCostNoTime: a relay that writes the worst numbers into a full
// record is not worth more than a moment.
func TestNonsenseNumbersCostNoTime(t *testing.T) {
	for name, hop := range map[string]func(i int) uint32{
		"falling":     func(i int) uint32 { return uint32(1<<31 - 70*i) },
		"alternating": func(i int) uint32 { return uint32(i % 2 * 1000) },
		"the same":    func(int) uint32 { return 7 },
		"leaping":     func(i int) uint32 { return uint32(3 * i) },
	} {
		t.Run(name, func(t *testing.T) {
			tp := newTape()
			const n = 1 << 16
			for i := range n {
				tp.send(hereURL)
				if i%2 == 0 {
					tp.got(i, hop(i))
				}
			}
			e := Legs(tp.pair)
			if e.Sent != n || e.Delivered != n/2 || e.Lost() != n/2 {
				t.Errorf("%+v", withoutSamples(e))
			}
		})
	}
}
