package slo

import "github.com/dark-tower/prober/internal/slo/blocks"

// BlockTrial judges an objective whose events come in blocks, several to a run: see
// package blocks. Every run weighs the same, however many events it had. It passes
// once it is proven that at least Prove is good, fails once it is proven that less
// than Target is, and ends without either after its runs.
type BlockTrial struct {
	plan    Plan // PassUpTo and FailFrom have no meaning here
	level   float64
	spare   int
	pass    *blocks.Bet // nil: nothing to prove
	fail    *blocks.Bet
	shares  []float64 // of good events, of each judged run
	unknown int
	verdict Verdict
}

// NewBlockTrial begins a trial of the same target, proof and confidence that judges
// blocks, as one of several objectives that gate together.
func (p Plan) NewBlockTrial(spare, gating int) *BlockTrial {
	t := &BlockTrial{plan: p, level: FailLevel(p.Confidence, gating), spare: max(spare, 0), fail: blocks.AgainstFewBad(1 - p.Target)}
	if p.Prove > 0 {
		t.pass = blocks.AgainstAtMost(p.Prove)
	}
	return t
}

// Add takes the events of one run; a run without any could not be judged.
func (t *BlockTrial) Add(events, bad uint64) {
	switch {
	case t.Done():
		return
	case events == 0:
		t.unknown++
		return
	}
	share := float64(bad) / float64(events)
	t.shares = append(t.shares, 1-share)
	t.fail.Add(share)
	if t.fail.Refutes(t.level) {
		t.verdict = Fail
		return
	}
	if t.pass == nil {
		return
	}
	if t.pass.Add(1 - share); t.pass.Refutes(1 - t.plan.Confidence) {
		t.verdict = Pass
	}
}

// Done reports that the verdict stands, or that there are no more runs to have.
func (t *BlockTrial) Done() bool { return t.verdict != "" || t.Left() == 0 }

// Left is how many more runs there may be.
func (t *BlockTrial) Left() int {
	if t.verdict != "" {
		return 0
	}
	judged := len(t.shares)
	return min(t.plan.Runs-judged, t.plan.Runs+t.spare-judged-t.unknown)
}

// Verdict is what is proven so far; inconclusive until something is.
func (t *BlockTrial) Verdict() Verdict {
	if t.verdict == "" {
		return Inconclusive
	}
	return t.verdict
}

// Proves is the share of good events that is proven so far.
func (t *BlockTrial) Proves() float64 { return blocks.Proves(t.shares, t.plan.Confidence) }
