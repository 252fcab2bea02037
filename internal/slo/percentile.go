package slo

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/slo/binomial"
)

// PercentileRank is the rank, from 1, of the sample that the percentile q (such as
// 0.95) of n independent samples is at most, with this confidence. Below 59 samples
// there is none for the 95th percentile at 95 %, and below 299 none for the 99th.
func PercentileRank(n int, q, confidence float64) (rank int, ok bool) {
	if n <= 0 || !(q > 0 && q < 1) {
		return 0, false
	}
	// The k-th smallest is below the percentile when k or more samples are.
	for k := 1; k <= n; k++ {
		if binomial.AtLeast(k, n, q) <= 1-confidence {
			return k, true
		}
	}
	return 0, false
}

// PercentileBound is an upper bound of a percentile of which these runs prove, with
// this confidence, that it is not above it. Those without a duration, slow of them,
// took for ever. Whoever stopped at a moment that hangs on the runs names the least
// number of them that was fixed beforehand: what is left out above the bound is then
// only what that many allow, which holds whenever one stops. ok is false when there
// are too few runs, or too many are slow, for any bound.
func PercentileBound(durations []time.Duration, slow, least int, q, confidence float64) (bound time.Duration, ok bool) {
	n := len(durations) + max(slow, 0)
	if first, ok := binomial.Runs(0, 1-q, confidence); ok {
		least = max(least, first)
	}
	rank, ok := PercentileRank(least, q, confidence)
	above := least - rank
	if !ok || n < least || slow > above {
		return 0, false
	}
	sorted := slices.Clone(durations)
	slices.Sort(sorted)
	return sorted[n-above-1], true
}
