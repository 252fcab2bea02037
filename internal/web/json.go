package web

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/page"
)

// What is not known is null, never 0. Durations are seconds, times RFC 3339.

type probeList struct {
	FormatVersion int       `json:"format_version"`
	Now           time.Time `json:"now"`
	Probes        []probeOf `json:"probes"`
}

type probeOf struct {
	Name          string        `json:"name"`
	Flow          flows.Flow    `json:"flow"`
	Informational bool          `json:"informational"`
	State         page.State    `json:"state"`
	Why           string        `json:"why,omitempty"`
	Since         *time.Time    `json:"since,omitempty"`
	Interval      float64       `json:"interval_seconds"`
	Paused        bool          `json:"paused"`
	Oversized     bool          `json:"oversized,omitempty"`
	NextDue       *time.Time    `json:"next_due"`
	RunningSince  *time.Time    `json:"running_since"`
	BackoffUntil  *time.Time    `json:"backoff_until"`
	Skipped       string        `json:"last_slot_skipped,omitempty"`
	Resting       []restOf      `json:"lanes_resting"`
	LastRun       *lastOf       `json:"last_run"`
	Objectives    []objectiveOf `json:"objectives"`
}

type restOf struct {
	Lane  string    `json:"lane"`
	Until time.Time `json:"until"`
}

type lastOf struct {
	ID      string        `json:"id"`
	Outcome flows.Outcome `json:"outcome"`
	Started time.Time     `json:"started"`
	Seconds float64       `json:"duration_seconds"`
}

type objectiveOf struct {
	Name      string   `json:"name"`
	SLI       string   `json:"sli"`
	Role      string   `json:"role"`
	Target    float64  `json:"target"`
	Threshold *float64 `json:"threshold_seconds,omitempty"`
	Window    float64  `json:"window_seconds"`
	Good      *float64 `json:"good_ratio"`
	Consumed  *float64 `json:"budget_consumed_ratio"`
	Remaining *float64 `json:"budget_remaining_ratio"`
	Burn      []burnOf `json:"burn"`
	Coverage  string   `json:"coverage"`
}

type burnOf struct {
	Window float64  `json:"window_seconds"`
	Rate   *float64 `json:"rate"`
}

func jsonProbe(p page.Probe, now time.Time) probeOf {
	s, j := p.Status, page.Judge(p, now)
	out := probeOf{
		Name: s.Name, Flow: s.Flow, Informational: s.Informational, State: j.State, Why: j.Why, Since: known(j.Since),
		Interval: s.Interval.Seconds(), Paused: s.Paused, Oversized: s.Oversized, Skipped: s.Skipped,
		NextDue: known(s.NextDue), RunningSince: known(s.RunningSince), BackoffUntil: known(s.BackoffUntil),
		Resting: []restOf{}, Objectives: []objectiveOf{},
	}
	for _, r := range s.Resting {
		out.Resting = append(out.Resting, restOf{r.Lane, r.Until})
	}
	if p.Last != nil {
		r := p.Last.Run
		out.LastRun = &lastOf{r.ID, r.Outcome, r.Started, r.Duration.Seconds()}
	}
	for _, o := range s.Objectives {
		obj := objectiveOf{Name: o.Name, SLI: o.Indicator, Role: o.Role, Target: o.Target, Window: o.Window.Seconds(),
			Good: o.SLI, Consumed: o.Consumed, Remaining: o.Remaining, Burn: []burnOf{}, Coverage: o.Coverage}
		if o.Threshold > 0 {
			obj.Threshold = new(o.Threshold.Seconds())
		}
		for _, b := range o.Burn {
			obj.Burn = append(obj.Burn, burnOf{b.Window.Seconds(), b.Rate})
		}
		out.Objectives = append(out.Objectives, obj)
	}
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
