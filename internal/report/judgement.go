package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// Judgement is what a check came to as a gate.
type Judgement struct {
	Verdict slo.Verdict
	// CouldNotMeasure: nothing failed, and without the runs that the prober itself or
	// its setup spoilt there might be a verdict.
	CouldNotMeasure bool
	Findings        []slo.Finding
	Aside           []slo.Finding // about objectives that do not gate: they decide nothing
	WarmUp          *WarmUp       // nil: none was asked for
	Took            time.Duration
	Interrupted     bool // by the user: no verdict, whatever is known
	// TakenFor is what whoever asked takes an inconclusive verdict for; empty: for
	// itself.
	TakenFor slo.Verdict
}

// WarmUp is how long a platform that has just been deployed was waited for. Its runs
// are not judged.
type WarmUp struct {
	Runs  int
	Took  time.Duration
	Ready bool   // the last one succeeded
	Last  string // what was wrong with it otherwise
}

// String says how it went.
func (w WarmUp) String() string {
	if w.Ready {
		return fmt.Sprintf("warm-up: the platform was ready after %s and %s", span(w.Took), counted(w.Runs, "run"))
	}
	text := fmt.Sprintf("warm-up: %s in %s, and none succeeded", counted(w.Runs, "run"), span(w.Took))
	if w.Last != "" {
		text += "; the last: " + w.Last
	}
	return text
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

// ExitCode is the exit code of a gate. That the prober could not measure is nobody's
// verdict, and so is never taken for one.
func (j Judgement) ExitCode() int {
	verdict := j.Verdict
	if verdict == slo.Inconclusive && j.TakenFor != "" {
		verdict = j.TakenFor
	}
	switch {
	case j.Interrupted:
		return ExitInterrupted
	case j.CouldNotMeasure:
		return ExitProber
	case verdict == slo.Fail:
		return ExitFailed
	case verdict == slo.Pass:
		return ExitOK
	}
	return ExitInconclusive
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
	head := j.head(pass, fail, open)
	var rest []string
	for _, x := range []struct {
		what  string
		names []string
		said  bool // in the head
	}{
		{"missed", fail, !j.Interrupted},
		{"proved", pass, j.Verdict == slo.Pass && !j.Interrupted},
		{"open", open, j.Verdict != slo.Fail && !j.Interrupted},
	} {
		if len(x.names) > 0 && !x.said {
			rest = append(rest, x.what+": "+strings.Join(x.names, ", "))
		}
	}
	return strings.Join(append([]string{head}, rest...), "; ")
}

func (j Judgement) head(pass, fail, open []string) string {
	switch {
	case j.Interrupted:
		return "INTERRUPTED after " + span(j.Took)
	case len(j.Findings) == 0:
		return "INCONCLUSIVE: nothing was judged"
	case j.Verdict == slo.Fail:
		return fmt.Sprintf("FAIL: %s %s", strings.Join(fail, ", "), plural(len(fail), "is missed", "are missed"))
	case j.CouldNotMeasure:
		return fmt.Sprintf("COULD NOT MEASURE: the prober itself kept %s from being judged", strings.Join(open, ", "))
	case j.Verdict == slo.Pass:
		return fmt.Sprintf("PASS: %s proved in %s", counted(len(pass), "objective"), span(j.Took))
	}
	head := "INCONCLUSIVE"
	if j.TakenFor == slo.Pass || j.TakenFor == slo.Fail {
		head += fmt.Sprintf(", which is taken for a %s", j.TakenFor)
	}
	return fmt.Sprintf("%s: %s %s neither proved nor missed", head, strings.Join(open, ", "), plural(len(open), "is", "are"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func counted(n int, what string) string { return fmt.Sprintf("%d %s", n, plural(n, what, what+"s")) }

// span is a time that somebody waited, in seconds where there are several.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return duration(d)
	}
	return config.Duration(d.Round(time.Second)).String()
}
