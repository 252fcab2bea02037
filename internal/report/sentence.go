package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// Sentence says what the runs prove about one objective, and by what.
func Sentence(f slo.Finding) string {
	if f.Judged == 0 {
		return unknown(f)
	}
	text := seen(f)
	if f.Verdict != slo.Fail && f.Proves != nil {
		text += fmt.Sprintf(", proves >= %s at %s", proved(*f.Proves), share(f.Plan.Confidence))
		if f.Blocks {
			text += ", each run being one observation"
		}
	}
	return strings.Join(append([]string{text}, besides(f)...), "; ")
}

// Besides is the part of a sentence that whoever shows counts and proofs in columns
// has not shown with them; it may be empty.
func Besides(f slo.Finding) string {
	if f.Judged == 0 {
		return unknown(f)
	}
	rest := besides(f)
	if f.Blocks {
		rest = append([]string{seen(f) + ", each run being one observation"}, rest...)
	}
	return strings.Join(rest, "; ")
}

func besides(f slo.Finding) []string {
	var parts []string
	if f.Verdict == slo.Fail {
		parts = append(parts, missedBy(f))
	}
	if o := f.Objective; f.Bound != nil {
		parts = append(parts, fmt.Sprintf("%s p%s <= %s (needs <= %s)", o.SLI, strings.TrimSuffix(config.Ratio(o.Target).String(), "%"), duration(*f.Bound), round(o.Threshold)))
	}
	if f.Verdict == slo.Inconclusive {
		parts = append(parts, lacks(f))
	}
	if f.Unknown > 0 {
		parts = append(parts, unknown(f))
	}
	return parts
}

// seen is what was counted: runs, or the events in them.
func seen(f slo.Finding) string {
	if !f.Blocks {
		return fmt.Sprintf("%d/%d good", f.Judged-f.Bad, f.Judged)
	}
	text := fmt.Sprintf("%d/%d %s good in %s", f.Events-f.Errors, f.Events, events(f.Objective.SLI), counted(f.Judged, "run"))
	if f.Bad > 0 {
		text += fmt.Sprintf(", %d with bad ones", f.Bad)
	}
	return text
}

// events names what an SLI counts in a run.
func events(sli config.SLI) string {
	switch sli {
	case config.OneWayLatency, config.DeliveryRatio:
		return "frames"
	case config.RelayShare:
		return "pairs"
	case config.TraceContinuity:
		return "answers"
	}
	return "events"
}

func missedBy(f slo.Finding) string {
	p, target := f.Plan, share(f.Objective.Target)
	switch {
	case f.Blocks:
		return fmt.Sprintf("that %s is good is refuted", target)
	case f.Bad < p.FailFrom:
		return fmt.Sprintf("the first %d all bad is more than chance at a target of %s", f.Bad, target)
	}
	return fmt.Sprintf("%d bad of %d is more than chance at a target of %s", p.FailFrom, p.Runs, target)
}

// lacks says what is missing for a verdict.
func lacks(f slo.Finding) string {
	switch prove := f.Plan.Prove; {
	case prove == 0:
		return "there is nothing to prove, and so no pass"
	case f.Needs > f.Judged:
		return fmt.Sprintf("needs >= %s, which %s would prove with no more bad", share(prove), counted(f.Needs, "run"))
	default:
		return "needs >= " + share(prove)
	}
}

// unknown says how many runs say nothing, and whose fault it is.
func unknown(f slo.Finding) string {
	switch {
	case f.Unknown == 0:
		return "there was no run"
	case f.Spoilt == 0 && f.Blocks:
		return counted(f.Unknown, "run") + " had none"
	case f.Spoilt == 0:
		return counted(f.Unknown, "run") + " could not be judged"
	case f.Spoilt < f.Unknown:
		return fmt.Sprintf("%s could not be judged, %d because of the prober", counted(f.Unknown, "run"), f.Spoilt)
	}
	return counted(f.Unknown, "run") + " could not be judged, because of the prober"
}

// proved writes what is proved in percent, never rounded up: 99.96 % is not 100 %.
func proved(ratio float64) string {
	return strconv.FormatFloat(float64(int(ratio*1000+1e-9))/10, 'f', -1, 64) + " %"
}

// share writes a configured ratio.
func share(ratio float64) string {
	return strings.TrimSuffix(config.Ratio(ratio).String(), "%") + " %"
}

// round writes a configured duration.
func round(d time.Duration) string {
	return strings.NewReplacer(".00 ", " ", ".0 ", " ").Replace(duration(d))
}

// evidenceLines bounds what is told of an objective, and of the failures of a probe.
const evidenceLines = 5

// Evidence says of an objective that is not proved which runs speak against it, or
// kept it from being judged: what was wrong, in how many, and the trace of the first.
func Evidence(f slo.Finding, runs []flows.Run) []string {
	if f.Verdict == slo.Pass {
		return nil
	}
	bad := f.BadRuns
	if f.CouldNotMeasure && len(bad) == 0 {
		for _, r := range runs {
			if r.Probe == f.Objective.Probe && r.Outcome == flows.Inconclusive {
				bad = append(bad, r)
			}
		}
	}
	return told(bad, func(r flows.Run) string { return wrong(f.Objective, r) })
}

// told puts runs together of which the same is to be said, in their order.
func told(runs []flows.Run, what func(flows.Run) string) []string {
	var order []string
	like := make(map[string][]flows.Run)
	for _, r := range runs {
		text := what(r)
		if len(like[text]) == 0 {
			order = append(order, text)
		}
		like[text] = append(like[text], r)
	}
	var lines []string
	for i, text := range order {
		if i == evidenceLines {
			return append(lines, fmt.Sprintf("and %d more", len(order)-i))
		}
		same := like[text]
		if len(same) > 1 {
			text += fmt.Sprintf(" (%d runs)", len(same))
		}
		if id := same[0].TraceID; id != "" {
			text += " [trace " + id + "]"
		}
		lines = append(lines, text)
	}
	return lines
}

// wrong says what was wrong with a run, for an objective.
func wrong(o slo.Objective, r flows.Run) string {
	events, bad := o.Count(r)
	switch d, timed := o.Duration(r); {
	case r.Failure != nil && !(o.Blocks() && events > 1):
		r.TraceID = ""
		return Text{}.failure(r)
	case timed:
		return fmt.Sprintf("%s took %s", o.SLI, duration(d))
	case o.Threshold > 0 && events > 1:
		return fmt.Sprintf("%d of %d %s over %s", bad, events, eventsOf(o), round(o.Threshold))
	case o.Threshold > 0:
		return fmt.Sprintf("%s over %s", o.SLI, round(o.Threshold))
	case o.SLI == config.DeliveryRatio:
		return fmt.Sprintf("%d of %d frames not delivered in time", bad, events)
	}
	return fmt.Sprintf("%d of %d %s bad", bad, events, eventsOf(o))
}

func eventsOf(o slo.Objective) string {
	if what := events(o.SLI); what != "events" {
		return what
	}
	return string(o.SLI)
}
