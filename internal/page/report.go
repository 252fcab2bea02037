package page

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// How much of a large check is drawn; what is left out is said.
const (
	runsDrawn  = 60 // waterfalls
	runsDetail = 10 // failures with everything that is known
)

type reportView struct {
	Platform string
	At       *moment
	Mark     mark
	Why      string
	Verdicts []verdictRow
	Failures []troubles
	Groups   []group
	Omitted  int // runs that are not drawn
}

type verdictRow struct {
	Objective, Means string
	Mark             mark
	Seen             string // 1 of 60 bad
	Proved           string // at least so much is good
	Needed           string // what a pass has to prove
	Text             string
}

// group is the runs of one probe.
type group struct {
	Probe         string
	Informational bool
	Strip         strip
	Spread        *spread
	Steps         []stepRow
	Runs          []drawnRun
}

type drawnRun struct {
	Mark      mark
	When      *moment
	Took      string
	Head      string
	Waterfall waterfall
	Detail    *runView // of a run that did not succeed
	Unfold    bool     // it is the first of those
}

type stepRow struct {
	Step, Hop, HopClass, Actor string
	After                      bool
	Done, Failed               int
	P50, P95, Max              string
}

func reportOf(r Report) reportView {
	v := reportView{Platform: r.Platform, At: momentOf(r.At, time.Time{}), Mark: r.Verdict.Mark(), Why: r.Why}
	thresholds := make(map[string]time.Duration)
	for _, o := range r.Verdicts {
		v.Verdicts = append(v.Verdicts, verdictRowOf(o))
		thresholds[o.Probe+"\x00"+o.Indicator] = o.Threshold
	}
	var failures []flows.Run
	drawn, detailed, opened := 0, 0, false
	for _, runs := range byProbe(r.Runs) {
		first := runs[0]
		threshold := thresholds[first.Probe+"\x00"+digest.Indicator(first.Flow)]
		g := group{Probe: first.Probe, Informational: first.Informational, Spread: spreadOf(runs, threshold), Steps: stepRows(runs)}
		var marks []digest.Mark
		for _, run := range runs {
			marks = append(marks, digest.MarkOf(run))
			bad := run.Outcome != flows.Success
			if bad {
				failures = append(failures, run)
			}
			if drawn == runsDrawn {
				v.Omitted++
				continue
			}
			drawn++
			first := bad && !opened
			opened = opened || bad
			d := drawnRun{Unfold: first, Mark: outcomeMark(run.Outcome), When: momentOf(run.Started, time.Time{}), Took: report.Duration(run.Duration),
				Head: headline(marks[len(marks)-1], run.Flow), Waterfall: waterfallOf(run)}
			if bad && detailed < runsDetail || len(r.Runs) <= runsDetail {
				detailed++
				detail := runOf(RunView{Run: run}, threshold, time.Time{})
				d.Detail = &detail
			}
			g.Runs = append(g.Runs, d)
		}
		g.Strip = stripOf(marks, first.Flow, threshold)
		v.Groups = append(v.Groups, g)
	}
	v.Failures = troublesOf(failures, time.Time{}, false)
	return v
}

func verdictRowOf(o ObjectiveVerdict) verdictRow {
	row := verdictRow{Objective: o.Objective, Means: meaning(o.Indicator, o.Threshold, o.Target), Mark: o.Verdict.Mark(), Text: o.Text,
		Seen: fmt.Sprintf("%d of %d bad", o.Bad, o.Events), Proved: "nothing", Needed: "cannot pass"}
	if o.Events == 0 {
		row.Seen = noData
	}
	if o.Unknown > 0 {
		row.Seen += fmt.Sprintf(", %d not judged", o.Unknown)
	}
	if o.Proved != nil && *o.Proved > 0 {
		row.Proved = fmt.Sprintf("≥ %s good, with %s confidence", share(*o.Proved), share(o.Confidence))
	}
	if o.Prove != nil {
		row.Needed = "≥ " + share(*o.Prove)
	}
	return row
}

func byProbe(runs []flows.Run) [][]flows.Run {
	at := make(map[string]int)
	var out [][]flows.Run
	for _, r := range runs {
		i, seen := at[r.Probe]
		if !seen {
			i = len(out)
			at[r.Probe], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// stepRows sums up the steps of all runs, in the order in which they come.
func stepRows(runs []flows.Run) []stepRow {
	type key struct {
		actor string
		step  flows.Step
		after bool
	}
	var order []key
	took := make(map[key][]time.Duration)
	failed := make(map[key]int)
	for _, r := range runs {
		for _, s := range r.Steps {
			k := key{s.Actor, s.Step, s.After}
			if _, known := took[k]; !known {
				order = append(order, k)
				took[k] = nil
			}
			if s.Failure != nil {
				failed[k]++
			} else {
				took[k] = append(took[k], s.Duration)
			}
		}
	}
	var rows []stepRow
	for _, k := range order {
		row := stepRow{Step: string(k.step), Hop: hopName(k.step.Owner()), HopClass: "hop-" + string(k.step.Owner()), Actor: k.actor, After: k.after,
			Failed: failed[k], P50: "–", P95: "–", Max: "–"}
		if d := flows.Summarise(took[k]); d.Count > 0 {
			row.Done, row.P50, row.P95, row.Max = d.Count, report.Duration(d.P50), report.Duration(d.P95), report.Duration(d.Max)
		}
		rows = append(rows, row)
	}
	return rows
}
