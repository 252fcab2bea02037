package slo

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func plan(t *testing.T, target, prove float64, n int) Plan {
	t.Helper()
	p, err := NewPlan(target, prove, 0.95, n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plans are the schemes that are recommended, with the counts that keep a false fail
// at the target to 2.5 %.
func plans() []struct {
	target, prove float64
	n, pass, fail int
} {
	return []struct {
		target, prove float64
		n, pass, fail int
	}{
		{0.99, 0.90, 30, 0, 3}, {0.99, 0.90, 46, 1, 3}, {0.99, 0.90, 61, 2, 3}, {0.99, 0.95, 124, 2, 5},
		{0.999, 0.95, 60, 0, 2}, {0.999, 0.95, 100, 1, 2}, {0.999, 0.98, 149, 0, 2}, {0.999, 0.90, 46, 1, 2},
		{0.95, 0.85, 60, 4, 8}, {0.95, 0.85, 100, 8, 11}, {0.995, 0.80, 22, 1, 2}, {0.95, 0.80, 30, 2, 5}, {0.99, 0, 5, -1, 2}, {0.99, 0.5, 5, 0, 2},
	}
}

func TestPlansDecideByExactCounts(t *testing.T) {
	for _, tc := range plans() {
		p := plan(t, tc.target, tc.prove, tc.n)
		if p.PassUpTo != tc.pass || p.FailFrom != tc.fail {
			t.Errorf("%v/%v with %d runs: pass up to %d, fail from %d; want %d and %d", tc.target, tc.prove, tc.n, p.PassUpTo, p.FailFrom, tc.pass, tc.fail)
		}
		if p.FalseFail() > 0.025 || p.WrongPass() > 0.05 {
			t.Errorf("%v/%v with %d runs: false fails %v, wrong passes %v", tc.target, tc.prove, tc.n, p.FalseFail(), p.WrongPass())
		}
	}
}

func TestMoreThanThreeObjectivesShareTheirFalseFails(t *testing.T) {
	for gating, want := range map[int]float64{1: 0.025, 3: 0.025, 4: 0.025 / 4, 7: 0.025 / 7} {
		if got := FailLevel(0.95, gating); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d objectives: level %v, want %v", gating, got, want)
		}
	}
	p := plan(t, 0.95, 0.80, 30)
	if among := p.Among(7); among.FailFrom != 6 || among.PassUpTo != p.PassUpTo || among.FalseFail() > 0.025/7 {
		t.Errorf("among seven: %+v", among)
	}
	if alone := p.Among(7).Among(1); alone != p {
		t.Errorf("alone again: %+v, was %+v", alone, p)
	}
}

func TestPlansThatCannotBeAreRefused(t *testing.T) {
	for _, tc := range []struct {
		target, prove, confidence float64
		n                         int
	}{{0.99, 0.9, 0.95, 0}, {1, 0.9, 0.95, 10}, {0, 0, 0.95, 10}, {0.9, 0.9, 0.95, 10}, {0.9, -1, 0.95, 10}, {0.9, 0.8, 1, 10}, {math.NaN(), 0, 0.95, 10}, {0.9, 0.8, math.NaN(), 10}} {
		if p, err := NewPlan(tc.target, tc.prove, tc.confidence, tc.n); err == nil {
			t.Errorf("%+v is a plan: %+v", tc, p)
		}
	}
	if plan(t, 0.95, 0, 1).Decides() || !plan(t, 0.95, 0.5, 5).Decides() || !plan(t, 0.99, 0, 5).Decides() {
		t.Error("what can decide is told wrongly")
	}
}

// say plays outcomes: g good, b bad, u unknown.
func say(t *Trial, outcomes string) *Trial {
	for _, o := range outcomes {
		switch o {
		case 'g':
			t.Good()
		case 'b':
			t.Bad()
		case 'u':
			t.Unknown()
		}
	}
	return t
}

func repeat(o string, n int) string {
	out := ""
	for range n {
		out += o
	}
	return out
}

func TestATrialStopsWhenItsVerdictIsFixed(t *testing.T) {
	p := plan(t, 0.99, 0.90, 46) // pass up to 1, fail from 3
	for _, tc := range []struct {
		name     string
		outcomes string
		verdict  Verdict
		done     bool
		left     int
	}{
		{"nothing", "", Inconclusive, false, 46},
		{"nearly enough good ones", repeat("g", 44), Inconclusive, false, 2},
		{"one is missing and may be bad", repeat("g", 45), Pass, true, 0},
		{"all good but one", "b" + repeat("g", 45), Pass, true, 0},
		{"all good but one, which may still fail", "b" + repeat("g", 44), Inconclusive, false, 1},
		{"too many for a pass and too few for a fail", repeat("g", 44) + "bb", Inconclusive, true, 0},
		{"two bad and it cannot fail any more", "bb" + repeat("g", 44), Inconclusive, true, 0},
		{"the third bad one", "gbgbgb", Fail, true, 0},
		{"what comes later changes nothing", "bbb" + repeat("g", 50), Fail, true, 0},
		{"unknown runs are made up for", repeat("u", 11) + repeat("g", 45), Pass, true, 0},
		{"unknown runs eat up what is left", repeat("u", 12), Inconclusive, false, 45},
		{"and in the end there are too few", repeat("u", 57), Inconclusive, true, 0},
		{"bad ones fail among unknown ones", repeat("u", 20) + "bbb", Fail, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trial := say(p.NewTrial(p.Spare()), tc.outcomes)
			if trial.Verdict() != tc.verdict || trial.Done() != tc.done || trial.Left() != tc.left {
				t.Errorf("%s, done %t, %d left; want %s, %t, %d", trial.Verdict(), trial.Done(), trial.Left(), tc.verdict, tc.done, tc.left)
			}
		})
	}
}

