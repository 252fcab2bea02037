package link

import (
	"math/bits"
	"time"
)

// Lateness is how late packets left, against when they were due: a link's own
// error. Quantiles are exact to an eighth of their value.
type Lateness struct {
	P50, P99, Max time.Duration
}

// latenessCount counts durations in bins of an eighth of a power of two.
type latenessCount struct {
	bins [64 * 8]uint64
	n    uint64
	max  time.Duration
}

func (l *latenessCount) note(d time.Duration) {
	d = max(d, 0)
	l.bins[bin(uint64(d))]++
	l.n++
	l.max = max(l.max, d)
}

func bin(v uint64) int {
	if v < 8 {
		return int(v)
	}
	exp := bits.Len64(v) - 4 // v>>exp is 8..15
	return exp*8 + int(v>>exp)
}

// upper is the largest value of a bin.
func upper(bin int) uint64 {
	if bin < 16 {
		return uint64(bin)
	}
	exp := bin/8 - 1
	return uint64(bin%8+9)<<exp - 1
}

func (l *latenessCount) quantile(q float64) time.Duration {
	rank := uint64(q*float64(l.n-1)) + 1
	for i, n := range l.bins {
		if n >= rank {
			return min(time.Duration(upper(i)), l.max)
		}
		rank -= n
	}
	return l.max
}

func (l *latenessCount) summary() Lateness {
	if l.n == 0 {
		return Lateness{}
	}
	return Lateness{P50: l.quantile(0.50), P99: l.quantile(0.99), Max: l.max}
}
