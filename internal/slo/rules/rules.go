// Package rules writes Prometheus recording and alerting rules for exactly the
// probes and objectives of a configuration.
//
// It knows PromQL, the names of the prober's metrics and the platform's
// conventions for alerts. It must not know how an event comes to be counted, and it
// does no I/O: what it returns is the same, byte for byte, for the same
// configuration.
package rules

import (
	"path"

	"github.com/dark-tower/prober/internal/config"
)

//go:generate go run ../../../cmd/prober rules prometheus --config ../../../probes.yaml --output ../../../deploy/prometheus/synthetic-alerts.yaml

// DefaultRunbooks is the folder, relative to the root of the platform's repository,
// that holds the runbooks which alerts point to.
const DefaultRunbooks = "docs/runbooks"

// Options are what the configuration does not say.
type Options struct {
	// Runbooks is the folder that runbook_url begins with; empty: DefaultRunbooks.
	Runbooks string
}

// Generate returns the rule file for a configuration, as YAML. Objectives that only
// inform, and those of paused or informational probes, are recorded and alert nobody.
func Generate(cfg *config.Config, o Options) ([]byte, error) {
	if o.Runbooks == "" {
		o.Runbooks = DefaultRunbooks
	}
	return encode(groups(cfg, o))
}

// groups lists every group in the order in which it is written: what is recorded,
// then what is alerted on.
func groups(cfg *config.Config, o Options) []Group {
	w := watch(cfg)
	a := &alerts{runbook: path.Join(o.Runbooks, responseBook), rules: make(map[severity][]Rule)}
	down(a, w)
	for _, b := range burns() {
		b.add(a, w.judged)
	}
	mostlyBad(a, w.judged)
	exhausted(a, w.judged)
	certificates(a, w)
	blind(a, w)
	outdated(a, w)
	unable(a, w)
	own(a, w)
	return append(recordings(w.objectives), a.groups()...)
}
