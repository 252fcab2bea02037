package blocks

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dark-tower/prober/internal/slo/binomial"
)

func TestCleanRunsProveNearlyAsMuchAsTheExactBound(t *testing.T) {
	for _, prove := range []float64{0.5, 0.8, 0.9, 0.95, 0.99} {
		exact, _ := binomial.Runs(0, 1-prove, 0.95)
		if got := CleanRuns(prove, 0.95); got < exact || float64(got) > 1.25*float64(exact)+1 {
			t.Errorf("%d clean runs prove %v, exactly it takes %d", got, prove, exact)
		}
		n := CleanRuns(prove, 0.95)
		clean := make([]float64, n)
		for i := range clean {
			clean[i] = 1
		}
		if p := Proves(clean, 0.95); p < prove || p > prove+0.1 {
			t.Errorf("%d clean runs are said to prove %v, and prove %v", n, prove, p)
		}
		if p := Proves(clean[1:], 0.95); p >= prove {
			t.Errorf("one run less proves %v already", p)
		}
	}
	if CleanRuns(0, 0.95) != 0 || Proves(nil, 0.95) > 1e-9 {
		t.Error("nothing proves something")
	}
}

// shares are ways in which the bad events of a platform can be spread over its runs,
// all with the mean bad share m.
func shares(m float64) map[string]func(*rand.Rand) float64 {
	return map[string]func(*rand.Rand) float64{
		"in every run the same":      func(*rand.Rand) float64 { return m },
		"whole runs":                 func(r *rand.Rand) float64 { return bernoulli(r, m) },
		"half of a run":              func(r *rand.Rand) float64 { return bernoulli(r, 2*m) / 2 },
		"a tenth of a run":           func(r *rand.Rand) float64 { return bernoulli(r, min(10*m, 1)) * max(m, 0.1) },
		"a few in many, many in few": func(r *rand.Rand) float64 { return min(-math.Log(r.Float64())*m, 1) },
	}
}

func bernoulli(r *rand.Rand, p float64) float64 {
	if r.Float64() < p {
		return 1
	}
	return 0
}

// TestABetIsWonByChanceNoMoreThanItMay looks after every run, as a check does.
func TestABetIsWonByChanceNoMoreThanItMay(t *testing.T) {
	const games, runs = 1500, 60
	won := func(level float64, m float64, bet func() *Bet, share func(*rand.Rand) float64) float64 {
		r := rand.New(rand.NewPCG(1, 2))
		wins := 0
		for range games {
			b := bet()
			for range runs {
				if b.Add(share(r)); b.Refutes(level) {
					wins++
					break
				}
			}
		}
		return float64(wins) / games
	}
	for _, m := range []float64{0.005, 0.05, 0.2} {
		for how, bad := range shares(m) {
			if got := won(0.025, m, func() *Bet { return AgainstFewBad(m) }, bad); got > 0.025 {
				t.Errorf("bad %v, %s: %v of platforms that are good enough are refuted", m, how, got)
			}
			good := func(r *rand.Rand) float64 { return 1 - bad(r) }
			if got := won(0.05, m, func() *Bet { return AgainstAtMost(1 - m) }, good); got > 0.05 {
				t.Errorf("bad %v, %s: %v of platforms that are not good enough are proven so", m, how, got)
			}
		}
	}
}

// TestCorrelatedFramesAreNotIndependentEvidence: frames of one run share their fate.
// The bound by runs holds with the promised confidence; the one that takes every frame
// for itself does not.
func TestCorrelatedFramesAreNotIndependentEvidence(t *testing.T) {
	const checks, runs, frames, confidence = 1000, 30, 500, 0.95
	r := rand.New(rand.NewPCG(3, 4))
	// One run in ten loses a fifth of its frames: 98 % of all are good.
	const truth = 0.98
	naive, blocked := 0, 0
	for range checks {
		var good []float64
		lost := 0
		for range runs {
			k := 0
			if r.Float64() < 0.1 {
				for range frames {
					k += int(bernoulli(r, 0.2))
				}
			}
			lost += k
			good = append(good, 1-float64(k)/frames)
		}
		if 1-binomial.Upper(lost, runs*frames, confidence) <= truth {
			naive++
		}
		if Proves(good, confidence) <= truth {
			blocked++
		}
	}
	if got := float64(blocked) / checks; got < confidence {
		t.Errorf("the bound by runs holds in %v of the checks", got)
	}
	if got := float64(naive) / checks; got > 0.8 {
		t.Errorf("the bound by frames holds in %v of the checks: this test shows nothing", got)
	} else {
		t.Logf("by frames the bound holds in %.1f %% of the checks, by runs in %.1f %%", 100*got, 100*float64(blocked)/checks)
	}
}

func TestSteadyLossIsFoundInAFewRuns(t *testing.T) {
	for _, tc := range []struct {
		bad, budget float64
		within      int
	}{{0.05, 0.005, 6}, {0.02, 0.005, 12}, {0.01, 0.005, 22}, {1, 0.005, 2}} {
		b, n := AgainstFewBad(tc.budget), 0
		for n = 1; n <= 1000; n++ {
			if b.Add(tc.bad); b.Refutes(0.025) {
				break
			}
		}
		if n > tc.within {
			t.Errorf("a loss of %v in every run is found after %d runs, want %d", tc.bad, n, tc.within)
		}
	}
}

func BenchmarkProves(b *testing.B) {
	shares := make([]float64, 60)
	for i := range shares {
		shares[i] = 0.99
	}
	for b.Loop() {
		Proves(shares, 0.95)
	}
}
