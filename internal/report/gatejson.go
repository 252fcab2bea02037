package report

import (
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// gateOf is a gate as JSON.
type gateOf struct {
	Verdict         slo.Verdict `json:"verdict"`
	CouldNotMeasure bool        `json:"could_not_measure"`
	Interrupted     bool        `json:"interrupted,omitempty"`
	TakenFor        slo.Verdict `json:"inconclusive_taken_for,omitempty"`
	Line            string      `json:"line"`
	Seconds         float64     `json:"duration_seconds"`
	WarmUp          *warmUpOf   `json:"warm_up,omitempty"`
	Objectives      []findingOf `json:"objectives"`
	Aside           []asideOf   `json:"not_judged,omitempty"`
}

type warmUpOf struct {
	Runs    int     `json:"runs"`
	Seconds float64 `json:"duration_seconds"`
	Ready   bool    `json:"ready"`
	Last    string  `json:"last_failure,omitempty"`
}

type findingOf struct {
	Objective        string      `json:"objective"`
	Probe            string      `json:"probe"`
	SLI              config.SLI  `json:"sli"`
	Target           float64     `json:"target"`
	ThresholdSeconds float64     `json:"threshold_seconds,omitempty"`
	Verdict          slo.Verdict `json:"verdict"`
	Decided          bool        `json:"decided"`
	CouldNotMeasure  bool        `json:"could_not_measure"`
	Method           string      `json:"method"` // runs: each counts as good or bad; blocks: each by its share of good events
	Planned          int         `json:"runs_planned"`
	PassUpTo         *int        `json:"passes_with_bad_up_to,omitempty"` // both only with method runs, and where there are such counts
	FailFrom         *int        `json:"fails_with_bad_from,omitempty"`
	Runs             int         `json:"runs_judged"`
	Bad              int         `json:"runs_bad"`
	Unknown          int         `json:"runs_not_judged"`
	Spoilt           int         `json:"runs_spoilt_by_prober"`
	Events           uint64      `json:"events"`
	BadEvents        uint64      `json:"bad_events"`
	Confidence       float64     `json:"confidence"`
	Proves           *float64    `json:"proves,omitempty"`
	ToProve          float64     `json:"to_prove,omitempty"`
	RunsNeeded       int         `json:"runs_needed,omitempty"`
	BoundSeconds     *float64    `json:"percentile_at_most_seconds,omitempty"` // the one of the target
	BadRuns          []string    `json:"bad_run_ids,omitempty"`
	Text             string      `json:"text"`
}

// asideOf is an objective that does not gate.
type asideOf struct {
	Objective    string     `json:"objective"`
	Probe        string     `json:"probe"`
	SLI          config.SLI `json:"sli"`
	Target       float64    `json:"target"`
	Runs         int        `json:"runs_seen"`
	Bad          int        `json:"runs_bad"`
	Events       uint64     `json:"events"`
	BadEvents    uint64     `json:"bad_events"`
	BoundSeconds *float64   `json:"percentile_at_most_seconds,omitempty"`
	Text         string     `json:"text"`
}

func jsonGate(j *Judgement) *gateOf {
	if j == nil {
		return nil
	}
	out := &gateOf{Verdict: j.Verdict, CouldNotMeasure: j.CouldNotMeasure, Interrupted: j.Interrupted, TakenFor: j.TakenFor, Line: j.Line(), Seconds: j.Took.Seconds(), Objectives: []findingOf{}}
	if w := j.WarmUp; w != nil {
		out.WarmUp = &warmUpOf{w.Runs, w.Took.Seconds(), w.Ready, w.Last}
	}
	for _, f := range j.Findings {
		out.Objectives = append(out.Objectives, jsonFinding(f))
	}
	for _, f := range j.Aside {
		o := f.Objective
		aside := asideOf{Objective: o.Name, Probe: o.Probe, SLI: o.SLI, Target: o.Target, Runs: f.Judged, Bad: f.Bad, Events: f.Events, BadEvents: f.Errors, Text: Sentence(f)}
		if f.Bound != nil {
			aside.BoundSeconds = new(f.Bound.Seconds())
		}
		out.Aside = append(out.Aside, aside)
	}
	return out
}

func jsonFinding(f slo.Finding) findingOf {
	o := f.Objective
	out := findingOf{
		Objective: o.Name, Probe: o.Probe, SLI: o.SLI, Target: o.Target, ThresholdSeconds: o.Threshold.Seconds(),
		Verdict: f.Verdict, Decided: f.Decided, CouldNotMeasure: f.CouldNotMeasure, Method: "runs", Planned: f.Plan.Runs,
		Runs: f.Judged, Bad: f.Bad, Unknown: f.Unknown, Spoilt: f.Spoilt,
		Events: f.Events, BadEvents: f.Errors, Confidence: f.Plan.Confidence, Proves: f.Proves, ToProve: f.Plan.Prove,
		RunsNeeded: f.Needs, Text: Sentence(f),
	}
	switch p := f.Plan; {
	case f.Blocks:
		out.Method = "blocks"
	default:
		if p.PassUpTo >= 0 {
			out.PassUpTo = &p.PassUpTo
		}
		if p.FailFrom <= p.Runs {
			out.FailFrom = &p.FailFrom
		}
	}
	if f.Bound != nil {
		out.BoundSeconds = new(f.Bound.Seconds())
	}
	for _, r := range f.BadRuns {
		out.BadRuns = append(out.BadRuns, r.ID)
	}
	return out
}
