package flows

import (
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// Summarise gives the empirical quantiles of samples; the zero Distribution for none.
func Summarise(samples []time.Duration) Distribution {
	if len(samples) == 0 {
		return Distribution{}
	}
	xs := make([]float64, len(samples))
	for i, d := range samples {
		xs[i] = float64(d)
	}
	slices.Sort(xs)
	q := func(p float64) time.Duration { return time.Duration(stat.Quantile(p, stat.Empirical, xs, nil)) }
	return Distribution{Count: len(xs), P50: q(0.50), P95: q(0.95), P99: q(0.99), Max: time.Duration(xs[len(xs)-1])}
}
