// Package simulate measures how often verdicts and alerts are wrong, by playing
// platforms of a known quality to the real verdict code and to the conditions of the
// shipped alerts. It is seeded: the same seed gives the same numbers.
//
// It knows objectives, plans and the conditions of the alerts. It knows nothing of
// runs, of configurations as files, or of how numbers are printed, and does no I/O.
package simulate

import (
	"math"
	"math/rand/v2"
)

func newRand(seed uint64, what string) *rand.Rand {
	var name uint64 = 14695981039346656037 // FNV-1a: rows do not depend on their neighbours
	for _, c := range []byte(what) {
		name = (name ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, name))
}

// spread is a way in which bad events lie in the runs of a platform.
type spread struct {
	name string
	// bad is the bad share of the next run, with the mean m.
	bad func(r *rand.Rand, m float64) float64
}

// spreads are the ways that are played for objectives with several events in a run.
// What is reported is the worst of them.
func spreads() []spread {
	return []spread{
		{"in every run the same", func(_ *rand.Rand, m float64) float64 { return m }},
		{"whole runs", func(r *rand.Rand, m float64) float64 { return hit(r, m, 1) }},
		{"a tenth of a run", func(r *rand.Rand, m float64) float64 { return hit(r, m, max(m, 0.1)) }},
		{"few in most runs and many in some", func(r *rand.Rand, m float64) float64 { return min(-math.Log(1-r.Float64())*m, 1) }},
	}
}

// hit is size with such a probability that its mean is m, and otherwise 0.
func hit(r *rand.Rand, m, size float64) float64 {
	if r.Float64()*size < m {
		return size
	}
	return 0
}
