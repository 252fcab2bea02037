package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// metricsFile is the list of the metrics that the prober registers, derived from its
// code.
const metricsFile = "deploy/metrics.json"

// series is what an expression may select.
type series struct {
	labels []string            // nil: not known
	values map[string][]string // of labels that have a closed set of them
	kind   string              // counter, gauge, histogram; empty: not known
}

// catalogue knows what expressions may be about, by the name of the series.
type catalogue map[string]series

// foreign are series that others register: Prometheus itself, and the Go client
// library in every process.
var foreign = []string{
	"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "prometheus_tsdb_retention_limit_seconds", "prometheus_tsdb_lowest_timestamp_seconds",
	"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds",
	"process_open_fds", "process_max_fds", "go_goroutines", "go_memstats_heap_inuse_bytes", "go_memstats_heap_alloc_bytes",
	"go_gc_duration_seconds", "go_gc_duration_seconds_sum", "go_gc_duration_seconds_count",
}

// targetLabels are those that the scrape gives every series.
var targetLabels = []string{"job", "instance", "namespace", "pod", "location", "environment"}

func newCatalogue(r repository) (catalogue, error) {
	content, err := r.read(metricsFile)
	if err != nil {
		return nil, err
	}
	var metrics []struct {
		Name   string   `json:"name"`
		Type   string   `json:"type"`
		Labels []string `json:"labels"`
	}
	if err := json.Unmarshal(content, &metrics); err != nil {
		return nil, fmt.Errorf("%s: %w", metricsFile, err)
	}
	values, err := labelValues(r)
	if err != nil {
		return nil, err
	}
	c := make(catalogue)
	for _, m := range metrics {
		all := slices.Concat(m.Labels, targetLabels)
		switch m.Type {
		case "histogram":
			c[m.Name+"_bucket"] = series{labels: append(all, "le"), values: values[m.Name], kind: "counter"}
			c[m.Name+"_sum"] = series{labels: all, values: values[m.Name], kind: "counter"}
			c[m.Name+"_count"] = series{labels: all, values: values[m.Name], kind: "counter"}
		case "counter", "gauge":
			c[m.Name] = series{labels: all, values: values[m.Name], kind: m.Type}
		default:
			return nil, fmt.Errorf("%s: %s has the type %q", metricsFile, m.Name, m.Type)
		}
	}
	for _, name := range foreign {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") {
			kind = "counter"
		}
		c[name] = series{kind: kind}
	}
	return c, nil
}

// record adds what a rule records.
func (c catalogue) record(name string, labels []string) {
	known := c[name]
	for _, l := range slices.Concat(labels, targetLabels) {
		if !slices.Contains(known.labels, l) {
			known.labels = append(known.labels, l)
		}
	}
	known.kind = "gauge"
	c[name] = known
}

// didYouMean names the most similar series.
func (c catalogue) didYouMean(name string) string {
	best, length := "", 0
	for known := range c {
		n := common(name, known)
		if n > length || n == length && known < best {
			best, length = known, n
		}
	}
	if length < len(name)/2 {
		return ""
	}
	return "; did you mean " + best + "?"
}

// common counts the bytes that two names begin and end with alike.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	m := 0
	for m < min(len(a), len(b))-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return n + m
}
