package media

import (
	"testing"
	"time"
)

func TestJitterOfASteadyStreamIsZeroAndOfAnAlternatingOneIsNot(t *testing.T) {
	tp := newTape().sendN(200).gotAll(0, span(0, 200)...)
	if e := Legs(tp.pair); e.Jitter != 0 {
		t.Errorf("steady: jitter %v", e.Jitter)
	}
	for i := range tp.pair.Received {
		if i%2 == 1 {
			tp.pair.Received[i].At = tp.pair.Received[i].At.Add(8 * time.Millisecond)
		}
	}
	// |D| is 8 ms at every frame, so that the estimate approaches 8 ms.
	if e := Legs(tp.pair); e.Jitter < 7900*time.Microsecond || e.Jitter > 8*time.Millisecond {
		t.Errorf("alternating: jitter %v, want nearly 8ms", e.Jitter)
	}
}

func TestLongestSilence(t *testing.T) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	tests := []struct {
		name  string
		got   []int
		until time.Duration
		want  time.Duration
	}{
		{"between two frames", []int{0, 1, 2, 7, 8, 9}, 0, at(100)},
		{"at the beginning, from the window's edge", []int{5, 6, 7, 8, 9}, 0, at(111)},
		{"at the end, up to the window's edge", []int{0, 1, 2}, 0, at(200 - 51)},
		{"all of it", nil, 0, at(200)},
		{"no further than what was recorded", []int{0, 1, 2}, at(100), at(100 - 51)},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			tp := newTape().sendN(12).window(0, 10)
			if tc.until > 0 {
				tp.pair.Until = tp.start.Add(tc.until)
			}
			for _, seq := range tc.got {
				tp.got(seq, uint32(seq))
			}
			if e := Legs(tp.pair); e.LongestSilence != tc.want {
				t.Errorf("got %v, want %v", e.LongestSilence, tc.want)
			}
		})
	}
}

func TestMissedDueTimesCountWhereTheyWereDue(t *testing.T) {
	tp := newTape().sendN(3)
	tp.pair.Sent[1].Due = tp.start.Add(100 * time.Millisecond) // 20 to 80 ms passed unused
	tp.pair.Sent[1].Missed = 4
	tp.pair.Sent[2].Due = tp.start.Add(120 * time.Millisecond)
	for _, tc := range []struct{ from, to, want int }{{0, 10, 4}, {0, 3, 2}, {3, 5, 2}, {5, 10, 0}} {
		tp.window(tc.from, tc.to)
		if e := Legs(tp.pair); e.Missed != tc.want {
			t.Errorf("due times %d to %d: %d missed, want %d", tc.from, tc.to, e.Missed, tc.want)
		}
	}
	// The sender was late, whether anything was expected of it or not.
	tp.window(0, 10)
	tp.pair.Except = []Span{{tp.start, tp.start.Add(time.Second)}}
	if e := Legs(tp.pair); e.Missed != 4 || e.Sent != 0 {
		t.Errorf("where nothing is expected: %d missed and %d sent, want 4 and 0", e.Missed, e.Sent)
	}
}
