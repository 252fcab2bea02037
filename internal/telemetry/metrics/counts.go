package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/frame"
)

// nowhere is the step of a failure outside of any step.
const nowhere = "none"

// counts are the counters and gauges of one probe, and the one histogram that no
// threshold is about.
type counts struct {
	registry *prometheus.Registry
	flow     flows.Flow

	runs     map[ending]prometheus.Counter
	failures map[row]prometheus.Counter
	tainted  map[flows.Cause]prometheus.Counter
	leaves   map[string]prometheus.Counter // none where nobody enters a meeting

	frames  map[string]prometheus.Counter // flow media
	refused map[string]prometheus.Counter // flow media

	since, lastRun, lastSuccess, failing prometheus.Gauge
	interval, inFlight, backoff          prometheus.Gauge
	skipped                              map[string]prometheus.Counter
	delay                                prometheus.Observer

	mu      sync.Mutex // protects running
	running int
}

// enter counts runs that began, or ended: n is negative. A run that began before
// its probe was removed and added again ends without having been here.
func (c *counts) enter(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = max(0, c.running+n)
	c.inFlight.Set(float64(c.running))
}

// ending is how a run ended, and what had started it.
type ending struct {
	outcome flows.Outcome
	trigger flows.Trigger
}

// row is a failure as the table of the legal ones has it.
type row struct {
	step   flows.Step
	hop    flows.Hop
	reason flows.Reason
}

func newCounts(catalogue map[string]Description, p Probe) *counts {
	k := newMaker(catalogue, prometheus.Labels{labelProbe: p.Name})
	c := &counts{
		registry: k.registry, flow: p.Flow,
		runs: make(map[ending]prometheus.Counter), failures: make(map[row]prometheus.Counter),
		tainted: countersBy(k, selfTainted, causesOf(p.Flow)),
		since:   k.gauge(since), lastRun: k.gauge(lastRun), lastSuccess: k.gauge(lastSuccess), failing: k.gauge(consecutiveFailures),
		interval: k.gauge(interval), inFlight: k.gauge(runsInFlight), backoff: k.gauge(backoffInterval),
		skipped: countersBy(k, runsSkipped, SkipReasons()),
		delay:   k.histograms(startDelay, delayEdges()).WithLabelValues(),
	}
	runs := k.counters(runsTotal)
	for _, o := range flows.Outcomes() {
		for _, t := range triggers() {
			c.runs[ending{o, t}] = runs.WithLabelValues(string(p.Flow), string(o), string(t))
		}
	}
	failures := k.counters(failuresTotal)
	for _, r := range rowsOf(p.Flow) {
		c.failures[r] = failures.WithLabelValues(string(p.Flow), string(r.step), string(r.hop), string(r.reason))
	}
	if p.Flow != flows.SignIn {
		c.leaves = countersBy(k, leavesTotal, []string{"clean", "unclean"})
	}
	if p.Flow == flows.Media {
		c.frames = countersBy(k, mediaFrames, frameResults())
		c.refused = countersBy(k, mediaFramesRefused, refusals())
	}
	return c
}

func triggers() []flows.Trigger { return []flows.Trigger{flows.Scheduled, flows.OnDemand} }

// rowsOf lists the failures that a flow can have.
func rowsOf(f flows.Flow) []row {
	rows := []row{{nowhere, flows.Prober, flows.Self}}
	for _, s := range flows.StepsOf(f) {
		for _, h := range flows.Hops() {
			for _, r := range flows.Reasons() {
				if flows.Legal(s, h, r) {
					rows = append(rows, row{s, h, r})
				}
			}
		}
	}
	return rows
}

// causesOf lists what the prober can do to a flow. Who enters no meeting finds no
// stranger there and receives nothing that could be dropped.
func causesOf(f flows.Flow) []flows.Cause {
	return slices.DeleteFunc(flows.Causes(), func(c flows.Cause) bool {
		return f == flows.SignIn && (c == flows.CauseLane || c == flows.CauseDrops)
	})
}

// refusals lists why frames are refused.
func refusals() []string {
	var out []string
	for _, r := range frame.Reasons() {
		if r.Drops() {
			out = append(out, string(r))
		}
	}
	return out
}
