package binomial

import (
	"fmt"
	"math"
	"testing"
)

// pmf is the textbook formula.
func pmf(k, n int, p float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func TestTailsAreTheSumOfTheirTerms(t *testing.T) {
	for _, n := range []int{1, 5, 60, 300, 2995} {
		for _, p := range []float64{0.0001, 0.001, 0.05, 0.5, 0.95} {
			below := 0.0
			for k := range n + 1 {
				below += pmf(k, n, p)
				if got := AtMost(k, n, p); math.Abs(got-below) > 1e-9 {
					t.Fatalf("at most %d of %d at %v: %v, want %v", k, n, p, got, below)
				}
				if got := AtLeast(k+1, n, p); math.Abs(got-(1-below)) > 1e-9 {
					t.Fatalf("at least %d of %d at %v: %v, want %v", k+1, n, p, got, 1-below)
				}
			}
		}
	}
	for what, pair := range map[string][2]float64{
		"fewer than none":        {AtMost(-1, 5, 0.5), 0},
		"all or fewer":           {AtMost(5, 5, 0.5), 1},
		"none or more":           {AtLeast(0, 5, 0.5), 1},
		"more than all":          {AtLeast(6, 5, 0.5), 0},
		"never bad":              {AtLeast(1, 5, 0), 0},
		"never bad, none":        {AtMost(0, 5, 0), 1},
		"always bad":             {AtLeast(5, 5, 1), 1},
		"always bad, but not so": {AtMost(4, 5, 1), 0},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

// TestRunsNeededToProve compares with published tables of the exact bound.
func TestRunsNeededToProve(t *testing.T) {
	for prove, runs := range map[float64][4]int{
		0.80: {14, 22, 30, 37}, 0.90: {29, 46, 61, 76}, 0.95: {59, 93, 124, 153}, 0.99: {299, 473, 628, 773},
		0.995: {598, 947, 1258, 1549}, 0.999: {2995, 4742, 6294, 7752},
	} {
		for bad, want := range runs {
			if got, ok := Runs(bad, 1-prove, 0.95); got != want || !ok {
				t.Errorf("%v after %d bad takes %d runs, want %d", prove, bad, got, want)
			}
			if u := Upper(bad, want, 0.95); u > 1-prove+1e-9 {
				t.Errorf("%d bad of %d leave %v", bad, want, u)
			}
			if u := Upper(bad, want-1, 0.95); u <= 1-prove {
				t.Errorf("%d bad of %d, one run less, prove it already: %v", bad, want-1, u)
			}
		}
	}
	if n, ok := Runs(0, 0, 0.95); ok {
		t.Errorf("%d runs prove perfection", n)
	}
}

func TestWhatCleanRunsProve(t *testing.T) {
	for n, want := range map[int]string{3: "36.8", 5: "54.9", 10: "74.1", 20: "86.1", 30: "90.5", 60: "95.1", 100: "97.0", 300: "99.0"} {
		if got := fmt.Sprintf("%.1f", 100*(1-Upper(0, n, 0.95))); got != want {
			t.Errorf("%d clean runs prove %s %%, want %s %%", n, got, want)
		}
	}
	if Upper(0, 0, 0.95) != 1 || Upper(3, 3, 0.95) != 1 || Lower(0, 0, 0.95) != 0 || Lower(0, 5, 0.95) != 0 {
		t.Error("nothing, or nothing good, proves something")
	}
}

// TestLowerBoundsTellBrokenFromUnlucky: so many bad runs cannot be chance at an
// objective any more, up to how many runs.
func TestLowerBoundsTellBrokenFromUnlucky(t *testing.T) {
	for _, tc := range []struct {
		budget float64
		bad    int
		upTo   int
	}{{0.01, 1, 5}, {0.01, 2, 35}, {0.01, 3, 82}, {0.01, 4, 137}, {0.001, 1, 51}, {0.001, 2, 355}, {0.05, 2, 7}, {0.05, 3, 16}, {0.05, 4, 28}} {
		if got := Lower(tc.bad, tc.upTo, 0.95); got <= tc.budget {
			t.Errorf("%d bad of %d: at least %v is bad, no more than the budget of %v", tc.bad, tc.upTo, got, tc.budget)
		}
		if got := Lower(tc.bad, tc.upTo+1, 0.95); got > tc.budget {
			t.Errorf("%d bad of %d: at least %v is bad, more than the budget of %v", tc.bad, tc.upTo+1, got, tc.budget)
		}
	}
	if got, want := Lower(4, 4, 0.95), math.Pow(0.05, 0.25); math.Abs(got-want) > 1e-12 {
		t.Errorf("4 of 4 bad: at least %v, want %v", got, want)
	}
}

// TestCountsThatDecide compares with the table of the scheme at 5 %.
func TestCountsThatDecide(t *testing.T) {
	for _, tc := range []struct {
		objective, prove float64
		n, pass, fail    int
	}{
		{0.99, 0.90, 30, 0, 2}, {0.99, 0.90, 46, 1, 3}, {0.99, 0.90, 61, 2, 3}, {0.99, 0.95, 124, 2, 4}, {0.999, 0.95, 60, 0, 2},
		{0.999, 0.95, 100, 1, 2}, {0.999, 0.98, 149, 0, 2}, {0.95, 0.85, 60, 4, 7}, {0.95, 0.85, 100, 8, 10}, {0.99, 0.5, 5, 0, 1},
	} {
		fail := FailFrom(tc.n, 1-tc.objective, 0.05)
		pass := min(PassUpTo(tc.n, 1-tc.prove, 0.95), fail-1)
		if pass != tc.pass || fail != tc.fail {
			t.Errorf("%v/%v with %d runs: pass up to %d, fail from %d; want %d and %d", tc.objective, tc.prove, tc.n, pass, fail, tc.pass, tc.fail)
		}
	}
	if got := PassUpTo(28, 0.1, 0.95); got != -1 {
		t.Errorf("28 runs prove 90 %% with %d bad", got)
	}
	if got := FailFrom(1, 0.5, 0.05); got != 2 {
		t.Errorf("one run fails a coin from %d", got)
	}
}
