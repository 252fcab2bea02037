package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dark-tower/prober/flows"
)

// latencies are the histograms of one probe. What its flow cannot have is nil.
type latencies struct {
	registry   *prometheus.Registry
	thresholds []time.Duration // that are edges

	run                           map[flows.Outcome]prometheus.Observer
	step                          map[flows.Step]prometheus.Observer
	toMedia, toRestore            prometheus.Observer
	oneWay, relay, jitter, silent prometheus.Observer
}

func newLatencies(catalogue map[string]Description, p Probe, thresholds []time.Duration) *latencies {
	k := newMaker(catalogue, prometheus.Labels{labelProbe: p.Name})
	l := &latencies{registry: k.registry, thresholds: thresholds,
		run: make(map[flows.Outcome]prometheus.Observer), step: make(map[flows.Step]prometheus.Observer)}
	one := func(name string, edges []float64, values ...string) prometheus.Observer {
		return k.histograms(name, with(edges, thresholds)).WithLabelValues(values...)
	}
	runs := k.histograms(runDuration, with(runEdges(), thresholds))
	for _, o := range flows.Outcomes() {
		l.run[o] = runs.WithLabelValues(string(p.Flow), string(o))
	}
	steps := k.histograms(stepDuration, with(stepEdges(), thresholds))
	for _, s := range flows.StepsOf(p.Flow) {
		l.step[s] = steps.WithLabelValues(string(p.Flow), string(s))
	}
	switch p.Flow {
	case flows.Join:
		l.toMedia = one(timeToMedia, stepEdges())
	case flows.Media:
		l.oneWay, l.relay = one(mediaLatency, latencyEdges()), one(mediaRelay, relayEdges())
		l.jitter, l.silent = one(mediaJitter, relayEdges()), one(mediaSilence, silenceEdges())
	case flows.Reconnect:
		l.toRestore, l.silent = one(timeToRestore, stepEdges(), string(p.Disconnect)), one(mediaSilence, silenceEdges())
	}
	return l
}

func (l *latencies) fit(thresholds []time.Duration) bool {
	return slices.Equal(l.thresholds, thresholds)
}

// phases are the histograms of the parts of a flow's steps, of all its probes.
type phases struct {
	registry *prometheus.Registry
	of       map[stepPhase]prometheus.Observer
}

type stepPhase struct {
	step  flows.Step
	phase string
}

func newPhases(catalogue map[string]Description, f flows.Flow) *phases {
	k := newMaker(catalogue, prometheus.Labels{labelFlow: string(f)})
	p := &phases{registry: k.registry, of: make(map[stepPhase]prometheus.Observer)}
	vec := k.histograms(stepPhaseDuration, phaseEdges())
	for _, s := range flows.StepsOf(f) {
		for _, phase := range flows.PhasesOf(s) {
			p.of[stepPhase{s, phase}] = vec.WithLabelValues(string(s), phase)
		}
	}
	return p
}
