// Package binomial has the exact binomial numbers behind verdicts: how likely it is
// to see so many bad runs, what so many runs prove, and which counts decide.
//
// It knows numbers only: nothing of objectives, runs or configurations.
package binomial

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// AtMost is the probability of k or fewer bad of n, when each is bad with
// probability p.
func AtMost(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n || p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// AtLeast is the probability of k or more bad of n, when each is bad with
// probability p.
func AtLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}

// Upper is the one-sided Clopper-Pearson upper bound of the bad share after k bad of
// n: with the given confidence, no more than it is bad. After nothing it is 1.
func Upper(k, n int, confidence float64) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	if k <= 0 {
		return 1 - math.Pow(1-confidence, 1/float64(n))
	}
	return mathext.InvRegIncBeta(float64(k+1), float64(n-k), confidence)
}

// Lower is the one-sided Clopper-Pearson lower bound of the bad share after k bad of
// n. After nothing it is 0.
func Lower(k, n int, confidence float64) float64 {
	if n <= 0 || k <= 0 {
		return 0
	}
	if k >= n {
		return math.Pow(1-confidence, 1/float64(n))
	}
	return mathext.InvRegIncBeta(float64(k), float64(n-k+1), 1-confidence)
}

// FailFrom is the smallest k for which k or more bad of n have at most the
// probability level, when each is bad with probability p; n+1 when there is none.
func FailFrom(n int, p, level float64) int {
	return first(n+1, func(k int) bool { return AtLeast(k, n, p) <= level })
}

// PassUpTo is the largest k for which k bad of n prove, with this confidence, that at
// most the share p is bad; -1 when not even 0 does.
func PassUpTo(n int, p, confidence float64) int {
	return first(n+1, func(k int) bool { return AtMost(k, n, p) > 1-confidence }) - 1
}

// maxRuns bounds Runs.
const maxRuns = 1 << 30

// Runs is the smallest n for which k bad of n prove, with this confidence, that at
// most the share p is bad; ok is false when no sensible n does.
func Runs(k int, p, confidence float64) (n int, ok bool) {
	n = first(maxRuns, func(n int) bool { return n > k && AtMost(k, n, p) <= 1-confidence })
	return n, n < maxRuns
}

// first is the smallest n below limit for which is holds, when it holds for all that
// follow; limit when there is none.
func first(limit int, is func(int) bool) int {
	low, high := 0, limit
	for low < high {
		if middle := low + (high-low)/2; is(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
