package metrics

import (
	"slices"
	"time"
)

// The edges of the histograms, in seconds. Each set has those at which the
// platform's own objectives lie, so that both can be compared: 0.02 (relay), 0.05
// (AC), 0.1 (MC), 0.15 (media), 0.2, 0.35, 0.5 (GC), 1, 2 (join) and 5 (reconnect).

// stepEdges are those of steps, and of time to media and to restore.
func stepEdges() []float64 {
	return []float64{.005, .01, .02, .05, .1, .15, .2, .35, .5, 1, 2, 3, 5, 10, 20, 60}
}

// runEdges are those of whole runs, which talk, and wait for people who were lost.
func runEdges() []float64 {
	return []float64{.02, .05, .1, .15, .2, .35, .5, 1, 2, 5, 10, 15, 20, 30, 60, 120}
}

// phaseEdges are those of the parts of a step. No objective is about them.
func phaseEdges() []float64 {
	return []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}
}

// latencyEdges are fine up to 0.15, where conversations begin to suffer.
func latencyEdges() []float64 {
	return []float64{.001, .002, .005, .01, .015, .02, .03, .04, .05, .06, .08, .1, .12, .15, .2, .25, .35, .5, 1, 2, 5}
}

// relayEdges are fine around 0.02, the relay's objective; jitter has the same scale.
func relayEdges() []float64 {
	return []float64{.0005, .001, .002, .005, .01, .015, .02, .025, .03, .05, .1, .15, .2, .35, .5, 1, 2, 5}
}

// silenceEdges begin at the time between two frames.
func silenceEdges() []float64 {
	return []float64{.02, .05, .1, .15, .2, .35, .5, 1, 2, 5, 10, 20, 60}
}

// delayEdges are those of the prober's own lateness.
func delayEdges() []float64 {
	return []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}
}

// with adds thresholds to edges.
func with(edges []float64, thresholds []time.Duration) []float64 {
	for _, t := range thresholds {
		edges = append(edges, t.Seconds())
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// thresholdsOf are all thresholds that a probe is held to, sorted.
func thresholdsOf(p Probe) []time.Duration {
	all := slices.Clone(p.Thresholds)
	for _, o := range p.Objectives {
		all = append(all, o.Threshold)
	}
	all = slices.DeleteFunc(all, func(t time.Duration) bool { return t <= 0 })
	slices.Sort(all)
	return slices.Compact(all)
}
