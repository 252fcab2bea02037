package flows

import (
	"math"
	"slices"
	"time"
)

// Summarise gives the empirical quantiles of samples: the smallest sample that so
// large a share of them does not exceed. The zero Distribution for none.
func Summarise(samples []time.Duration) Distribution {
	if len(samples) == 0 {
		return Distribution{}
	}
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	q := func(p float64) time.Duration { return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1] }
	return Distribution{Count: len(sorted), P50: q(0.50), P95: q(0.95), P99: q(0.99), Max: sorted[len(sorted)-1]}
}
