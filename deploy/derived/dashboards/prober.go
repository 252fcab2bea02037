package dashboards

// memoryLimit is the Deployment's, in bytes.
const memoryLimit = 256 << 20

// self shows what the prober knows of itself. When it is not well, nothing else on the
// board is to be believed.
func self() []panel {
	mine := " and on (job, instance) " + selHere("build_info")
	return []panel{
		stat("Late starts, p99", "How late runs start.", seconds, levels(good, level{odd, 0.1}, level{bad, 1}),
			q{"histogram_quantile(0.99, sum by (le) (rate(" + sel("start_delay_seconds_bucket") + "[$__range])))", ""}),
		stat("Tainted runs", "Runs in the time shown during which the prober was late or dropped something, or that it could not judge.", count,
			levels(good, level{odd, 1}), q{all(sel("self_tainted_runs_total")), ""}),
		stat("Dropped", "What the prober lost of its own in the time shown: datagrams, records, spans, observations.", count,
			levels(good, level{odd, 1}), q{all(selHere("self_dropped_total")), ""}),
		stat("Configuration", "1: the latest attempt to load it was successful. 0: it was refused, and the one before is in force.", count,
			levels(bad, level{good, 1}), q{"min(" + selHere("config_last_reload_successful") + ")", ""}),
		lines("Lateness of the prober", "Worst lateness of its own clock during a run, p99 and p50. Above 5 ms latencies are tainted: give it a CPU.", seconds,
			q{"histogram_quantile(0.99, " + buckets(selHere("self_lag_seconds_bucket"), "") + ")", "p99"},
			q{"histogram_quantile(0.50, " + buckets(selHere("self_lag_seconds_bucket"), "") + ")", "p50"}).limits(levels("transparent", level{odd, 0.005})),
		lines("Delay of starts", "How late scheduled runs start, p99.", seconds,
			q{"histogram_quantile(0.99, " + buckets(sel("start_delay_seconds_bucket"), "probe") + ")", "{{probe}}"}).rare(),
		lines("CPU", "CPU seconds a second.", count, q{"rate(process_cpu_seconds_total[$__rate_interval])" + mine, "{{instance}}"}),
		lines("Memory", "Resident memory. The line is the pod's limit.", bytes_, q{"process_resident_memory_bytes" + mine, "{{instance}}"}).
			limits(levels("transparent", level{bad, memoryLimit})),
		bars("Dropped by queue", "What the prober lost of its own.", count, q{rise("queue", selHere("self_dropped_total")), "{{queue}}"}),
		bars("People who left uncleanly", "The platform holds them until they time out, and their lane rests as long.", count,
			q{rise("probe", sel("leaves_total", `result="unclean"`)), "{{probe}}"}),
	}
}

// platform shows what probes see besides success and time.
func platform() []panel {
	return []panel{
		lines("Certificates end in", "Time until the certificate of a service expires, as probes meet it.", seconds,
			q{"min by (service) (" + selHere("certificate_expiry_timestamp_seconds") + ") - time()", "{{service}}"}).
			free().limits(levels("transparent", level{odd, 48 * 3600})),
		lines("Traces that go on", "Share of the answers to traced requests that lead on: in the same trace, or in one of the hop's own that the run's links to.", share,
			q{ratio("hop", selHere("trace_continuity_total", `result=~"continued|linked"`), selHere("trace_continuity_total"), step), "{{hop}}"}),
	}
}

// locations compares what probers in different places see. Where the scrape sets no
// label location, all is one.
func locations() []panel {
	return []panel{
		lines("Runs that succeeded, by location", "Share of the judged runs. One location alone is that location's network; all of them are the platform.", share,
			q{ratio("location", sel("runs_total", `trigger="schedule"`, `outcome="success"`), sel("runs_total", judged), step), "{{location}}"}),
		lines("Time to media, p95, by location", "From asking GC to join until the first frame is accepted.", seconds,
			q{"histogram_quantile(0.95, " + buckets(sel("time_to_media_seconds_bucket"), "location") + ")", "{{location}}"}),
		bars("Failures, by location and hop", "Runs that failed, by who owns what ended them.", count,
			q{rise("location, hop", sel("failures_total", `hop!="prober"`)), "{{location}} {{hop}}"}),
		lines("Media latency, p95, by location", "One way, of every frame.", seconds,
			q{"histogram_quantile(0.95, " + buckets(sel("media_latency_seconds_bucket"), "location") + ")", "{{location}}"}),
	}
}
