package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dark-tower/prober/flows"
)

// The prober's metrics that rules are made of.
const (
	buildInfo           = "dt_synthetic_build_info"
	runsTotal           = "dt_synthetic_runs_total"
	runsSkipped         = "dt_synthetic_runs_skipped_total"
	lastRun             = "dt_synthetic_last_run_timestamp_seconds"
	consecutiveFailures = "dt_synthetic_consecutive_failures"
	probeInterval       = "dt_synthetic_interval_seconds"
	eventsTotal         = "dt_synthetic_slo_events_total"
	badEventsTotal      = "dt_synthetic_slo_bad_events_total"
	objectiveRatio      = "dt_synthetic_slo_objective_ratio"
	certificateExpiry   = "dt_synthetic_certificate_expiry_timestamp_seconds"
	reloadSuccessful    = "dt_synthetic_config_last_reload_successful"
	scheduledSince      = "dt_synthetic_scheduled_since_timestamp_seconds"
	backoffInterval     = "dt_synthetic_backoff_interval_seconds"
	selfDropped         = "dt_synthetic_self_dropped_total"
	selfTainted         = "dt_synthetic_self_tainted_runs_total"
)

// The series that the rules record. Windows are part of the name, as Prometheus's
// own practice has it.
const (
	objective      = "slo:objective:ratio"                     // target
	errorBudget    = "slo:error_budget:ratio"                  // 1 - target
	eventsPerRun   = "slo:events_per_run:count"                // how many events a good run has, at least 1
	expectedEvents = "slo:expected_events:increase1h"          // how many events an hour should have
	events         = "slo:events:increase"                     // + window
	badEvents      = "slo:bad_events:increase"                 // + window
	badRuns        = "slo:bad_runs:increase"                   // + window; bad events in whole runs
	errorRatio     = "slo:sli_error:ratio_rate"                // + window; share of events that were bad
	burnRate       = "slo:burn_rate:ratio_rate"                // + window; that share over the budgeted one
	coverage       = "slo:coverage:ratio_rate1h"               // events over expected ones
	remaining      = "slo:period_error_budget_remaining:ratio" // of the objective's window
	identity       = "slo, flow, service"                      // what the prober says of an objective
	service        = "synthetic-prober"                        // the label of every alert
	alertPrefix    = "Synthetic"                               // of every alert's name
	responseBook   = "synthetic-prober-incident-response.md"   // runbook that alerts point to
)

// Severity is the platform's: whom an alert reaches.
type severity string

// The severities.
const (
	page    severity = "page"    // somebody is woken
	warning severity = "warning" // somebody looks at it in working hours
	info    severity = "info"    // shown where alerts are listed
)

// speech is how alerts speak of a flow.
type speech struct {
	title     string // in the alert's name
	component string // the label
	down      string // the flow never works: impact
	degraded  string // it works for some: impact
	anchor    string // of its outage in the runbook
}

func speechOf(f flows.Flow) speech {
	switch f {
	case flows.Join:
		return speech{"Join", "join", "People who open a meeting link do not get in, or hear nothing once they are in.",
			"Some people who open a meeting link do not get in, or wait too long until they hear somebody.", "join-down"}
	case flows.Media:
		return speech{"Media", "media", "People who are in a meeting do not hear each other.",
			"Some people who are in a meeting hear each other late, with gaps, or not at all.", "media-down"}
	case flows.Reconnect:
		return speech{"Reconnect", "reconnect", "People who lose their connection do not come back into their meeting.",
			"Some people who lose their connection come back late, or not at all.", "reconnect-down"}
	}
	return speech{"SignIn", "auth", "People cannot sign in.", "Some people cannot sign in, or wait too long for it.", "sign-in-down"}
}

// match is a label matcher for exactly these values.
func match(label string, values ...string) string {
	if len(values) == 1 {
		return fmt.Sprintf("{%s=%q}", label, values[0])
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return fmt.Sprintf("{%s=~%q}", label, strings.Join(values, "|"))
}

// lines joins the lines of an expression.
func lines(s ...string) string { return strings.Join(s, "\n") }

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
