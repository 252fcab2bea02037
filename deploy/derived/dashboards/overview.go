package dashboards

import "github.com/dark-tower/prober/flows"

// overview answers: does it work, how long does it take, whose fault is it when not,
// and is the prober itself well.
func overview() dashboard {
	return board("synthetic-overview", "Synthetic Overview",
		"What fake participants meet when they sign in, join, talk and come back: does it work, how long does each part take, and whose fault is it when it does not.",
		variables(probeVariable()),
		row{title: "Health", panels: health()},
		row{title: "Requests", panels: runs()},
		row{title: "Errors", panels: failures()},
		row{title: "Latency", panels: latencies()},
		row{title: "Resources: the prober itself", panels: self()},
		row{title: "Certificates and traces", panels: platform()},
		row{title: "By location", panels: locations()},
	)
}

func health() []panel {
	firing := `count(ALERTS{service="synthetic-prober",alertstate="firing",severity=~"page|warning"})`
	return []panel{
		stat("Probers", "Probers that Prometheus reaches. No data: nobody is measuring.", count,
			levels(bad, level{good, 1}), q{"count(" + selHere("build_info") + ")", ""}),
		stat("Probes failing", "Probes whose last judged run failed. One is a blip; three failures in a row are an outage.", count,
			levels(good, level{odd, 1}), q{"sum(" + sel("consecutive_failures") + " > bool 0)", ""}),
		stat("Runs that succeeded", "Share of the judged runs in the time shown. Runs that could not be judged are left out.", share,
			levels(bad, level{odd, 0.99}, level{good, 0.999}), q{ratio("", sel("runs_total", `trigger="schedule"`, `outcome="success"`), sel("runs_total", judged), span), ""}),
		stat("Not judged", "Runs in the time shown that say nothing: the prober was late, its network was down, a lane was taken. Many of them hide an outage.", count,
			levels(good, level{odd, 1}, level{bad, 10}), q{all(sel("runs_total", `trigger="schedule"`, `outcome="inconclusive"`)), ""}),
		stat("Time to media, p95", "From asking GC to join until the first frame of somebody else is accepted, over the time shown.", seconds,
			levels(good, level{odd, 2}, level{bad, 5}), q{"histogram_quantile(0.95, sum by (le) (rate(" + sel("time_to_media_seconds_bucket") + "[$__range])))", ""}),
		stat("Alerts firing", "Pages and warnings of the synthetic prober. No data: its rules are not loaded.", count,
			levels(good, level{bad, 1}), q{firing + " or 0 * max(slo:objective:ratio)", ""}),
		stat("Runs skipped", "Runs in the time shown that were due and did not start, pauses left out.", count,
			levels(good, level{odd, 1}, level{bad, 10}), q{all(sel("runs_skipped_total", `reason!="paused"`)), ""}),
		stat("Certificate ends in", "Time until the first certificate of MC or MH expires, as probes meet them.", seconds,
			levels(bad, level{odd, 24 * 3600}, level{good, 48 * 3600}), q{"min(" + selHere("certificate_expiry_timestamp_seconds") + ") - time()", ""}),
		timeline("State of each probe", "Failures in a row: none (green), one or two (yellow), three or more (red). Gaps: nobody measured.",
			levels(good, level{odd, 1}, level{bad, 3}), q{"max by (probe) (" + sel("consecutive_failures") + ")", "{{probe}}"}),
		table("Probes", "Each probe now. A latest run that is older than five intervals means that it does not run.", "probe",
			column{"failures in a row", count, "max by (probe) (" + sel("consecutive_failures") + ")", levels(good, level{odd, 1}, level{bad, 3})},
			column{"since the latest run", seconds, "time() - max by (probe) (" + sel("last_run_timestamp_seconds") + " > 0)", nil},
			column{"since the latest success", seconds, "time() - max by (probe) (" + sel("last_success_timestamp_seconds") + " > 0)", nil},
			column{"interval", seconds, "max by (probe) (" + sel("interval_seconds") + ")", nil},
			column{"backing off", seconds, "max by (probe) (" + sel("backoff_interval_seconds") + ")", levels(dim, level{odd, 1})},
		),
	}
}

func runs() []panel {
	return []panel{
		bars("Runs by outcome", "Scheduled runs. Failure is evidence against the platform; inconclusive says nothing about it; aborted was shut down.", count,
			q{rise("outcome", sel("runs_total", `trigger="schedule"`)), "{{outcome}}"}),
		bars("Runs by probe", "Scheduled runs that were judged.", count, q{rise("probe", sel("runs_total", judged)), "{{probe}}"}),
		bars("Runs that were due and did not start", "By reason: the last one was still under way, the platform asked for a pause, the budget was taken, no lane had rested. On a good day there is nothing.", count,
			counted("probe, reason", "{{probe}} {{reason}}", sel("runs_skipped_total", `reason!="paused"`), sel("runs_total", `trigger="schedule"`))...),
		lines("Runs under way", "Scheduled runs at this moment.", count, q{"sum by (probe) (" + sel("runs_in_flight") + ")", "{{probe}}"}),
	}
}