func TestThreeBadRunsAtTheBeginningFailAtOnceWhereThatIsCheap(t *testing.T) {
	cheap := plan(t, 0.95, 0.85, 60) // fail from 8
	if cheap.AllBadFirst != 3 || say(cheap.NewTrial(0), "bbb").Verdict() != Fail || say(cheap.NewTrial(0), "bbgb").Verdict() != Inconclusive {
		t.Errorf("%+v", cheap)
	}
	if cheap.FalseFail() > 0.025 {
		t.Errorf("false fails %v", cheap.FalseFail())
	}
	// At 70 % three in a row are not that rare: 2.7 %.
	if dear := plan(t, 0.7, 0.5, 30); dear.AllBadFirst != 0 || say(dear.NewTrial(0), "bbb").Verdict() != Inconclusive {
		t.Errorf("%+v, false fails %v", dear, dear.FalseFail())
	}
}

// TestStoppingEarlyChangesNoVerdict compares a trial with the same runs, all of them.
func TestStoppingEarlyChangesNoVerdict(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, tc := range plans() {
		p := plan(t, tc.target, tc.prove, tc.n)
		for range 400 {
			share := r.Float64()
			trial, bad, first := p.NewTrial(0), 0, 0
			for i := range p.Runs {
				if r.Float64() < share*share {
					bad++
					if i < quick {
						first++
					}
					trial.Bad()
				} else {
					trial.Good()
				}
			}
			want := Inconclusive
			switch {
			case bad <= p.PassUpTo:
				want = Pass
			case bad >= p.FailFrom, p.AllBadFirst > 0 && first == quick:
				want = Fail
			}
			if trial.Verdict() != want || !trial.Done() {
				t.Errorf("%d bad of %d: %s, want %s (%+v)", bad, p.Runs, trial.Verdict(), want, p)
			}
		}
	}
}

// TestWhatIsProvenHoldsForTrialsThatStopEarly: the claim is wrong in no more than
// 5 % of them, for whatever platform.
func TestWhatIsProvenHoldsForTrialsThatStopEarly(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	p := plan(t, 0.99, 0.90, 61)
	for _, good := range []float64{0.5, 0.8, 0.9, 0.95, 0.97, 0.99, 0.999} {
		const checks = 4000
		wrong := 0
		for range checks {
			trial := p.NewTrial(0)
			for !trial.Done() {
				if r.Float64() < good {
					trial.Good()
				} else {
					trial.Bad()
				}
			}
			if trial.Proves() > good {
				wrong++
			}
		}
		if got := float64(wrong) / checks; got > 0.055 {
			t.Errorf("at %v more is proven than is true in %v of the checks", good, got)
		}
	}
}

