package digest

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
)

// MaxPoints bounds a series.
const MaxPoints = 240

// Series is the latencies of one ordered pair in the order of arrival, thinned to
// at most MaxPoints points that cover every frame.
type Series struct {
	Frames int // all frames that the points stand for
	Points []Point
}

// Point stands for a few frames that arrived one after the other. Its extremes are
// real latencies: thinning hides no peak.
type Point struct {
	Low, Median, High time.Duration
	Tainted           bool // the prober was late during one of the frames
}

// SeriesOf thins samples.
func SeriesOf(samples []flows.Sample) Series {
	s := Series{Frames: len(samples)}
	if len(samples) == 0 {
		return s
	}
	n := min(len(samples), MaxPoints)
	s.Points = make([]Point, 0, n)
	var sorted []time.Duration
	for i := range n {
		part := samples[i*len(samples)/n : (i+1)*len(samples)/n]
		sorted = sorted[:0]
		var p Point
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
