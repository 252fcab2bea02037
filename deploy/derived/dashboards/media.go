package dashboards

// lost are the results of a frame that never arrived, by leg.
const lost = `result=~"lost_sender|lost_uplink|lost_downlink|lost_unattributed"`

// media answers: do people hear each other, how late, and where does sound get lost.
func media() dashboard {
	frames := func(result string) string { return sel("media_frames_total", result) }
	sent := frames(`result="sent"`)
	latency := sel("media_latency_seconds_bucket")
	return board("synthetic-media", "Synthetic Media",
		"How fake participants hear each other: one-way latency of every frame, jitter, silence, and what was lost on which leg.",
		variables(probeVariable()),
		row{title: "Health", panels: []panel{
			stat("Frames delivered", "Share of the frames sent that arrived in time, over the time shown.", share,
				levels(bad, level{odd, 0.99}, level{good, 0.995}), q{ratio("", frames(`result="delivered"`), sent, span), ""}),
			stat("Latency, p99", "One way, of every frame, over the time shown.", seconds, levels(good, level{odd, 0.15}, level{bad, 0.4}),
				q{"histogram_quantile(0.99, sum by (le) (rate(" + latency + "[$__range])))", ""}),
			stat("Longest silence, p95", "The longest time without a frame in a run.", seconds, levels(good, level{odd, 0.5}, level{bad, 2}),
				q{"histogram_quantile(0.95, sum by (le) (rate(" + sel("media_longest_silence_seconds_bucket") + "[$__range])))", ""}),
			stat("Frames refused", "Frames in the time shown that did not verify or decrypt, or broke the format. Any is a defect of somebody's.", count,
				levels(good, level{bad, 1}), q{all(sel("media_frames_refused_total")), ""}),
		}},
		row{title: "Requests", panels: []panel{
			lines("Frames sent and delivered", "Frames a second of the measured window; a person who talks sends 50.", rate,
				q{"sum(rate(" + sent + "[$__rate_interval]))", "sent"}, q{"sum(rate(" + frames(`result="delivered"`) + "[$__rate_interval]))", "delivered"}),
			bars("Runs by outcome", "Scheduled runs of the probes that look at media.", count, q{rise("outcome", sel("runs_total", `flow="media"`, `trigger="schedule"`)), "{{outcome}}"}),
		}},
		row{title: "Errors", panels: []panel{
			layers("Loss by leg", "Share of the frames sent that never arrived: at the sender, before the relay, behind it, or where nobody knows.", share,
				q{"sum by (result) (rate(" + frames(lost) + "[$__rate_interval])) / on () group_left () (sum(rate(" + sent + "[$__rate_interval])) > 0)", "{{result}}"}),
			layers("Late, repeated, out of order", "Share of the frames sent: late (arrived after the wait), duplicate (further copies), reordered (accepted after a later one).", share,
				q{"sum by (result) (rate(" + frames(`result=~"late|duplicate|reordered"`) + "[$__rate_interval])) / on () group_left () (sum(rate(" + sent + "[$__rate_interval])) > 0)", "{{result}}"}),
			bars("Refused frames", "By the platform's own tokens for why. On a good day there is nothing.", count,
				counted("reason", "{{reason}}", sel("media_frames_refused_total"), sel("runs_total", `flow="media"`, judged))...),
			bars("Failures by step and reason", "Runs of the probes that look at media. On a good day there is nothing.", count,
				counted("hop, step, reason", "{{hop}} {{step}} {{reason}}", sel("failures_total", `flow="media"`, `hop!="prober"`), sel("runs_total", `flow="media"`, judged))...),
		}},
		row{title: "Latency", panels: []panel{
			lines("One-way latency", "From the hand-over of a frame to the network until it was there. Points are runs; they lead to their traces.", seconds,
				quantiles("", buckets(latency, ""))...).limits(levels("transparent", level{odd, 0.15})).withExemplars(),
			heat("One-way latency, every frame", "The same, as a distribution.", "sum by (le) (increase("+latency+"[$__rate_interval]))"),
			lines("The relay's share", "Estimate of what the media handler adds: the median latency less half of both round trips.", seconds,
				quantiles("", buckets(sel("media_relay_seconds_bucket"), ""))...).withExemplars(),
			lines("Jitter", "Interarrival jitter (RFC 3550) of one person at another, in one run.", seconds,
				quantiles("", buckets(sel("media_jitter_seconds_bucket"), ""))...).withExemplars(),
			lines("Longest silence", "The longest time without a frame, of each pair in each run.", seconds,
				quantiles("", buckets(sel("media_longest_silence_seconds_bucket"), ""))...).limits(levels("transparent", level{odd, 0.5})).withExemplars(),
			heat("Longest silence, every pair", "The same, as a distribution.", "sum by (le) (increase("+sel("media_longest_silence_seconds_bucket")+"[$__rate_interval]))"),
		}},
		row{title: "Resources: the prober itself", panels: []panel{
			lines("Tainted frames", "Share of the frames delivered during which the prober was late or dropping; they are in no latency.", share,
				q{ratio("probe", frames(`result="tainted"`), frames(`result="delivered"`), step), "{{probe}}"}),
			lines("Lateness of the prober", "Worst lateness of its own clock during a run, p99. Above 5 ms latencies are tainted.", seconds,
				q{"histogram_quantile(0.99, " + buckets(selHere("self_lag_seconds_bucket"), "") + ")", "p99"}).limits(levels("transparent", level{odd, 0.005})),
		}},
		row{title: "By location", panels: []panel{
			lines("One-way latency, p95, by location", "Of every frame.", seconds,
				q{"histogram_quantile(0.95, " + buckets(latency, "location") + ")", "{{location}}"}),
			lines("Frames delivered, by location", "Share of the frames sent that arrived in time.", share,
				q{ratio("location", frames(`result="delivered"`), sent, step), "{{location}}"}),
		}},
	)
}
