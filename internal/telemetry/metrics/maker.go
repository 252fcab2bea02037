package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// maker makes vectors as the catalogue describes them, in a registry whose series
// all carry some of the labels.
type maker struct {
	registry  *prometheus.Registry
	wrapped   prometheus.Registerer
	catalogue map[string]Description // by the name without the prefix
	bound     prometheus.Labels
}

func newMaker(catalogue map[string]Description, bound prometheus.Labels) maker {
	r := prometheus.NewRegistry()
	return maker{registry: r, wrapped: prometheus.WrapRegistererWith(bound, r), catalogue: catalogue, bound: bound}
}

// free are the labels that are not bound, in the order of the catalogue.
func (k maker) free(d Description) []string {
	return slices.DeleteFunc(slices.Clone(d.Labels), func(l string) bool { _, bound := k.bound[l]; return bound })
}

func (k maker) counters(name string) *prometheus.CounterVec {
	d := k.catalogue[name]
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, k.free(d))
	k.wrapped.MustRegister(v)
	return v
}

func (k maker) gauges(name string) *prometheus.GaugeVec {
	d := k.catalogue[name]
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, k.free(d))
	k.wrapped.MustRegister(v)
	return v
}

func (k maker) histograms(name string, edges []float64) *prometheus.HistogramVec {
	d := k.catalogue[name]
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: edges}, k.free(d))
	k.wrapped.MustRegister(v)
	return v
}

func (k maker) counter(name string) prometheus.Counter { return k.counters(name).WithLabelValues() }
func (k maker) gauge(name string) prometheus.Gauge     { return k.gauges(name).WithLabelValues() }

// countersBy creates one series for each value of the one free label.
func countersBy[T ~string](k maker, name string, values []T) map[T]prometheus.Counter {
	vec, out := k.counters(name), make(map[T]prometheus.Counter, len(values))
	for _, v := range values {
		out[v] = vec.WithLabelValues(string(v))
	}
	return out
}
