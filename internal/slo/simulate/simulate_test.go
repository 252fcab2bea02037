package simulate

import (
	"reflect"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

func shipped(t *testing.T) []slo.Objective {
	t.Helper()
	cfg, err := config.Load("../../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return slo.Objectives(cfg)
}

// gated is an objective with a gate.
func gated(name string, sli config.SLI, perRun, target, prove float64, runs int) slo.Objective {
	return slo.Objective{Name: name, SLI: sli, Target: target, EventsPerRun: perRun,
		Gate: &config.Gate{Prove: config.Ratio(prove), Runs: runs, Confidence: 0.95}}
}

// honest fails when verdicts are wrong more often than is promised. The margin is four
// standard deviations of what is measured, and nothing of the promise.
func honest(t *testing.T, rows []VerdictRow, games int) {
	t.Helper()
	margin := func(p float64) float64 { return 4 * sd(p, games) }
	for _, r := range rows {
		if got := r.AtTarget.Fail; got > 0.025+margin(0.025) {
			t.Errorf("%s: false fails at the objective: %v", r.Objective.Name, got)
		}
		if got := r.AtProve.Pass; got > 0.05+margin(0.05) {
			t.Errorf("%s: passes of what is not good enough: %v", r.Objective.Name, got)
		}
		for _, x := range []Rates{r.Healthy, r.AtTarget, r.AtProve, r.Broken} {
			if sum := x.Pass + x.Fail + x.Inconclusive; sum < 0.9999 || sum > 1.0001 {
				t.Errorf("%s: verdicts sum up to %v", r.Objective.Name, sum)
			}
		}
	}
}

func TestVerdictsOfEveryShippedGateAreWrongNoMoreOftenThanPromised(t *testing.T) {
	const games = 6000
	rows, err := Verdicts(shipped(t), Checks{Games: games, Seed: 1})
	if err != nil || len(rows) < 5 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	honest(t, rows, games)
	for _, r := range rows {
		if r.Healthy.Pass < 0.97 && !r.Blocks || r.Healthy.Fail > 0.001 {
			t.Errorf("%s: a healthy platform passes with %v and fails with %v", r.Objective.Name, r.Healthy.Pass, r.Healthy.Fail)
		}
		if r.Broken.Fail < 0.99 || r.Broken.Runs > float64(r.Plan.Runs)/2 {
			t.Errorf("%s: a broken platform fails with %v after %v runs", r.Objective.Name, r.Broken.Fail, r.Broken.Runs)
		}
	}
}

// TestVerdictsOfEveryPlanAreWrongNoMoreOftenThanPromised: for plans of any size, and
// also when the prober cannot judge a tenth of the runs.
func TestVerdictsOfEveryPlanAreWrongNoMoreOftenThanPromised(t *testing.T) {
	const games = 1200
	for _, unknown := range []float64{0, 0.1} {
		for _, perRun := range []float64{1, 1000} {
			for _, o := range []slo.Objective{
				gated("99 % / 90 %, 36", config.Availability, perRun, 0.99, 0.9, 36),
				gated("99 % / 90 %, 61", config.Availability, perRun, 0.99, 0.9, 61),
				gated("99.9 % / 95 %, 100", config.Availability, perRun, 0.999, 0.95, 100),
				gated("95 % / 85 %, 60", config.TimeToMedia, perRun, 0.95, 0.85, 60),
				gated("95 % / 80 %, 30", config.TimeToMedia, perRun, 0.95, 0.80, 30),
				gated("99 %, never proven", config.TimeToMedia, perRun, 0.99, 0, 5),
			} {
				rows, err := Verdicts([]slo.Objective{o}, Checks{Games: games, Seed: 2, Unknown: unknown})
				if err != nil {
					t.Fatal(err)
				}
				honest(t, rows, games)
			}
		}
	}
}

// TestAPlanThatLiesIsFound: failing from the first count with 5 %
// is what the plans do not do.
func TestAPlanThatLiesIsFound(t *testing.T) {
	o := gated("99 % / 90 %, 30", config.Availability, 1, 0.99, 0.9, 30)
	plan, err := o.GatePlan(1)
	if err != nil {
		t.Fatal(err)
	}
	plan.FailFrom = 2
	p := player{plan: plan, gating: 1, checks: Checks{Games: 20_000}, rand: newRand(1, "lie")}
	if got := p.worst(0.01, nil).Fail; got < 0.033 || got > 0.039 {
		t.Errorf("false fails with the textbook's count: %v, want 3.6 %%", got)
	}
}

func TestTheSameSeedGivesTheSameNumbers(t *testing.T) {
	play := func(seed uint64) ([]VerdictRow, AlarmRow) {
		rows, err := Verdicts(shipped(t), Checks{Games: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return rows, Play(0.999, 15*time.Second, Qualities()[3], Alarms{Months: 1, Seed: seed})
	}
	a, x := play(7)
	b, y := play(7)
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(x, y) {
		t.Error("two simulations with one seed differ")
	}
	c, z := play(8)
	if reflect.DeepEqual(a, c) || reflect.DeepEqual(x, z) {
		t.Error("two simulations with two seeds do not differ")
	}
}
