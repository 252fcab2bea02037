package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dark-tower/prober/flows"
)

// The results of media_frames_total: the fates of a frame that was sent, which sum
// to sent, and what besides happened to some.
const (
	frameSent         = "sent"
	frameDelivered    = "delivered"
	frameLate         = "late"
	frameLostSender   = "lost_sender"
	frameLostUplink   = "lost_uplink"
	frameLostDownlink = "lost_downlink"
	frameLostSomehow  = "lost_unattributed"
	frameRefused      = "refused"

	frameDuplicate = "duplicate"
	frameReordered = "reordered"
	frameTainted   = "tainted"
	frameMuted     = "muted"
)

func frameResults() []string {
	return []string{frameSent, frameDelivered, frameLate, frameLostSender, frameLostUplink, frameLostDownlink, frameLostSomehow,
		frameRefused, frameDuplicate, frameReordered, frameTainted, frameMuted}
}

// media observes what people heard of each other, in runs that were judged: a talk
// that was cut short by a shutdown, or spoiled by the prober, is no evidence.
func (o *observation) media() {
	if !o.judged() || o.counts.frames == nil {
		return
	}
	pairs := o.run.Pairs
	worst := sampleIndex{pair: -1}
	if o.exemplar != nil {
		worst = worstSample(pairs)
	}
	for i := range pairs {
		p := &pairs[i]
		without := -1
		if i == worst.pair {
			without = worst.sample
			o.observe(o.latencies.oneWay, p.Samples[without].Latency)
		}
		observeFrames(o.latencies.oneWay, p.Samples, without)
		o.frames(p)
		o.plain(o.latencies.silent, p.LongestSilence)
		if 2*p.Tainted > len(p.Samples) {
			continue // the prober's own lateness, for the most part
		}
		if len(p.Samples) > 0 {
			o.plain(o.latencies.jitter, p.Jitter)
		}
		if p.RelayShare != nil {
			o.plain(o.latencies.relay, *p.RelayShare)
		}
	}
}

// observeFrames is the path that every frame takes. It allocates nothing.
func observeFrames(h prometheus.Observer, samples []flows.Sample, without int) {
	for i := range samples {
		if !samples[i].Tainted && i != without {
			h.Observe(samples[i].Latency.Seconds())
		}
	}
}

type sampleIndex struct{ pair, sample int }

// worstSample finds the slowest frame of which the prober is above suspicion. It is
// the one that the run's trace is shown for.
func worstSample(pairs []flows.Pair) sampleIndex {
	worst, latency := sampleIndex{pair: -1}, int64(-1)
	for i := range pairs {
		for j := range pairs[i].Samples {
			if s := &pairs[i].Samples[j]; !s.Tainted && int64(s.Latency) > latency {
				worst, latency = sampleIndex{i, j}, int64(s.Latency)
			}
		}
	}
	return worst
}

// frames counts the fates of a pair's frames.
func (o *observation) frames(p *flows.Pair) {
	n := o.counts.frames
	add(n[frameSent], p.Sent)
	add(n[frameDelivered], p.Delivered)
	add(n[frameLate], p.Late)
	add(n[frameLostSender], p.LostSender)
	add(n[frameLostUplink], p.LostUplink)
	add(n[frameLostDownlink], p.LostDownlink)
	add(n[frameLostSomehow], p.LostUnattributed)
	add(n[frameRefused], p.Refused)
	add(n[frameDuplicate], p.Duplicate)
	add(n[frameReordered], p.Reordered)
	add(n[frameTainted], p.Tainted)
	add(n[frameMuted], p.Muted)
	add(o.process.dropped[Sends], p.MissedDue)
	for reason, count := range p.RefusedBy {
		if c, ok := o.counts.refused[reason]; ok {
			add(c, count)
		} else {
			o.lost()
		}
	}
}
