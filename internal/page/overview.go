package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

type overviewView struct {
	Platform string
	Trouble  string
	Verdict  sentence
	Asof     *moment
	Cards    []card
}

// card is one probe.
type card struct {
	Name          string
	Flow          string
	Informational bool
	State         mark
	Why           string
	Since         *moment
	Schedule      []string // what happens next, in words
	Objectives    []objectiveRow
	Over          string // what was measured of the window, where it is the same for all
	Strip         strip
	Last          *lastRun
	Failures      []troubles
}

type lastRun struct {
	Mark      mark
	When      *moment
	Took      string
	Link      string
	Waterfall waterfall
	Unfold    bool // it is worth a closer look
}

type objectiveRow struct {
	Name  string
	Role  string
	Means string // indicator, threshold and target in words
	SLI   string
	Left  string
	Meter string // thousandths of the budget that are left, for its bar; empty: no data
	Class string
	Burn  []burnCell
	Still string // instead of rates: why there is none to show
	Over  string // what was measured of the window
}

type burnCell struct {
	Window, Rate string
	Class        string
}

func overviewOf(o Overview) overviewView {
	v := overviewView{Platform: o.Platform, Trouble: o.Trouble, Verdict: verdictOf(o), Asof: momentOf(o.Now, o.Now)}
	// Who is woken up wants to see what is wrong; where nothing is, the order stays.
	probes := slices.Clone(o.Probes)
	rank := func(p Probe) int {
		if p.Status.Informational {
			return -1
		}
		return max(Judge(p, o.Now).State.rank(), Paused.rank())
	}
	slices.SortStableFunc(probes, func(a, b Probe) int { return cmp.Compare(rank(b), rank(a)) })
	for _, p := range probes {
		v.Cards = append(v.Cards, cardOf(p, o.Now))
	}
	return v
}

func cardOf(p Probe, now time.Time) card {
	j := Judge(p, now)
	c := card{
		Name: p.Status.Name, Flow: string(p.Status.Flow), Informational: p.Status.Informational,
		State: j.State.Mark(), Why: j.Why, Since: momentOf(j.Since, now), Schedule: scheduleOf(p.Status, now),
		Strip: stripOf(p.Marks, p.Status.Flow, p.Status.HeadlineThreshold()),
	}
	for _, o := range p.Status.Objectives {
		c.Objectives = append(c.Objectives, objectiveOf(o))
	}
	c.Over = shareOver(c.Objectives)
	if p.Last != nil {
		r := p.Last.Run
		c.Last = &lastRun{Mark: outcomeMark(r.Outcome), When: momentOf(r.Started, now), Took: report.Duration(r.Duration),
			Link: "/runs/" + r.ID, Waterfall: waterfallOf(r), Unfold: r.Outcome != flows.Success}
	}
	var failures []flows.Run
	for _, f := range p.Failures {
		failures = append(failures, f.Run)
	}
	c.Failures, _ = troublesOf(failures, func(r flows.Run) incident {
		return incident{When: momentOf(r.Started, now), Link: "/runs/" + r.ID, Trace: r.TraceID}
	})
	for i := range c.Failures {
		c.Failures[i].Count = 0 // there may have been more before
	}
	return c
}

// scheduleOf says what happens next.
func scheduleOf(s ProbeStatus, now time.Time) []string {
	var out []string
	if s.Interval > 0 {
		out = append(out, "every "+span(s.Interval))
	}
	if s.Paused {
		return append(out, "paused")
	}
	if !s.RunningSince.IsZero() {
		out = append(out, "running for "+age(now.Sub(s.RunningSince)))
	}
	if left := ahead(s.BackoffUntil, now); left != "" {
		out = append(out, "backing off for "+left)
	}
	switch left := ahead(s.NextDue, now); {
	case left != "":
		out = append(out, "next in "+left)
	case !s.NextDue.IsZero():
		out = append(out, "next is due")
	}
	if s.Skipped != "" {
		out = append(out, "last slot skipped: "+spaced(s.Skipped))
	}
	for _, l := range s.Resting {
		if left := ahead(l.Until, now); left != "" {
			out = append(out, fmt.Sprintf("lane %s rests for %s", l.Lane, left))
		}
	}
	return out
}

func objectiveOf(o ObjectiveStatus) objectiveRow {
	row := objectiveRow{Name: o.Name, Role: o.Role, Means: meaning(o.Indicator, o.Threshold, o.Target), SLI: noData, Left: noData, Over: o.Coverage, Class: "none"}
	if row.Over == "" && o.Window > 0 {
		row.Over = "over " + span(o.Window)
	}
	if o.SLI != nil {
		row.SLI = share(*o.SLI)
	}
	if o.Remaining != nil {
		left := *o.Remaining
		row.Left, row.Meter = share(max(left, 0)), coordinate(1000*min(max(left, 0), 1))
		switch {
		case left < 0:
			row.Left = "spent " + times(1-left)
			row.Class = "bad"
		case left < 0.25:
			row.Class = "warn"
		default:
			row.Class = "good"
		}
	}
	for _, b := range o.Burn {
		c := burnCell{Window: short(b.Window), Rate: noData}
		if b.Rate != nil {
			c.Rate = times(*b.Rate)
			if *b.Rate > 1 {
				c.Class = "warn"
			}
		}
		row.Burn = append(row.Burn, c)
	}
	// A row of windows that all say the same says nothing.
	all := func(rate string) bool {
		return !slices.ContainsFunc(row.Burn, func(c burnCell) bool { return c.Rate != rate })
	}
	switch {
	case all(noData):
		row.Burn, row.Still = nil, "burn: no data"
	case all(times(0)):
		row.Burn, row.Still = nil, "burn 0"
	}
	return row
}

// shareOver takes what was measured of the window out of rows that all say the same.
func shareOver(rows []objectiveRow) string {
	if len(rows) == 0 || slices.ContainsFunc(rows, func(r objectiveRow) bool { return r.Over != rows[0].Over }) {
		return ""
	}
	over := rows[0].Over
	for i := range rows {
		rows[i].Over = ""
	}
	return over
}

// meaning says an objective in words: time to media ≤ 2 s in 95 %.
func meaning(indicator string, threshold time.Duration, target float64) string {
	text := spaced(indicator)
	if threshold > 0 {
		return text + " ≤\u00a0" + bound(tick(threshold)) + " in " + bound(share(target))
	}
	return text + " ≥\u00a0" + bound(share(target))
}

// bound keeps a number with its unit.
func bound(text string) string { return strings.ReplaceAll(text, " ", "\u00a0") }
