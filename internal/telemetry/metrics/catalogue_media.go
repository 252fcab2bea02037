package metrics

// What people heard of each other.
const (
	mediaLatency       = "media_latency_seconds"
	mediaRelay         = "media_relay_seconds"
	mediaJitter        = "media_jitter_seconds"
	mediaSilence       = "media_longest_silence_seconds"
	mediaFrames        = "media_frames_total"
	mediaFramesRefused = "media_frames_refused_total"
)

func mediaFamilies() []Description {
	return []Description{
		{mediaLatency, Histogram, labels(labelProbe), "seconds",
			"One-way latency of every frame accepted in the window, late ones included, of runs that succeeded or failed. Frames under way while the prober itself was late or dropping (tainted) are not in it, whatever their latency; media_frames_total counts them.",
			`histogram_quantile(0.99, sum by (le, probe) (rate(dt_synthetic_media_latency_seconds_bucket[15m])))`},
		{mediaRelay, Histogram, labels(labelProbe), "seconds",
			"Estimate of the relay's share in the latency of one ordered pair in one run: the median latency less half of both round trips. Pairs with mostly tainted frames, or without a known round trip, are left out.",
			`histogram_quantile(0.99, sum by (le) (rate(dt_synthetic_media_relay_seconds_bucket[1h])))`},
		{mediaJitter, Histogram, labels(labelProbe), "seconds",
			"Interarrival jitter (RFC 3550) of one ordered pair in one run. Pairs with mostly tainted frames are left out.",
			`histogram_quantile(0.95, sum by (le, probe) (rate(dt_synthetic_media_jitter_seconds_bucket[1h])))`},
		{mediaSilence, Histogram, labels(labelProbe), "seconds",
			"Longest time without an accepted frame. Flow media: of each ordered pair in the window, in runs that succeeded or failed. Flow reconnect: of each side, from its last frame before the cut to the first after it, in runs that succeeded.",
			`histogram_quantile(0.95, sum by (le, probe) (rate(dt_synthetic_media_longest_silence_seconds_bucket[1h])))`},
		{mediaFrames, Counter, labels(labelProbe, labelResult), "frames",
			"Frames of the measured window, of runs that succeeded or failed. sent = delivered + late + lost_sender + lost_uplink + lost_downlink + lost_unattributed + refused; lost_sender never left the prober. Besides these: duplicate (further copies), reordered (accepted after a later one), tainted (accepted while the prober was late or dropping), muted (sent while the platform had muted the sender).",
			`sum by (probe) (rate(dt_synthetic_media_frames_total{result=~"lost_uplink|lost_downlink|lost_unattributed"}[1h])) / sum by (probe) (rate(dt_synthetic_media_frames_total{result="sent"}[1h]))`},
		{mediaFramesRefused, Counter, labels(labelProbe, labelReason), "frames",
			"Refused frames by the platform's own refusal tokens. Their sum is media_frames_total with result refused. wrap_key_id_mismatch is not among them: it never drops a frame.",
			`sum by (reason) (increase(dt_synthetic_media_frames_refused_total[1h])) > 0`},
	}
}
