// Package metrics is the Prometheus side of the daemon: finished runs, the
// schedule's news and the state of objectives, as series.
//
// Every series that can come to be exists from the start, at 0, and none that
// cannot: a counter that is born at 1 loses its first event. Label values are
// from closed sets, or are names of the configuration. A probe takes its series
// along when it is removed, and keeps its counts over a reload.
//
// It knows the vocabulary of flows and of frame refusals, and nothing of how runs
// are scheduled or judged: it is told.
package metrics

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/dark-tower/prober/flows"
)

//go:generate go run ./cataloguegen ../../../docs/metrics.md

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
	SLI     string // what is counted
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
	Sends        = "sends"        // of frames that were due, and that the sender was too late for
	Spans        = "spans"        // that were not exported
	Observations = "observations" // that no series exists for: a defect of the prober
)

func queues() []string { return []string{Datagrams, Records, Sends, Spans, Observations} }

// SkipReasons lists the reasons of runs_skipped_total. They are the scheduler's,
// which this package does not know.
func SkipReasons() []string {
	return []string{"overlap", "unavailable", "throttled", "saturated", "resting", "paused", "late"}
}

// Metrics holds the series. It is safe for concurrent use.
type Metrics struct {
	catalogue map[string]Description
	process   *process
	now       func() time.Time

	mu      sync.RWMutex // protects the following field, not the series in it
	current              // what the configuration has
}

// current are the series of a configuration, which come and go with it.
type current struct {
	probes     map[string]*probe
	phases     map[flows.Flow]*phases
	objectives map[string]*objective
}

func newCurrent() current {
	return current{probes: make(map[string]*probe), phases: make(map[flows.Flow]*phases), objectives: make(map[string]*objective)}
}

// probe has its counts apart from its latencies, so that other thresholds leave
// the counts alone.
type probe struct {
	disconnect flows.Disconnect
	interval   time.Duration
	counts     *counts
	latencies  *latencies
}

// New returns the metrics of a process without probes.
func New(b Build) *Metrics {
	m := &Metrics{catalogue: make(map[string]Description), now: time.Now, current: newCurrent()}
	for _, d := range Catalogue() {
		m.catalogue[strings.TrimPrefix(d.Name, Prefix)] = d
	}
	m.process = newProcess(m.catalogue, b)
	return m
}

// Apply brings the series in line with the configuration: those of new probes and
// objectives come to be at 0, those of removed ones go, and what has not changed
// keeps its counts. A probe whose thresholds changed begins its histograms anew
// and keeps the rest; one whose flow or disconnect changed is another probe, and
// an objective that counts something else is another objective.
func (m *Metrics) Apply(probes []Probe) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.current
	m.current = newCurrent()
	for _, p := range probes {
		m.probes[p.Name] = m.probe(was.probes[p.Name], p)
		if m.phases[p.Flow] == nil {
			m.phases[p.Flow] = was.phases[p.Flow]
		}
		if m.phases[p.Flow] == nil {
			m.phases[p.Flow] = newPhases(m.catalogue, p.Flow)
		}
		for _, o := range p.Objectives {
			s := was.objectives[o.Name]
			if s == nil || s.is != identityOf(o) {
				s = newObjective(m.catalogue, o)
			}
			s.apply(o)
			m.objectives[o.Name] = s
		}
	}
}

// probe keeps of old what still fits p.
func (m *Metrics) probe(old *probe, p Probe) *probe {
	n := &probe{disconnect: p.Disconnect, interval: p.Interval}
	thresholds := thresholdsOf(p)
	if old != nil && old.counts.flow == p.Flow && old.disconnect == p.Disconnect {
		n.counts = old.counts
		if old.latencies.fit(thresholds) {
			n.latencies = old.latencies
		}
	} else {
		n.counts = newCounts(m.catalogue, p)
		n.counts.since.Set(seconds(m.now()))
	}
	if n.latencies == nil {
		n.latencies = newLatencies(m.catalogue, p, thresholds)
	}
	n.counts.interval.Set(p.Interval.Seconds())
	return n
}

// Events counts events of an objective, and how many of them were bad. Runs
// started by hand have none.
func (m *Metrics) Events(objective string, events, bad uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if o, ok := m.objectives[objective]; ok {
		o.events.Add(float64(events))
		o.bad.Add(float64(bad))
	}
}

// SetBudget shows the state of an objective, and takes away what is not known.
func (m *Metrics) SetBudget(objective string, b Budget) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if o, ok := m.objectives[objective]; ok {
		o.budget(b)
	}
}

// Reloaded notes an attempt to load the configuration, the first one included.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	if !ok {
		m.process.reloadOK.Set(0)
		return
	}
	m.process.reloadOK.Set(1)
	m.process.loaded.Set(seconds(at))
}

// Dropped counts what the prober lost of its own in a queue: Spans, or another of
// the queue constants. What runs lost is counted by Observe.
func (m *Metrics) Dropped(queue string, n uint64) { m.process.lost(queue, n) }

// Gatherer gives all series, those of the Go runtime and the process included.
func (m *Metrics) Gatherer() prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return m.registries().Gather() })
}

func (m *Metrics) registries() prometheus.Gatherers {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := prometheus.Gatherers{m.process.registry}
	for _, p := range m.probes {
		all = append(all, p.counts.registry, p.latencies.registry)
	}
	for _, p := range m.phases {
		all = append(all, p.registry)
	}
	for _, o := range m.objectives {
		all = append(all, o.registry)
	}
	return all
}

// atOnce bounds the scrapes under way: a gathering costs as much as the series.
const atOnce = 4

// Handler serves the series in the format that the scraper asks for: text,
// OpenMetrics (with exemplars) or protobuf.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Gatherer(), promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: atOnce})
}
