package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/dark-tower/prober/internal/slo"
)

// Checks says how checks are played.
type Checks struct {
	Games   int     // checks of each objective and platform
	Seed    uint64  //
	Unknown float64 // share of runs that the prober cannot judge
}

// Rates are the shares of checks that came to each verdict on one platform.
type Rates struct {
	Pass, Fail, Inconclusive float64
	Runs                     float64 // mean number of runs that a check took
}

// VerdictRow is how one objective is judged on platforms of a known quality.
type VerdictRow struct {
	Objective slo.Objective
	Plan      slo.Plan
	Blocks    bool
	Healthy   Rates // a tenth of what may be bad is
	AtTarget  Rates // exactly as much is bad as may be; Fail is a false fail
	AtProve   Rates // exactly not good enough; Pass is a wrong pass
	Broken    Rates // half of everything is bad
}

// Verdicts plays the checks of all objectives that gate.
func Verdicts(objectives []slo.Objective, c Checks) ([]VerdictRow, error) {
	gating := slo.Checked(objectives)
	var rows []VerdictRow
	for _, o := range gating {
		plan, err := o.GatePlan(len(gating))
		if err != nil {
			return nil, err
		}
		p := player{plan: plan, blocks: o.Blocks(), gating: len(gating), checks: c, rand: newRand(c.Seed, o.Name)}
		rows = append(rows, VerdictRow{
			Objective: o, Plan: plan, Blocks: o.Blocks(),
			Healthy:  p.worst(o.Budgeted()/10, func(r Rates) float64 { return -r.Pass }),
			AtTarget: p.worst(o.Budgeted(), func(r Rates) float64 { return r.Fail }),
			AtProve:  p.worst(1-plan.Prove, func(r Rates) float64 { return r.Pass }),
			Broken:   p.worst(0.5, func(r Rates) float64 { return -r.Fail }),
		})
	}
	return rows, nil
}

// player plays checks of one objective.
type player struct {
	plan   slo.Plan
	blocks bool
	gating int
	checks Checks
	rand   *rand.Rand
}

// worst plays a platform of which the share bad is bad. Where a run has several
// events, they can lie in many ways: the one for which wrong is largest is returned.
func (p player) worst(bad float64, wrong func(Rates) float64) Rates {
	if !p.blocks {
		return p.play(func() float64 { return hit(p.rand, bad, 1) })
	}
	worst, most := Rates{}, math.Inf(-1)
	for _, s := range spreads() {
		r := p.play(func() float64 { return s.bad(p.rand, bad) })
		if w := wrong(r); w > most {
			worst, most = r, w
		}
	}
	return worst
}

// play runs the checks; bad is the bad share of the next run.
func (p player) play(bad func() float64) Rates {
	var out Rates
	one := 1 / float64(p.checks.Games)
	for range p.checks.Games {
		verdict, runs := p.check(bad)
		switch verdict {
		case slo.Pass:
			out.Pass += one
		case slo.Fail:
			out.Fail += one
		default:
			out.Inconclusive += one
		}
		out.Runs += float64(runs) * one
	}
	return out
}

// blockEvents is how many events a run of several has: enough for any share.
const blockEvents = 1 << 20

// check is one check, by the code that judges real ones.
func (p player) check(bad func() float64) (verdict slo.Verdict, runs int) {
	if p.blocks {
		t := p.plan.NewBlockTrial(p.plan.Spare(), p.gating)
		for ; !t.Done(); runs++ {
			if p.rand.Float64() < p.checks.Unknown {
				t.Add(0, 0)
				continue
			}
			t.Add(blockEvents, uint64(bad()*blockEvents))
		}
		return t.Verdict(), runs
	}
	t := p.plan.NewTrial(p.plan.Spare())
	for ; !t.Done(); runs++ {
		switch {
		case p.rand.Float64() < p.checks.Unknown:
			t.Unknown()
		case bad() > 0:
			t.Bad()
		default:
			t.Good()
		}
	}
	return t.Verdict(), runs
}
