package page

import (
	"math"
	"time"
)

// logScale maps durations to a height of 0 (top) to 100 (bottom). It is logarithmic:
// a relay adds 400 µs, the threshold is 150 ms, and both have to be seen.
type logScale struct{ low, high float64 }

// scaleOf makes a scale on which every duration has its place, with room around.
// Durations of 0 and less stand at its foot.
func scaleOf(durations ...time.Duration) logScale {
	low, high := math.Inf(1), 0.0
	for _, d := range durations {
		if d > 0 {
			low, high = min(low, float64(d)), max(high, float64(d))
		}
	}
	if high == 0 {
		low, high = float64(time.Millisecond), float64(time.Millisecond)
	}
	return logScale{math.Log10(low / 1.5), math.Log10(high * 1.5)}
}

func (s logScale) y(d time.Duration) float64 {
	if d <= 0 {
		return 100
	}
	return 100 * min(max((s.high-math.Log10(float64(d)))/(s.high-s.low), 0), 1)
}

// ticks are the round durations on the scale: decades, and where those are few also
// parts of them.
func (s logScale) ticks() []time.Duration {
	for _, steps := range [][]float64{{1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 4, 5, 6, 8}} {
		var out []time.Duration
		for decade := math.Floor(s.low); decade <= s.high; decade++ {
			for _, m := range steps {
				x := m * math.Pow(10, decade)
				if l := math.Log10(x); l >= s.low && l <= s.high {
					out = append(out, time.Duration(math.Round(x)))
				}
			}
		}
		if len(out) >= 2 {
			return out
		}
	}
	return nil // the scale is wider than twice its lowest: this is not reached
}
