package metrics

// When a probe runs, and whether it does.
const (
	since               = "scheduled_since_timestamp_seconds"
	lastRun             = "last_run_timestamp_seconds"
	lastSuccess         = "last_success_timestamp_seconds"
	consecutiveFailures = "consecutive_failures"
	interval            = "interval_seconds"
	runsInFlight        = "runs_in_flight"
	runsSkipped         = "runs_skipped_total"
	startDelay          = "start_delay_seconds"
	backoffInterval     = "backoff_interval_seconds"
)

func scheduleFamilies() []Description {
	return []Description{
		{since, Gauge, labels(labelProbe), "seconds",
			"When the probe was taken into the schedule of this process, in seconds since 1970: what stands in for a run before there was any.",
			`time() - dt_synthetic_scheduled_since_timestamp_seconds`},
		{lastRun, Gauge, labels(labelProbe), "seconds",
			"When the latest scheduled run was judged, in seconds since 1970, whatever its outcome; 0 before the first one.",
			`time() - (dt_synthetic_last_run_timestamp_seconds > 0 or dt_synthetic_scheduled_since_timestamp_seconds) > 5 * dt_synthetic_interval_seconds`},
		{lastSuccess, Gauge, labels(labelProbe), "seconds",
			"When the latest successful scheduled run was judged, in seconds since 1970; 0 before the first one.",
			`time() - (dt_synthetic_last_success_timestamp_seconds > 0 or dt_synthetic_scheduled_since_timestamp_seconds)`},
		{consecutiveFailures, Gauge, labels(labelProbe), "runs",
			"Scheduled runs that failed since the latest success. Inconclusive and aborted runs leave it as it is.",
			`dt_synthetic_consecutive_failures >= 3`},
		{interval, Gauge, labels(labelProbe), "seconds",
			"Configured time between the starts of two scheduled runs.",
			`sum by (probe) (increase(dt_synthetic_runs_total{trigger="schedule"}[1h])) < 0.8 * 3600 / dt_synthetic_interval_seconds`},
		{runsInFlight, Gauge, labels(labelProbe), "runs",
			"Scheduled runs under way.",
			`sum(dt_synthetic_runs_in_flight)`},
		{runsSkipped, Counter, labels(labelProbe, labelReason), "runs",
			"Runs that were due and not started: overlap (the last one was still under way), unavailable (backing off after a 503), throttled (after a 429), saturated (the budget was taken), resting (no lane had rested), paused, late (the prober woke up when the next one was due already).",
			`sum by (probe, reason) (increase(dt_synthetic_runs_skipped_total{reason!="paused"}[1h])) > 0`},
		{startDelay, Histogram, labels(labelProbe), "seconds",
			"How late scheduled runs started: the prober's own lateness.",
			`histogram_quantile(0.99, sum by (le) (rate(dt_synthetic_start_delay_seconds_bucket[15m])))`},
		{backoffInterval, Gauge, labels(labelProbe), "seconds",
			"Time between runs while the probe leaves the platform alone after a 429 or 503; 0 when it runs at its own interval.",
			`dt_synthetic_backoff_interval_seconds > 0`},
	}
}
