package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// Judgement is what a check came to as a gate.
type Judgement struct {
	Verdict slo.Verdict
	// CouldNotMeasure: an objective has not one run that says something, because of the
	// prober or its setup, and nothing failed.
	CouldNotMeasure bool
	Findings        []slo.Finding
	WarmUp          *WarmUp // nil: none was asked for
	Took            time.Duration
}

// WarmUp is how long a platform that has just been deployed was waited for. Its runs
// are not judged.
type WarmUp struct {
	Runs  int
	Took  time.Duration
	Ready bool // the last one succeeded
}

// String says how it went.
func (w WarmUp) String() string {
	if w.Ready {
		return fmt.Sprintf("warm-up: the platform was ready after %s and %s", duration(w.Took), counted(w.Runs, "run"))
	}
	return fmt.Sprintf("warm-up: %s in %s, and none succeeded", counted(w.Runs, "run"), duration(w.Took))
}

// Judge puts findings together: one that fails fails the check; a check passes when
// all pass. Without a finding nothing is proved.
func Judge(findings []slo.Finding) Judgement {
	j := Judgement{Verdict: slo.Pass, Findings: findings}
	if len(findings) == 0 {
		j.Verdict = slo.Inconclusive
	}
	for _, f := range findings {
		switch {
		case f.Verdict == slo.Fail:
			j.Verdict = slo.Fail
		case f.Verdict == slo.Inconclusive && j.Verdict == slo.Pass:
			j.Verdict = slo.Inconclusive
		}
		j.CouldNotMeasure = j.CouldNotMeasure || f.CouldNotMeasure
	}
	j.CouldNotMeasure = j.CouldNotMeasure && j.Verdict != slo.Fail
	return j
}

// ExitCode is the exit code of a gate; inconclusive is that of a gate that proved
// nothing, either way.
func (j Judgement) ExitCode(inconclusive int) int {
	switch {
	case j.Verdict == slo.Fail:
		return ExitFailed
	case j.CouldNotMeasure:
		return ExitProber
	case j.Verdict == slo.Pass:
		return ExitOK
	}
	return inconclusive
}

// Line is the verdict in one line.
func (j Judgement) Line() string {
	var pass, fail, open []string
	for _, f := range j.Findings {
		switch f.Verdict {
		case slo.Pass:
			pass = append(pass, f.Objective.Name)
		case slo.Fail:
			fail = append(fail, f.Objective.Name)
		default:
			open = append(open, f.Objective.Name)
		}
	}
	switch {
	case len(j.Findings) == 0:
		return "INCONCLUSIVE: nothing was judged"
	case j.Verdict == slo.Fail:
		return fmt.Sprintf("FAIL: %s %s; %s", strings.Join(fail, ", "), plural(len(fail), "is missed", "are missed"), rest(pass, open))
	case j.CouldNotMeasure:
		return fmt.Sprintf("COULD NOT MEASURE: the prober itself kept %s from being judged; %s", strings.Join(open, ", "), rest(pass, nil))
	case j.Verdict == slo.Pass:
		return fmt.Sprintf("PASS: %s proved in %s", counted(len(pass), "objective"), duration(j.Took))
	}
	return fmt.Sprintf("INCONCLUSIVE: %s proved neither good nor bad; %s", strings.Join(open, ", "), rest(pass, nil))
}

func rest(pass, open []string) string {
	out := "nothing else was judged"
	if len(pass) > 0 {
		out = "proved: " + strings.Join(pass, ", ")
	}
	if len(open) > 0 {
		out += "; open: " + strings.Join(open, ", ")
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func counted(n int, what string) string { return fmt.Sprintf("%d %s", n, plural(n, what, what+"s")) }

// Sentence says what the runs prove about one objective.
func Sentence(f slo.Finding, runs []flows.Run) string {
	o := f.Objective
	var b strings.Builder
	if f.Judged == 0 {
		fmt.Fprintf(&b, "no run says anything")
		if f.CouldNotMeasure {
			b.WriteString(", because of the prober")
		}
		return b.String()
	}
	fmt.Fprintf(&b, "%d/%d good", f.Judged-f.Bad, f.Judged)
	if f.Blocks {
		fmt.Fprintf(&b, " (%d of %d events)", f.Events-f.Errors, f.Events)
	}
	if f.Proves != nil {
		fmt.Fprintf(&b, ", proves >= %s at %s", share(*f.Proves), share(f.Plan.Confidence))
	}
	if bound, ok := percentile(o, f, runs); ok {
		fmt.Fprintf(&b, "; p%.4g <= %s (needs < %s)", 100*o.Target, duration(bound), duration(o.Threshold))
	}
	switch prove := f.Plan.Prove; {
	case f.Verdict == slo.Fail && f.Blocks:
		fmt.Fprintf(&b, "; the target of %s is missed", share(o.Target))
	case f.Verdict == slo.Fail:
		fmt.Fprintf(&b, "; at the target of %s, %d bad of %d are no chance", share(o.Target), f.Plan.FailFrom, f.Plan.Runs)
	case f.Verdict == slo.Inconclusive && f.Needs > f.Judged:
		fmt.Fprintf(&b, "; %s is proved by %s with no more bad", share(prove), counted(f.Needs, "run"))
	case f.Verdict == slo.Inconclusive && prove == 0:
		b.WriteString("; the gate has nothing to prove, and can only fail")
	}
	if f.Unknown > 0 {
		fmt.Fprintf(&b, "; %s could not be judged", counted(f.Unknown, "run"))
	}
	return b.String()
}

// percentile is the bound of the percentile that the objective is about, where it is
// one duration for each run and the runs can carry it.
func percentile(o slo.Objective, f slo.Finding, runs []flows.Run) (time.Duration, bool) {
	if o.Threshold == 0 || f.Blocks {
		return 0, false
	}
	var durations []time.Duration
	for _, r := range runs {
		if d, ok := durationOf(o.SLI, r); ok && r.Probe == o.Probe && r.Outcome == flows.Success {
			durations = append(durations, d)
		}
	}
	return slo.PercentileBound(durations, max(f.Judged-len(durations), 0), o.Target, f.Plan.Confidence)
}

func durationOf(sli config.SLI, r flows.Run) (time.Duration, bool) {
	switch {
	case sli == config.RunDuration:
		return r.Duration, true
	case sli == config.TimeToMedia && r.TimeToMedia != nil:
		return *r.TimeToMedia, true
	case sli == config.TimeToRestore && r.Restoration != nil && r.Restoration.Restored:
		return r.Restoration.TimeToRestore, true
	}
	for _, s := range r.Steps {
		if config.SLI(s.Step) == sli && s.Measured && !s.After && s.Failure == nil {
			return s.Duration, true
		}
	}
	return 0, false
}

// share writes a ratio in percent, cut and never rounded up: 99.96 % is not 100 %.
func share(ratio float64) string {
	return fmt.Sprintf("%.1f %%", float64(int(ratio*1000+1e-9))/10)
}
