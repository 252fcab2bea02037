package digest

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
)

// Bounds of a run's series.
const (
	MaxPoints    = 120  // of one pair
	maxPointsRun = 2400 // of all pairs of a run: sixteen people are 240 pairs
)

// Series is the latencies of one ordered pair in the order of arrival, thinned to
// points that cover every frame.
type Series struct {
	Frames int // all frames that the points stand for
	Points []Point
}

// Point stands for a few frames that arrived one after the other. Its extremes are
// real latencies: thinning hides no peak.
type Point struct {
	At                time.Duration // when the first of them arrived, since the run's start
	Low, Median, High time.Duration
	Tainted           bool // the prober was late during one of the frames
}

// SeriesOf thins the latencies of every pair, in their order.
func SeriesOf(pairs []flows.Pair) []Series {
	out := make([]Series, 0, len(pairs))
	for _, p := range pairs {
		out = append(out, thin(p.Samples, min(MaxPoints, maxPointsRun/len(pairs))))
	}
	return out
}

func thin(samples []flows.Sample, most int) Series {
	s := Series{Frames: len(samples)}
	if len(samples) == 0 {
		return s
	}
	n := min(len(samples), max(most, 1))
	s.Points = make([]Point, 0, n)
	var sorted []time.Duration
	for i := range n {
		part := samples[i*len(samples)/n : (i+1)*len(samples)/n]
		sorted = sorted[:0]
		p := Point{At: part[0].At}
		for _, x := range part {
			sorted = append(sorted, x.Latency)
			p.Tainted = p.Tainted || x.Tainted
		}
		slices.Sort(sorted)
		p.Low, p.Median, p.High = sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
		s.Points = append(s.Points, p)
	}
	return s
}
