package report

import (
	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// gateOf is a gate as JSON.
type gateOf struct {
	Verdict         slo.Verdict `json:"verdict"`
	CouldNotMeasure bool        `json:"could_not_measure"`
	Line            string      `json:"line"`
	Seconds         float64     `json:"duration_seconds"`
	WarmUp          *warmUpOf   `json:"warm_up,omitempty"`
	Objectives      []findingOf `json:"objectives"`
}

type warmUpOf struct {
	Runs    int     `json:"runs"`
	Seconds float64 `json:"duration_seconds"`
	Ready   bool    `json:"ready"`
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
	Runs             int         `json:"runs_judged"`
	Bad              int         `json:"runs_bad"`
	Unknown          int         `json:"runs_not_judged"`
	Events           uint64      `json:"events"`
	BadEvents        uint64      `json:"bad_events"`
	Confidence       float64     `json:"confidence"`
	Proves           *float64    `json:"proves,omitempty"`
	ToProve          float64     `json:"to_prove,omitempty"`
	RunsNeeded       int         `json:"runs_needed,omitempty"`
	Text             string      `json:"text"`
}

func jsonGate(runs []flows.Run, j *Judgement) *gateOf {
	if j == nil {
		return nil
	}
	out := &gateOf{Verdict: j.Verdict, CouldNotMeasure: j.CouldNotMeasure, Line: j.Line(), Seconds: j.Took.Seconds(), Objectives: []findingOf{}}
	if w := j.WarmUp; w != nil {
		out.WarmUp = &warmUpOf{w.Runs, w.Took.Seconds(), w.Ready}
	}
	for _, f := range j.Findings {
		o := f.Objective
		out.Objectives = append(out.Objectives, findingOf{
			Objective: o.Name, Probe: o.Probe, SLI: o.SLI, Target: o.Target, ThresholdSeconds: o.Threshold.Seconds(),
			Verdict: f.Verdict, Decided: f.Decided, CouldNotMeasure: f.CouldNotMeasure, Runs: f.Judged, Bad: f.Bad, Unknown: f.Unknown,
			Events: f.Events, BadEvents: f.Errors, Confidence: f.Plan.Confidence, Proves: f.Proves, ToProve: f.Plan.Prove,
			RunsNeeded: f.Needs, Text: Sentence(f, runs),
		})
	}
	return out
}
