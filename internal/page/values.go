// Package page renders what the prober knows as HTML: the overview of the daemon,
// the page of one run, and the report of a check. It is pure: values in, HTML out.
// A page is one self-contained document without a request to anybody else, legible
// without JavaScript, on a phone, in the dark and on paper. The package knows
// nothing of HTTP, clocks or schedules.
package page

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
)

// Overview is the daemon's front page.
type Overview struct {
	Version  string
	Platform string        // which deployment is probed, in words; may be empty
	Now      time.Time     // when the page was made; ages and staleness are relative to it
	Refresh  time.Duration // how often the page renews itself; 0: never
	// Trouble says what is wrong with the prober itself, in words; empty when nothing is.
	Trouble string
	Probes  []Probe
}

// Probe is one card of the overview.
type Probe struct {
	Status   ProbeStatus
	Marks    []digest.Mark // oldest first
	Last     *RunView      // the run that finished last
	Failures []RunView     // the last failed and inconclusive runs, newest first
}

// ProbeStatus is what schedule and objectives say of a probe. Whatever is not known
// is nil or the zero time, and is shown as no data, never as 0.
type ProbeStatus struct {
	Name          string
	Flow          flows.Flow
	Informational bool
	Interval      time.Duration // between starts, in force
	Paused        bool
	NextDue       time.Time
	RunningSince  time.Time // zero: not running
	BackoffUntil  time.Time // zero: not backing off
	Resting       []LaneRest
	Skipped       string // why the last slot had no run, such as "saturated"; empty: it had one
	Oversized     bool   // one run takes more than the whole budget: none will ever start
	Objectives    []ObjectiveStatus
}

// HeadlineThreshold is up to which the flow's headline duration is good; 0 when no
// objective says so.
func (s ProbeStatus) HeadlineThreshold() time.Duration {
	return headlineThreshold(s.Objectives, s.Flow)
}

func headlineThreshold(objectives []ObjectiveStatus, f flows.Flow) time.Duration {
	for _, o := range objectives {
		if o.Indicator == digest.Indicator(f) {
			return o.Threshold
		}
	}
	return 0
}

// LaneRest is a lane that is left alone after a run.
type LaneRest struct {
	Lane  string
	Until time.Time
}

// ObjectiveStatus is an objective with its budget.
type ObjectiveStatus struct {
	Name      string
	Indicator string        // the SLI's name in the configuration, such as time_to_media
	Role      string        // page, warn or inform
	Target    float64       // share of good events, 0..1
	Threshold time.Duration // up to which a duration is good; 0: not about a duration
	Window    time.Duration
	SLI       *float64 // share of good events over the window so far, 0..1
	Consumed  *float64 // share of the budget that is spent; 1 is all of it, more is possible
	Remaining *float64 // 1 - Consumed
	Burn      []Burn   // shortest window first
	Coverage  string   // such as "3.2 d of 30 d measured"
}

// Burn is how fast the budget was spent over a window: 1 is as fast as it may.
type Burn struct {
	Window time.Duration
	Rate   *float64
}

// RunView is a run with what is shown beside it.
type RunView struct {
	Run flows.Run
	// Series are the thinned latencies of Run.Pairs, in their order. Where it is
	// nil, they are made of the pairs' samples.
	Series []digest.Series
	Log    []string // log lines of the run
	Kept   bool     // its trace was exported
}

// RunPage is the page of one run.
type RunPage struct {
	Version    string
	Platform   string // which deployment was probed, in words; may be empty
	Now        time.Time
	Objectives []ObjectiveStatus // that the probe's runs are held to
	RunView
}

// Message is a page that says one thing.
type Message struct {
	Version string
	Title   string
	Text    string
}
