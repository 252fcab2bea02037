package metrics

// Objectives: what the rules are computed from, and what the daemon computes itself.
const (
	sloInfo      = "slo_info"
	sloEvents    = "slo_events_total"
	sloBad       = "slo_bad_events_total"
	sloObjective = "slo_objective_ratio"
	sloThreshold = "slo_threshold_seconds"
	sloInterval  = "slo_interval_seconds"
	sloWindow    = "slo_window_seconds"
	sloSLI       = "slo_sli_ratio"
	sloRemaining = "slo_error_budget_remaining_ratio"
	sloConsumed  = "slo_error_budget_consumed_ratio"
	sloBurn      = "slo_burn_rate"
	sloCoverage  = "slo_coverage_ratio"
)

func objectiveFamilies() []Description {
	return []Description{
		{sloInfo, Gauge, labels(labelSLO, labelFlow, labelService, labelProbe, labelRole), "objectives",
			"1 for each objective: the probe whose runs are held to it, and what happens when its budget burns (role page, warn or inform). Rules select by and on (slo).",
			`dt_synthetic_slo_burn_rate{window="1h"} > 14.4 and on (slo) dt_synthetic_slo_info{role="page"}`},
		{sloEvents, Counter, labels(labelSLO, labelFlow, labelService), "events",
			"Events that count for the objective: runs, or frames, as its SLI says. Inconclusive and aborted runs, and runs started by hand, are none.",
			`sum by (slo) (increase(dt_synthetic_slo_events_total[1h]))`},
		{sloBad, Counter, labels(labelSLO, labelFlow, labelService), "events",
			"Events that were bad. What failed was also too slow: the threshold of a latency objective is in here already, and no rule needs a bucket.",
			`sum by (slo, flow, service) (rate(dt_synthetic_slo_bad_events_total[1h])) / (sum by (slo, flow, service) (rate(dt_synthetic_slo_events_total[1h])) > 0)`},
		{sloObjective, Gauge, labels(labelSLO, labelFlow, labelService), "ratio",
			"Target: the share of events that must be good, 0 to 1.",
			`1 - max by (slo, flow, service) (dt_synthetic_slo_objective_ratio)`},
		{sloThreshold, Gauge, labels(labelSLO, labelFlow, labelService), "seconds",
			"Up to which duration an event is good. Absent where the SLI is no duration.",
			`max by (slo) (dt_synthetic_slo_threshold_seconds)`},
		{sloInterval, Gauge, labels(labelSLO, labelFlow, labelService), "seconds",
			"Expected time between two events of the objective. Absent where it is not known.",
			`sum by (slo) (increase(dt_synthetic_slo_events_total[1h])) < 0.8 * 3600 / max by (slo) (dt_synthetic_slo_interval_seconds)`},
		{sloWindow, Gauge, labels(labelSLO, labelFlow, labelService), "seconds",
			"Window over which the target holds.",
			`max by (slo) (dt_synthetic_slo_window_seconds) / 86400`},
		{sloSLI, Gauge, labels(labelSLO, labelFlow, labelService), "ratio",
			"Share of good events over the objective's window, as far as this process remembers it. Absent while there was no event.",
			`dt_synthetic_slo_sli_ratio < dt_synthetic_slo_objective_ratio`},
		{sloRemaining, Gauge, labels(labelSLO, labelFlow, labelService), "ratio",
			"Error budget of the window that is left: 1 is all of it, below 0 is overspent. Absent while it is not known.",
			`dt_synthetic_slo_error_budget_remaining_ratio < 0.25`},
		{sloConsumed, Gauge, labels(labelSLO, labelFlow, labelService), "ratio",
			"Error budget of the window that is used up: bad events by those allowed in a full window. Absent while it is not known.",
			`dt_synthetic_slo_error_budget_consumed_ratio > 1`},
		{sloBurn, Gauge, labels(labelSLO, labelFlow, labelService, labelWindow), "ratio",
			"Bad share of the events in the latest 5m, 30m, 1h, 6h, 1d or 3d, by the budget: above 1 is faster than sustainable. Absent where the window has no event.",
			`dt_synthetic_slo_burn_rate{window="1h"} > 14.4 and ignoring (window) dt_synthetic_slo_burn_rate{window="5m"} > 14.4`},
		{sloCoverage, Gauge, labels(labelSLO, labelFlow, labelService), "ratio",
			"Share of the window that was measured: events seen by events expected. Time that was not measured is not uptime.",
			`dt_synthetic_slo_coverage_ratio < 0.8`},
	}
}
