package media

import (
	"testing"
	"time"
)

func TestFramesOfExceptedTimesHaveNoFate(t *testing.T) {
	// Frames 10 to 19 were sent and, as those of a muted sender, dropped by the relay
	// before it numbered them; the first two of them got through.
	muted := func() *tape {
		return newTape().sendN(30).gotAll(0, append(span(0, 12), span(20, 30)...)...).window(2, 28)
	}
	at := func(tp *tape, seq int) time.Time { return tp.start.Add(time.Duration(seq) * 20 * time.Millisecond) }
	for _, c := range []struct {
		name     string
		except   func(*tape) []Span
		want     fates
		excepted int
	}{
		{"nothing is excepted", func(*tape) []Span { return nil }, fates{sent: 26, delivered: 18, uplink: 8}, 0},
		{"what was dropped", func(tp *tape) []Span { return []Span{{at(tp, 12), at(tp, 20)}} }, fates{sent: 18, delivered: 18}, 8},
		{"twice the same", func(tp *tape) []Span { return []Span{{at(tp, 12), at(tp, 18)}, {at(tp, 14), at(tp, 20)}} }, fates{sent: 18, delivered: 18}, 8},
		{"what got through has no fate, either", func(tp *tape) []Span { return []Span{{at(tp, 8), at(tp, 22)}} }, fates{sent: 12, delivered: 12}, 14},
		{"outside the window", func(tp *tape) []Span { return []Span{{at(tp, 0), at(tp, 2)}, {at(tp, 28), at(tp, 30)}} }, fates{sent: 26, delivered: 18, uplink: 8}, 0},
		{"all", func(tp *tape) []Span { return []Span{{at(tp, 0), at(tp, 30)}} }, fates{}, 26},
		{"backwards", func(tp *tape) []Span { return []Span{{at(tp, 20), at(tp, 12)}} }, fates{sent: 26, delivered: 18, uplink: 8}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			tp := muted()
			tp.pair.Except = c.except(tp)
			e := Legs(tp.pair)
			if got := fatesOf(t, e); got != c.want || e.Excepted != c.excepted {
				t.Errorf("%+v, excepted %d, want %+v and %d", got, e.Excepted, c.want, c.excepted)
			}
			if len(e.Latency) != e.Delivered || len(e.SendLateness) != e.Sent {
				t.Errorf("%d latencies, %d times of sending", len(e.Latency), len(e.SendLateness))
			}
		})
	}
}
