// Package blocks says what a number of runs proves about events that come in blocks,
// such as the frames of a run: frames of one run share their network and their
// moment, so that a thousand of them can be as little evidence as one.
//
// A run is therefore one observation, the share of its events that are good, and
// nothing is assumed of how the events within it hang together. The proof is a bet
// against a claim. Somebody claims that a share of at most m is good. We begin with 1
// and after each run keep part of what we have and multiply the rest by share/m. If
// the claim is true, that is no winning game: what we have is expected not to grow,
// and the probability that it ever reaches 1/a is at most a (Ville's inequality).
// Having reached 20 refutes the claim with 95 % confidence. That holds at every
// moment, so that a check may look after each run and stop when it knows; and with
// nothing but good events it needs little more than the exact binomial bound.
//
// It knows numbers only: nothing of objectives, runs or configurations.
package blocks

import (
	"math"
	"slices"
)

// part is a share of the beginning capital that always stakes the same fraction of
// what it has.
type part struct {
	weight float64
	stake  float64
}

// Bet is a bet against a claim that the mean share is at most m.
type Bet struct {
	parts []part
	m     float64
	logs  []float64 // of the capital of each part
}

// AgainstAtMost begins a bet against "at most the share m is good". Half of the
// capital stakes everything, since a good platform has hardly any bad event; the rest
// survives runs that are bad altogether.
func AgainstAtMost(m float64) *Bet {
	return newBet(m, part{0.5, 1}, part{0.125, 0.7}, part{0.125, 0.4}, part{0.125, 0.2}, part{0.125, 0.1})
}

// AgainstFewBad begins a bet against "at most the share m is bad", of which it is to
// be told the bad shares. Bad events can be spread over all runs or sit in a few of
// them: the parts are for either.
func AgainstFewBad(m float64) *Bet {
	const each = 1.0 / 6
	return newBet(m, part{each, 1}, part{each, 0.7}, part{each, 0.4}, part{each, 0.2}, part{each, 0.1}, part{each, 0.05})
}

func newBet(m float64, parts ...part) *Bet {
	return &Bet{parts: parts, m: m, logs: make([]float64, len(parts))}
}

// Add tells the share of one run, between 0 and 1.
func (b *Bet) Add(share float64) {
	for i, p := range b.parts {
		b.logs[i] += math.Log(1 - p.stake + p.stake*share/b.m)
	}
}

// Refutes reports whether the claim is refuted, with a probability of at most level
// that it is true.
func (b *Bet) Refutes(level float64) bool {
	needed := -math.Log(level)
	return slices.Max(b.logs) >= needed && b.log() >= needed // the whole is at most the best part
}

// log is the logarithm of the whole capital.
func (b *Bet) log() float64 {
	top := slices.Max(b.logs)
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for i, p := range b.parts {
		sum += p.weight * math.Exp(b.logs[i]-top)
	}
	return top + math.Log(sum)
}

// Proves is the share of good events that runs with these shares prove at least, with
// this confidence; 0 without runs.
func Proves(shares []float64, confidence float64) float64 {
	low, high := 0.0, 1.0 // proven, not proven
	for range 40 {
		middle := (low + high) / 2
		bet := AgainstAtMost(middle)
		for _, s := range shares {
			bet.Add(s)
		}
		if bet.Refutes(1 - confidence) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// CleanRuns is how many runs without a bad event prove, with this confidence, that at
// least the share prove is good; 0 when prove is 0.
func CleanRuns(prove, confidence float64) int {
	if prove <= 0 {
		return 0
	}
	bet := AgainstAtMost(prove)
	const most = 1 << 20
	for n := 1; n < most; n++ {
		if bet.Add(1); bet.Refutes(1 - confidence) {
			return n
		}
	}
	return most
}