func TestWhatWouldBeNeeded(t *testing.T) {
	for _, tc := range []struct {
		prove float64
		bad   int
		want  int
	}{{0.999, 0, 2995}, {0.95, 0, 59}, {0.95, 1, 93}, {0.9, 2, 61}} {
		if n, ok := NeedRuns(tc.prove, 0.95, tc.bad); n != tc.want || !ok {
			t.Errorf("%v with %d bad needs %d runs, want %d", tc.prove, tc.bad, n, tc.want)
		}
	}
	if p := Proves(20, 0, 0.95); math.Abs(p-0.861) > 0.0005 {
		t.Errorf("20 good runs prove %v", p)
	}
	if p := Proves(0, 0, 0.95); p != 0 {
		t.Errorf("no run proves %v", p)
	}
}

func TestAPercentileIsClaimedOnlyByEnoughSamples(t *testing.T) {
	for _, tc := range []struct {
		n    int
		q    float64
		rank int
		ok   bool
	}{{58, 0.95, 0, false}, {59, 0.95, 59, true}, {92, 0.95, 92, true}, {93, 0.95, 92, true}, {100, 0.95, 99, true}, {200, 0.95, 196, true}, {300, 0.95, 292, true},
		{298, 0.99, 0, false}, {299, 0.99, 299, true}, {0, 0.5, 0, false}, {10, 0, 0, false}, {10, 1, 0, false}} {
		if rank, ok := PercentileRank(tc.n, tc.q, 0.95); rank != tc.rank || ok != tc.ok {
			t.Errorf("p%v of %d samples: rank %d, %t; want %d, %t", 100*tc.q, tc.n, rank, ok, tc.rank, tc.ok)
		}
	}
	var samples []time.Duration
	for i := range 100 {
		samples = append(samples, time.Duration(100-i)*ms)
	}
	for _, tc := range []struct {
		name    string
		n, slow int
		least   int
		want    time.Duration // 0: none
	}{
		{"of as many as were planned, one may be above", 100, 0, 100, 99 * ms},
		{"and be the failed one", 99, 1, 100, 99 * ms},
		{"but not two", 98, 2, 100, 0},
		{"whoever could have stopped after 59 leaves out none", 100, 0, 59, 100 * ms},
		{"not even the failed one", 99, 1, 59, 0},
		{"fewer than were planned say nothing", 99, 0, 100, 0},
		{"nor do too few", 58, 0, 10, 0},
	} {
		if d, ok := PercentileBound(samples[100-tc.n:], tc.slow, tc.least, 0.95, 0.95); d != tc.want || ok != (tc.want > 0) {
			t.Errorf("%s: %v, %t; want %v", tc.name, d, ok, tc.want)
		}
	}
}

// TestAPercentileHoldsForTrialsThatStopEarly: the bound is below the percentile in no
// more than 5 % of them, whatever the threshold and so the moment at which they stop.
func TestAPercentileHoldsForTrialsThatStopEarly(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const q = 0.95
	for _, threshold := range []float64{0.93, 0.95, 0.96, 0.98, 1} {
		for _, n := range []int{61, 100, 200} {
			p := plan(t, q, 0.85, n)
			const checks = 4000
			wrong := 0
			for range checks {
				var durations []time.Duration
				trial := p.NewTrial(0)
				for !trial.Done() {
					x := r.Float64() // so that the percentile is q itself
					durations = append(durations, time.Duration(x*float64(time.Hour)))
					if x <= threshold {
						trial.Good()
					} else {
						trial.Bad()
					}
				}
				if d, ok := PercentileBound(durations, 0, p.Runs-p.PassUpTo, q, 0.95); ok && d.Hours() < q {
					wrong++
				}
			}
			if got := float64(wrong) / checks; got > 0.058 {
				t.Errorf("%d runs, threshold at the percentile of %v: the bound is wrong in %v of the checks", n, threshold, got)
			}
		}
	}
}
