package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// objective are the series of one objective.
type objective struct {
	registry *prometheus.Registry
	is       identity

	events, bad            prometheus.Counter
	target, window         prometheus.Gauge
	info                   *prometheus.GaugeVec
	threshold, interval    *prometheus.GaugeVec // without a series where there is none
	sli, remaining         *prometheus.GaugeVec
	consumed, burn, covers *prometheus.GaugeVec
}

// identity is what an objective counts: when it changes, the counts begin anew.
type identity struct {
	name, probe, flow, service, sli string
	threshold                       time.Duration
}

func identityOf(o Objective) identity {
	return identity{o.Name, o.Probe, string(o.Flow), o.Service, o.SLI, o.Threshold}
}

func newObjective(catalogue map[string]Description, o Objective) *objective {
	k := newMaker(catalogue, prometheus.Labels{labelSLO: o.Name, labelFlow: string(o.Flow), labelService: o.Service})
	return &objective{
		registry: k.registry, is: identityOf(o),
		events: k.counter(sloEvents), bad: k.counter(sloBad),
		target: k.gauge(sloObjective), window: k.gauge(sloWindow), info: k.gauges(sloInfo),
		threshold: k.gauges(sloThreshold), interval: k.gauges(sloInterval),
		sli: k.gauges(sloSLI), remaining: k.gauges(sloRemaining), consumed: k.gauges(sloConsumed),
		burn: k.gauges(sloBurn), covers: k.gauges(sloCoverage),
	}
}

// apply shows what the configuration says.
func (s *objective) apply(o Objective) {
	s.target.Set(o.Target)
	s.window.Set(o.Window.Seconds())
	s.info.Reset()
	s.info.WithLabelValues(o.Probe, o.Role).Set(1)
	known(s.threshold, positive(o.Threshold))
	known(s.interval, positive(o.Interval))
}

func (s *objective) budget(b Budget) {
	known(s.sli, b.SLI)
	known(s.remaining, b.Remaining)
	known(s.consumed, b.Consumed)
	known(s.covers, b.Coverage)
	for _, w := range Windows() {
		if rate, ok := b.Burn[w]; ok {
			known(s.burn, &rate, w)
		} else {
			known(s.burn, nil, w)
		}
	}
}

// known sets a gauge, or takes its series away when the value is not known.
func known(vec *prometheus.GaugeVec, value *float64, labels ...string) {
	if value == nil || math.IsNaN(*value) || math.IsInf(*value, 0) {
		vec.DeleteLabelValues(labels...)
		return
	}
	vec.WithLabelValues(labels...).Set(*value)
}

func positive(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	return new(d.Seconds())
}