func failures() []panel {
	theirs := `hop!="prober"`
	return []panel{
		bars("Failures by hop", "Runs that failed or were throttled, by who owns what ended them.", count, q{rise("hop", sel("failures_total", theirs)), "{{hop}}"}),
		bars("Failures by step and reason", "The same runs, by where they ended and why. On a good day there is nothing.", count,
			counted("step, reason", "{{step}} {{reason}}", sel("failures_total", theirs), sel("runs_total", judged))...),
		lines("Runs that succeeded", "Share of the judged runs.", share,
			q{ratio("probe", sel("runs_total", `trigger="schedule"`, `outcome="success"`), sel("runs_total", judged), step), "{{probe}}"}).rare(),
		bars("Not the platform's fault", "Runs that the prober itself spoilt, by cause. Those that it could not judge are in no objective; of others, with lag or drops, the spoilt samples are left out.", count,
			q{rise("cause", sel("self_tainted_runs_total")), "{{cause}}"}),
	}
}

func latencies() []panel {
	media := sel("time_to_media_seconds_bucket")
	return []panel{
		lines("Time to media", "From asking GC to join until the first frame of somebody else is accepted, of successful runs. Points are runs; they lead to their traces.", seconds,
			quantiles("", buckets(media, ""))...).limits(levels("transparent", level{odd, 2}, level{bad, 5})).withExemplars(),
		heat("Time to media, every run", "The same, as a distribution.", "sum by (le) (increase("+media+"[$__rate_interval]))"),
		layers("Joining: what the time goes into", "Time in each step for each join, one on top of the other. Nearly no join signs in: tokens are kept. gc_assign is how whoever is first gets in, gc_join the second.", seconds,
			waterfall(flows.Join)...),
		lines("Joining: steps, p95", "95th percentile of each step of a join.", seconds,
			q{"histogram_quantile(0.95, " + buckets(sel("step_duration_seconds_bucket", `flow="join"`), "step") + ")", "{{step}}"}).rare().withExemplars(),
		layers("Connecting: phases of a dial", "Mean of each part of a connection to MC and MH: name resolution, socket, QUIC handshake, settings, CONNECT.", seconds,
			q{phases(`flow="join",step=~"mc_connect|mh_connect"`), "{{step}} {{phase}}"}),
		layers("Asking: phases of a request", "Mean of each part of a request to AC and GC: name resolution, connecting, TLS, first byte, body.", seconds,
			q{phases(`flow="join",step=~"sign_in|gc_assign|gc_join"`), "{{step}} {{phase}}"}).rare(),
		lines("Time to restore, p95", "From the cut until both hear each other again, of successful runs, by how the connection was lost.", seconds,
			q{"histogram_quantile(0.95, " + buckets(sel("time_to_restore_seconds_bucket"), "disconnect") + ")", "{{disconnect}}"}).limits(levels("transparent", level{odd, 5})).rare().withExemplars(),
		heat("Time to restore, every run", "The same, as a distribution.", "sum by (le) (increase("+sel("time_to_restore_seconds_bucket")+"[$__rate_interval]))"),
		lines("Whole runs, p95", "From the start of a run until it was judged.", seconds,
			q{"histogram_quantile(0.95, " + buckets(sel("run_duration_seconds_bucket", `outcome="success"`), "probe") + ")", "{{probe}}"}).rare(),
		lines("Signing in", "An answer of AC to a password.", seconds,
			quantiles("", buckets(sel("step_duration_seconds_bucket", `step="sign_in"`), ""))...).limits(levels("transparent", level{odd, 0.35})).rare().withExemplars(),
	}
}

// waterfall is the time in each step of a flow, by runs and not by how often the step was
// done: only so do the parts add up. They are in the order in which a person meets them.
func waterfall(f flows.Flow) []q {
	flow := `flow="` + string(f) + `"`
	runs := sel("run_duration_seconds_count", flow, `outcome=~"success|failure"`)
	var all []q
	for _, s := range flows.StepsOf(f) {
		all = append(all, q{ratio("", sel("step_duration_seconds_sum", flow, `step="`+string(s)+`"`), runs, step), string(s)})
	}
	return all
}

// phases divides by how often the step was done, and not by how often it had the
// phase: together they are the mean of the step.
func phases(which string) string {
	return "sum by (step, phase) (rate(" + selHere("step_phase_duration_seconds_sum", which) + "[$__rate_interval]))" +
		" / on (step) group_left () (sum by (step) (rate(" + sel("step_duration_seconds_count", which) + "[$__rate_interval])) > 0)"
}
