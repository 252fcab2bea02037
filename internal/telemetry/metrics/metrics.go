// Package metrics is the Prometheus side of the daemon: finished runs, the
// schedule's news and the state of objectives, as series.
//
// Every series that can come to be exists from the start, at 0, and none that
// cannot: a counter that is born at 1 loses its first event. Label values are
// from closed sets, or are names of the configuration. A probe takes its series
// along when it is removed, and keeps its counts over a reload.
//
// It knows the vocabulary of flows and nothing of how runs are scheduled, judged
// or served: it is told.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dark-tower/prober/flows"
)

// Build is what build_info shows.
type Build struct {
	Version, Revision string
}

// Probe is what the metrics need to know of a configured probe.
type Probe struct {
	Name       string
	Flow       flows.Flow
	Interval   time.Duration    // between starts
	Disconnect flows.Disconnect // flow reconnect
	Thresholds []time.Duration  // become edges of the probe's histograms; those of Objectives do so by themselves
	Objectives []Objective
}

// Objective is what the metrics need to know of an SLI with a target.
type Objective struct {
	Name    string // label slo; unique
	Probe   string // whose runs count
	Flow    flows.Flow
	Service string // whose objective it is, such as gc-service
	Target  float64
	// Threshold up to which a duration is good; 0: the SLI is no duration.
	Threshold time.Duration
	Interval  time.Duration // expected between two runs
	Window    time.Duration
	Role      string // page, warn or inform
}

// Budget is the state of an objective. What is nil, not in the map or not finite
// is not known, and has no series.
type Budget struct {
	SLI       *float64           // share of good events over the window
	Consumed  *float64           // bad events by those allowed
	Remaining *float64           // 1 - Consumed; negative when overspent
	Coverage  *float64           // events seen by events expected
	Burn      map[string]float64 // by window, one of Windows
}

// Windows lists the windows of burn rates.
func Windows() []string { return []string{"5m", "30m", "1h", "6h", "1d", "3d"} }

// The queues of self_dropped_total.
const (
	Datagrams    = "datagrams"    // had arrived, and were dropped before they were read
	Records      = "records"      // of frames, that found no room
	Spans        = "spans"        // that were not exported
	Observations = "observations" // that no series exists for: a defect of the prober
)

// Metrics holds the series. It is safe for concurrent use.
type Metrics struct {
	build Build
}

// New returns the metrics of a process without probes.
func New(b Build) *Metrics { return &Metrics{build: b} }

// Apply brings the series in line with the configuration: those of new probes and
// objectives come to be at 0, those of removed ones go, and what has not changed
// keeps its counts. A probe whose thresholds changed begins its histograms anew
// and keeps the rest; one whose flow changed is another probe.
func (m *Metrics) Apply(probes []Probe) {}

// Observe counts a finished run. sampled says that its trace is exported, and can
// be pointed to by exemplars. A run of a probe that is no longer there counts for
// nobody.
func (m *Metrics) Observe(run flows.Run, sampled bool) {}

// Events counts events of an objective, and how many of them were bad. Runs
// started by hand have none.
func (m *Metrics) Events(objective string, events, bad uint64) {}

// SetBudget shows the state of an objective, and takes away what is not known.
func (m *Metrics) SetBudget(objective string, b Budget) {}

// Started notes that a scheduled run started, delay after it was due.
func (m *Metrics) Started(probe string, delay time.Duration) {}

// Finished notes that a run that was Started has returned.
func (m *Metrics) Finished(probe string) {}

// Skipped counts a run that was due and not started, for one of SkipReasons.
func (m *Metrics) Skipped(probe, reason string) {}

// BackedOff notes the interval in force; at or below the probe's own, 0 included,
// it has recovered.
func (m *Metrics) BackedOff(probe string, interval time.Duration) {}

// Reloaded notes an attempt to load the configuration, the first one included.
func (m *Metrics) Reloaded(ok bool, at time.Time) {}

// Dropped counts what the prober lost of its own in a queue: Spans, or another of
// the queue constants. Datagrams and records of runs are counted by Observe.
func (m *Metrics) Dropped(queue string, n uint64) {}

// Gatherer gives all series, those of the Go runtime and the process included.
func (m *Metrics) Gatherer() prometheus.Gatherer { return prometheus.NewRegistry() }

// Handler serves the series in the format that the scraper asks for: text,
// OpenMetrics (with exemplars) or protobuf.
func (m *Metrics) Handler() http.Handler { return http.NotFoundHandler() }

// SkipReasons lists the reasons of runs_skipped_total.
func SkipReasons() []string {
	return []string{"overlap", "unavailable", "throttled", "saturated", "resting", "paused"}
}
