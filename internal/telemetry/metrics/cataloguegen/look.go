package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// family is what the series of one metric show, seen with one probe of each flow.
type family struct {
	of     owner
	count  map[flows.Flow]int // label combinations with a probe of this flow alone
	values map[string]map[string]bool
	edges  []string
}

// owner is what a metric has series for each of.
type owner string

const (
	eachProbe     owner = "probe"
	eachFlow      owner = "flow"
	eachObjective owner = "objective"
	process       owner = ""
)

// look exposes one probe of each flow after the other, and sees what there is.
func look() (map[string]*family, error) {
	families := make(map[string]*family)
	for _, f := range flows.Flows() {
		disconnects := []flows.Disconnect{""}
		if f == flows.Reconnect {
			disconnects = flows.Disconnects()
		}
		for _, d := range disconnects {
			if err := lookAt(families, f, d); err != nil {
				return nil, err
			}
		}
	}
	return families, nil
}

func lookAt(families map[string]*family, f flows.Flow, d flows.Disconnect) error {
	m := metrics.New(metrics.Build{Version: "v", Revision: "r"})
	var objectives []metrics.Objective
	for _, role := range []string{"page", "warn", "inform"} {
		objectives = append(objectives, metrics.Objective{Name: role, Probe: "p", Flow: f, Service: "platform", Role: role, Interval: time.Minute, Threshold: 2 * time.Second})
	}
	m.Apply([]metrics.Probe{{Name: "p", Flow: f, Disconnect: d, Objectives: objectives}})
	burn := make(map[string]float64)
	for _, w := range metrics.Windows() {
		burn[w] = 1
	}
	for _, o := range objectives {
		m.SetBudget(o.Name, metrics.Budget{SLI: new(1.), Consumed: new(0.), Remaining: new(1.), Coverage: new(1.), Burn: burn})
	}
	if f != flows.SignIn {
		m.Observe(flows.Run{Probe: "p", Flow: f, Trigger: flows.Scheduled, Outcome: flows.Success, Connections: []flows.Connection{
			{Hop: flows.MC, CertificateUntil: time.Unix(1, 0)}, {Hop: flows.MH, CertificateUntil: time.Unix(1, 0)}}}, false)
	}
	gathered, err := m.Gatherer().Gather()
	if err != nil {
		return err
	}
	for _, g := range gathered {
		if !strings.HasPrefix(g.GetName(), metrics.Prefix) {
			continue
		}
		fam := families[g.GetName()]
		if fam == nil {
			fam = &family{count: make(map[flows.Flow]int), values: make(map[string]map[string]bool)}
			families[g.GetName()] = fam
		}
		labels := make(map[string]bool)
		for _, s := range g.Metric {
			for _, l := range s.Label {
				labels[l.GetName()] = true
				if fam.values[l.GetName()] == nil {
					fam.values[l.GetName()] = make(map[string]bool)
				}
				fam.values[l.GetName()][l.GetValue()] = true
			}
			fam.edges = nil
			for _, b := range s.GetHistogram().GetBucket() {
				fam.edges = append(fam.edges, number(b.GetUpperBound()))
			}
		}
		fam.count[f] = len(g.Metric)
		switch {
		case labels["slo"]:
			fam.of, fam.count[f] = eachObjective, len(g.Metric)/len(objectives)
		case labels["probe"]:
			fam.of = eachProbe
		case labels["flow"]:
			fam.of = eachFlow
		}
	}
	return nil
}

// cardinality says how many label combinations the metric has.
func (f *family) cardinality() string {
	var parts []string
	for _, flow := range flows.Flows() {
		if n, ok := f.count[flow]; ok {
			parts = append(parts, fmt.Sprintf("%d", n))
		}
	}
	same := len(slices.Compact(slices.Clone(parts))) == 1
	switch {
	case f.of == process:
		return parts[0]
	case f.of == eachObjective:
		return parts[0] + " for each objective"
	case same && len(parts) == len(flows.Flows()):
		return parts[0] + " for each " + string(f.of)
	}
	parts = nil
	for _, flow := range flows.Flows() {
		if n, ok := f.count[flow]; ok {
			parts = append(parts, fmt.Sprintf("%d of flow `%s`", n, flow))
		}
	}
	if f.of == eachFlow {
		return strings.ReplaceAll(strings.Join(parts, ", "), " of flow ", " for flow ")
	}
	return "for each probe: " + strings.Join(parts, ", ")
}
