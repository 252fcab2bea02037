package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/dark-tower/prober/flows"
)

// process are the series that belong to no probe.
type process struct {
	registry *prometheus.Registry

	lag              prometheus.Observer
	dropped          map[string]prometheus.Counter
	continuity       map[flows.Continuity]prometheus.Counter
	certificates     *prometheus.GaugeVec // without a series until one was met
	reloadOK, loaded prometheus.Gauge
}

func newProcess(catalogue map[string]Description, b Build) *process {
	k := newMaker(catalogue, nil)
	p := &process{
		registry: k.registry,
		lag:      k.histograms(selfLag, delayEdges()).WithLabelValues(),
		dropped:  countersBy(k, selfDropped, queues()), continuity: make(map[flows.Continuity]prometheus.Counter),
		certificates: k.gauges(certificateExpires), reloadOK: k.gauge(reloadOK), loaded: k.gauge(reloadSucceeded),
	}
	answers := k.counters(traceContinuity)
	for _, result := range flows.Continuities() {
		c := flows.Continuity{Hop: flows.MC, Result: result} // no other hop answers with a trace
		p.continuity[c] = answers.WithLabelValues(string(c.Hop), c.Result)
	}
	k.gauges(buildInfo).WithLabelValues(b.Version, b.Revision, runtime.Version()).Set(1)
	k.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// lost counts n items of a queue; a queue that nobody knows is an observation
// without a series itself.
func (p *process) lost(queue string, n uint64) {
	c, ok := p.dropped[queue]
	if !ok {
		c = p.dropped[Observations]
	}
	c.Add(float64(n))
}

// serviceOf is the platform's name of a hop's service.
func serviceOf(h flows.Hop) (service string, ok bool) {
	switch h {
	case flows.MC:
		return "mc-service", true
	case flows.MH:
		return "mh-service", true
	}
	return "", false
}
