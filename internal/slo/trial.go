package slo

// Trial is one execution of a plan: it takes outcomes one by one and knows as early
// as possible what the verdict will be. Stopping then changes no verdict, and so
// costs no certainty.
type Trial struct {
	plan    Plan
	spare   int // runs beyond the plan's that may take the place of unknown ones
	judged  int
	bad     int
	unknown int
	verdict Verdict // empty: open
}

// NewTrial begins a trial. Runs that could not be judged are made up for by at most
// spare more.
func (p Plan) NewTrial(spare int) *Trial { return &Trial{plan: p, spare: max(spare, 0)} }

// Spare is how many runs a plan may have more because some could not be judged: a
// quarter of its runs, and at least 2.
func (p Plan) Spare() int { return max(p.Runs/4, 2) }

// Good, Bad and Unknown take the next outcome. A run that could not be judged is
// neither good nor bad. After Done they change nothing.
func (t *Trial) Good() { t.judge(false) }

// Bad takes a bad outcome: see Good.
func (t *Trial) Bad() { t.judge(true) }

// Unknown takes a run that could not be judged: see Good.
func (t *Trial) Unknown() {
	if !t.Done() {
		t.unknown++
	}
}

func (t *Trial) judge(bad bool) {
	if t.Done() {
		return
	}
	t.judged++
	if bad {
		t.bad++
	}
	p := t.plan
	switch {
	case t.bad >= p.FailFrom, p.AllBadFirst > 0 && t.bad == p.AllBadFirst && t.judged == p.AllBadFirst:
		t.verdict = Fail
	case t.bad+p.Runs-t.judged <= p.PassUpTo:
		t.verdict = Pass
	case t.bad > p.PassUpTo && t.bad+p.Runs-t.judged < p.FailFrom, t.judged >= p.Runs:
		t.verdict = Inconclusive
	}
}

// Done reports that nothing can change the verdict any more, or that there are no
// more runs to have.
func (t *Trial) Done() bool { return t.verdict != "" || t.Left() == 0 }

// Left is how many more runs there may be.
func (t *Trial) Left() int {
	if t.verdict != "" {
		return 0
	}
	return min(t.plan.Runs-t.judged, t.plan.Runs+t.spare-t.judged-t.unknown)
}

// Verdict is what is proven so far; inconclusive until something is. Runs that are
// missing are taken for the worst, either way.
func (t *Trial) Verdict() Verdict {
	if t.verdict == "" {
		return Inconclusive
	}
	return t.verdict
}

// Counts returns the runs that were judged, how many of those were bad, and the runs
// that could not be judged.
func (t *Trial) Counts() (judged, bad, unknown int) { return t.judged, t.bad, t.unknown }

// Plan is the plan of the trial.
func (t *Trial) Plan() Plan { return t.plan }

// Proves is the share of good runs that is proven so far.
func (t *Trial) Proves() float64 { return Proves(t.judged, t.bad, t.plan.Confidence) }
