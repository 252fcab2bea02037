package page

import (
	"fmt"
	"slices"
	"strings"
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
	Seen     string // what was run
	Mark     mark
	Word     string // the verdict, at the beginning of a line
	Why      string
	Verdicts []verdictRow
	Aside    []verdictRow
	Besides  bool // there is more to say of one of those than what was seen
	Failures []troubles
	Unlisted int // failed runs that are not among those
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
	P95           bool // a step was done often enough to say so
	Runs          []drawnRun
}

type drawnRun struct {
	Mark      mark
	When      *moment
	Took      string
	Head      string
	ID        string // to lead to it
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
	word := string(r.Verdict)
	v := reportView{Platform: r.Platform, At: momentOf(r.At, time.Time{}), Seen: seenOf(r.Runs), Mark: r.Verdict.Mark(), Word: strings.ToUpper(word[:min(1, len(word))]) + word[min(1, len(word)):], Why: r.Why}
	for _, o := range r.Verdicts {
		v.Verdicts = append(v.Verdicts, verdictRowOf(o))
	}
	for _, o := range r.Aside {
		v.Aside = append(v.Aside, verdictRowOf(o))
		v.Besides = v.Besides || o.Text != ""
	}
	d := drawing{report: r, drawn: make(map[string]bool)}
	var failures []flows.Run
	for _, runs := range byProbe(r.Runs) {
		v.Groups = append(v.Groups, d.group(runs))
		for _, run := range runs {
			if run.Outcome != flows.Success {
				failures = append(failures, run)
			}
		}
	}
	v.Omitted = d.omitted
	v.Failures, v.Unlisted = troublesOf(failures, func(run flows.Run) incident {
		i := incident{When: momentIn(run.Started, r.At), Trace: run.TraceID}
		if d.drawn[run.ID] {
			i.Link = "#run-" + run.ID
		}
		return i
	})
	return v
}

// seenOf says what was run: 30 runs of 2 probes in 1 min.
func seenOf(all []flows.Run) string {
	if len(all) == 0 {
		return ""
	}
	first, last := all[0].Started, all[0].Started
	for _, r := range all {
		if r.Started.Before(first) {
			first = r.Started
		}
		if end := r.Started.Add(r.Duration); end.After(last) {
			last = end
		}
	}
	text := fmt.Sprintf("%s of %s", runs(len(all)), count(len(byProbe(all)), "probe"))
	if took := last.Sub(first); took >= time.Second {
		text += " in " + age(took)
	}
	return text
}

// drawing draws runs as long as there is room.
type drawing struct {
	report   Report
	count    int
	drawn    map[string]bool // by ID
	omitted  int
	detailed int
	opened   bool // the first run that went wrong is unfolded
}

func (d *drawing) group(runs []flows.Run) group {
	first := runs[0]
	threshold := d.report.threshold(first)
	g := group{Probe: first.Probe, Informational: first.Informational, Spread: spreadOf(runs, threshold), Steps: stepRows(runs)}
	g.P95 = slices.ContainsFunc(g.Steps, func(s stepRow) bool { return s.Done >= forP95 })
	var marks []digest.Mark
	for _, run := range runs {
		m := digest.MarkOf(run)
		marks = append(marks, m)
		if d.count == runsDrawn {
			d.omitted++
			continue
		}
		g.Runs = append(g.Runs, d.run(run, headline(m, run.Flow), threshold))
	}
	g.Strip = wholeStrip(marks, first.Flow, threshold)
	return g
}

func (d *drawing) run(run flows.Run, head string, threshold time.Duration) drawnRun {
	bad := run.Outcome != flows.Success
	out := drawnRun{ID: run.ID, Unfold: bad && !d.opened, Mark: outcomeMark(run.Outcome), When: momentIn(run.Started, d.report.At),
		Took: report.Duration(run.Duration), Head: head, Waterfall: waterfallOf(run)}
	if run.Failure != nil {
		out.Head = blame(run.Failure)
	}
	d.opened = d.opened || bad
	d.count++
	d.drawn[run.ID] = true
	if bad && d.detailed < runsDetail || len(d.report.Runs) <= runsDetail {
		d.detailed++
		detail := runOf(RunView{Run: run}, threshold, time.Time{})
		out.Detail = &detail
	}
	return out
}

// threshold is up to which the headline duration of a run is good; 0: nobody says.
func (r Report) threshold(run flows.Run) time.Duration {
	for _, o := range slices.Concat(r.Verdicts, r.Aside) {
		if o.Probe == run.Probe && o.Indicator == digest.Indicator(run.Flow) && o.Threshold > 0 {
			return o.Threshold
		}
	}
	return r.Thresholds[run.Probe]
}

func verdictRowOf(o ObjectiveVerdict) verdictRow {
	row := verdictRow{Objective: o.Objective, Means: meaning(o.Indicator, o.Threshold, o.Target), Mark: o.Verdict.Mark(), Text: o.Text,
		Seen: fmt.Sprintf("%d of %s bad", o.Bad, runs(o.Events)), Proved: "nothing", Needed: "cannot pass"}
	if o.Events == 0 {
		row.Seen = noData
	}
	if o.Unknown > 0 {
		row.Seen += fmt.Sprintf(", %d not judged", o.Unknown)
	}
	switch {
	case o.Verdict == Fail:
		row.Proved = "that it is missed"
	case o.Proved != nil && *o.Proved > 0:
		row.Proved = fmt.Sprintf("≥ %s good", share(*o.Proved))
		if o.Confidence > 0 {
			row.Proved += fmt.Sprintf(" (%s sure)", share(o.Confidence))
		}
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
		d := flows.Summarise(took[k])
		if d.Count > 0 {
			row.Done, row.P50, row.Max = d.Count, report.Duration(d.P50), report.Duration(d.Max)
		}
		if d.Count >= forP95 {
			row.P95 = report.Duration(d.P95)
		}
		rows = append(rows, row)
	}
	return rows
}
