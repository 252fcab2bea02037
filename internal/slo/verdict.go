package slo

import (
	"fmt"

	"github.com/dark-tower/prober/internal/slo/binomial"
)

// Verdict is what the runs of a check prove about an objective.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"         // at least what was to be proven
	Fail         Verdict = "fail"         // worse than the objective
	Inconclusive Verdict = "inconclusive" // neither
)

// Plan decides, from a number of runs that is fixed beforehand, by two counts that
// are exact for the binomial distribution: PassUpTo bad runs or fewer pass, FailFrom
// or more fail, and what lies between is inconclusive.
//
// A platform exactly at the target fails with a probability of at most half of what
// the confidence leaves (2.5 % at 95 %); one exactly at Prove passes with at most all
// of it (5 %). The textbook level for failing is 5 %, too: here a deployment that is
// as good as was promised is stopped half as often, and N grows for it where that
// costs anything.
type Plan struct {
	Target     float64 // share of good runs that is promised
	Prove      float64 // share that a pass proves; 0: the plan never passes
	Confidence float64
	Runs       int // N: judged runs
	PassUpTo   int // bad runs; -1: never
	FailFrom   int // bad runs; more than Runs: never
	// AllBadFirst bad runs at the very beginning fail at once; 0: they do not, because
	// that would make too many false fails.
	AllBadFirst int
}

// quick is how many bad runs at the very beginning end a check, where that is cheap.
const quick = 3

// NewPlan returns the plan for n runs against a target. Prove, which is below the
// target, may be 0.
func NewPlan(target, prove, confidence float64, n int) (Plan, error) {
	switch {
	case n < 1:
		return Plan{}, fmt.Errorf("a verdict needs at least 1 run, not %d", n)
	case !(target > 0 && target < 1):
		return Plan{}, fmt.Errorf("a target of %v is not between 0 and 1", target)
	case !(prove >= 0 && prove < target):
		return Plan{}, fmt.Errorf("to prove %v is not between 0 and the target of %v", prove, target)
	case !(confidence > 0 && confidence < 1):
		return Plan{}, fmt.Errorf("a confidence of %v is not between 0 and 1", confidence)
	}
	p := Plan{Target: target, Prove: prove, Confidence: confidence, Runs: n, PassUpTo: -1}
	if prove > 0 {
		p.PassUpTo = binomial.PassUpTo(n, 1-prove, confidence)
	}
	return p.failing(FailLevel(confidence, 1)), nil
}

// FailLevel is the probability that one of several gating objectives, each exactly at
// its target, may fail with: half of what the confidence leaves. A fail of any fails
// the check, so that with more than three it is shared out among them; passing takes
// all of them, and needs no such care.
func FailLevel(confidence float64, gating int) float64 {
	const few = 3
	level := (1 - confidence) / 2
	if gating > few {
		level /= float64(gating)
	}
	return level
}

// Among returns the plan as one of several that gate together: see FailLevel.
func (p Plan) Among(gating int) Plan { return p.failing(FailLevel(p.Confidence, gating)) }

// failing sets what fails, so that the probability of it at the target is at most
// level.
func (p Plan) failing(level float64) Plan {
	bad := 1 - p.Target
	p.FailFrom = binomial.FailFrom(p.Runs, bad, level)
	p.PassUpTo = min(p.PassUpTo, p.FailFrom-1)
	p.AllBadFirst = 0
	if p.FailFrom > quick && p.Runs >= quick && p.FalseFail()+p.quickFail() <= level {
		p.AllBadFirst = quick
	}
	return p
}

// quickFail is the probability at the target of failing by the first runs alone.
func (p Plan) quickFail() float64 {
	bad := 1 - p.Target
	return bad * bad * bad * binomial.AtMost(p.FailFrom-quick-1, p.Runs-quick, bad)
}

// FalseFail is the probability that a platform exactly at the target fails.
func (p Plan) FalseFail() float64 {
	out := binomial.AtLeast(p.FailFrom, p.Runs, 1-p.Target)
	if p.AllBadFirst > 0 {
		out += p.quickFail()
	}
	return out
}

// WrongPass is the probability that a platform exactly at what is to be proven, which
// is not enough, passes.
func (p Plan) WrongPass() float64 {
	if p.Prove == 0 {
		return 0
	}
	return p.PassAt(p.Prove)
}

// PassAt is the probability that a platform passes whose runs are good with
// probability share.
func (p Plan) PassAt(share float64) float64 { return binomial.AtMost(p.PassUpTo, p.Runs, 1-share) }

// Decides reports whether the plan can pass or fail at all.
func (p Plan) Decides() bool { return p.PassUpTo >= 0 || p.FailFrom <= p.Runs }

// NeedRuns is how many runs prove, with this confidence, that at least the share
// prove is good, when bad of them are bad; ok is false when no number does.
func NeedRuns(prove, confidence float64, bad int) (n int, ok bool) {
	return binomial.Runs(bad, 1-prove, confidence)
}

// Proves is the share of good runs that n runs, bad of them bad, prove at least with
// this confidence; 0 without runs. It holds for a trial that was stopped early, too:
// whoever stops at n with k bad had at most k bad in any n runs.
func Proves(n, bad int, confidence float64) float64 {
	return 1 - binomial.Upper(bad, n, confidence)
}
