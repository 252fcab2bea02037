package metrics

// What runs and their steps show.
const (
	runsTotal          = "runs_total"
	runDuration        = "run_duration_seconds"
	failuresTotal      = "failures_total"
	stepDuration       = "step_duration_seconds"
	stepPhaseDuration  = "step_phase_duration_seconds"
	timeToMedia        = "time_to_media_seconds"
	timeToRestore      = "time_to_restore_seconds"
	traceContinuity    = "trace_continuity_total"
	leavesTotal        = "leaves_total"
	certificateExpires = "certificate_expiry_timestamp_seconds"
)

func runFamilies() []Description {
	return []Description{
		{runsTotal, Counter, labels(labelProbe, labelFlow, labelOutcome, labelTrigger), "runs",
			"Finished runs. Trigger schedule is the daemon's own cadence; runs started by hand are trigger check and move no other series than this one.",
			`sum by (probe) (increase(dt_synthetic_runs_total{trigger="schedule",outcome="failure"}[1h]))`},
		{runDuration, Histogram, labels(labelProbe, labelFlow, labelOutcome), "seconds",
			"Scheduled runs from their start until they were judged, teardown not included, by outcome.",
			`histogram_quantile(0.95, sum by (le, probe) (rate(dt_synthetic_run_duration_seconds_bucket{outcome="success"}[1h])))`},
		{failuresTotal, Counter, labels(labelProbe, labelFlow, labelStep, labelHop, labelReason), "runs",
			"Scheduled runs that failed or were inconclusive, by what ended them: one for each run. Hop prober and reason throttled mean inconclusive; step none is outside of any step. Aborted runs are nobody's failure and not here.",
			`topk(5, sum by (hop, step, reason) (increase(dt_synthetic_failures_total{hop!="prober"}[1h])))`},
		{stepDuration, Histogram, labels(labelProbe, labelFlow, labelStep), "seconds",
			"Measured steps that were done: the measured person's, and anybody's gc_assign; dials after a cut are under the same names. From runs of every outcome but those that the prober itself made inconclusive. A step that failed has no duration.",
			`histogram_quantile(0.99, sum by (le, step) (rate(dt_synthetic_step_duration_seconds_bucket{flow="join"}[1h])))`},
		{stepPhaseDuration, Histogram, labels(labelFlow, labelStep, labelPhase), "seconds",
			"Parts of the steps in step_duration_seconds: name resolution, connecting, TLS, first byte and body over HTTP; name resolution, socket, QUIC handshake, HTTP/3 settings and CONNECT to MC and MH; rest is what no other part accounts for. A part that did not happen is not observed.",
			`sum by (step, phase) (rate(dt_synthetic_step_phase_duration_seconds_sum[15m])) / ignoring (phase) group_left () sum by (step) (rate(dt_synthetic_step_duration_seconds_count[15m]))`},
		{timeToMedia, Histogram, labels(labelProbe), "seconds",
			"From asking GC to join until the first frame of somebody else was accepted, of successful runs. A failed run is in no bucket: rules count it in slo_bad_events_total.",
			`histogram_quantile(0.95, sum by (le) (rate(dt_synthetic_time_to_media_seconds_bucket[1h])))`},
		{timeToRestore, Histogram, labels(labelProbe, labelDisconnect), "seconds",
			"From the cut until both sides heard each other again, of successful runs, by how the connection was lost. A failed run is in no bucket: rules count it in slo_bad_events_total.",
			`histogram_quantile(0.95, sum by (le, disconnect) (rate(dt_synthetic_time_to_restore_seconds_bucket[6h])))`},
		{traceContinuity, Counter, labels(labelHop, labelResult), "answers",
			"Answers to requests that carried a trace, by what the hop did with it: answered in the same trace (continued), in one of its own that our span links to (linked), without any (absent), or with something that is none (broken).",
			`sum by (hop, result) (increase(dt_synthetic_trace_continuity_total[1d]))`},
		{leavesTotal, Counter, labels(labelProbe, labelResult), "people",
			"People who left at the end of a run: clean when every connection was closed in order, unclean when the platform will hold them until they time out.",
			`sum by (probe) (increase(dt_synthetic_leaves_total{result="unclean"}[1h])) > 0`},
		{certificateExpires, Gauge, labels(labelService), "seconds",
			"When the certificate of MC (mc-service) or MH (mh-service) that expires first ends, in seconds since 1970, among those that the latest run met. Absent until one was met: 0 would read as expired.",
			`dt_synthetic_certificate_expiry_timestamp_seconds - time() < 48 * 3600`},
	}
}
