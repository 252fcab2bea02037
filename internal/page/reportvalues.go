package page

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// Verdict is what a set of runs proves about an objective, or about all of them.
type Verdict string

// The verdicts.
const (
	Pass      Verdict = "pass"
	Fail      Verdict = "fail"
	Undecided Verdict = "inconclusive"
)

// Report is the result of a check.
type Report struct {
	Version  string
	Platform string // which deployment was probed, in words; may be empty
	At       time.Time
	Verdict  Verdict
	Why      string // one sentence
	Verdicts []ObjectiveVerdict
	Aside    []ObjectiveVerdict // of objectives that decide nothing
	// Thresholds are up to which the headline durations of probes are good, by name;
	// one that is judged, or stands aside, needs none here.
	Thresholds map[string]time.Duration
	Runs       []flows.Run
}

// ObjectiveVerdict is what the runs prove about one objective.
type ObjectiveVerdict struct {
	Objective  string
	Probe      string
	Indicator  string // the SLI's name in the configuration
	Target     float64
	Threshold  time.Duration // 0: not about a duration
	Verdict    Verdict
	Events     int // that were judged
	Bad        int
	Unknown    int      // that could not be judged
	Proved     *float64 // at least this share of events is good, with the confidence; nil: nothing is proved
	Prove      *float64 // what a pass has to prove; nil: a pass is not possible
	Confidence float64  // 0..1
	Text       string   // what there is to say besides, in words; may be empty
}
