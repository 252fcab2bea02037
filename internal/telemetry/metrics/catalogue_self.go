package metrics

// What the prober knows of itself.
const (
	selfLag         = "self_lag_seconds"
	selfTainted     = "self_tainted_runs_total"
	selfDropped     = "self_dropped_total"
	reloadOK        = "config_last_reload_successful"
	reloadSucceeded = "config_last_reload_success_timestamp_seconds"
	buildInfo       = "build_info"
)

func selfFamilies() []Description {
	return []Description{
		{selfLag, Histogram, nil, "seconds",
			"Worst lateness of the prober's own clock sampler during one scheduled run. Without a CPU of its own the prober measures itself.",
			`histogram_quantile(0.99, sum by (le) (rate(dt_synthetic_self_lag_seconds_bucket[15m]))) > 0.005`},
		{selfTainted, Counter, labels(labelProbe, labelCause), "runs",
			"Scheduled runs that the prober itself tainted (lag, drops) or made inconclusive (setup, lane, lag, drops, network, config, panic).",
			`sum by (cause) (increase(dt_synthetic_self_tainted_runs_total[1h])) > 0`},
		{selfDropped, Counter, labels(labelQueue), "items",
			"What the prober lost of its own: datagrams that had arrived, records of frames, sends (frames that were due and came too late to be built), spans, and observations that no series exists for. The last are a defect of the prober.",
			`sum by (queue) (increase(dt_synthetic_self_dropped_total[1h])) > 0`},
		{reloadOK, Gauge, nil, "",
			"1 when the latest attempt to load the configuration was successful, else 0; the one before is then still in force.",
			`dt_synthetic_config_last_reload_successful == 0`},
		{reloadSucceeded, Gauge, nil, "seconds",
			"When the configuration in force was loaded, in seconds since 1970; 0 before.",
			`time() - dt_synthetic_config_last_reload_success_timestamp_seconds`},
		{buildInfo, Gauge, labels(labelVersion, labelRevision, labelGoVersion), "",
			"1, with the build as labels.",
			`absent(dt_synthetic_build_info)`},
	}
}
