package slo

import (
	"github.com/dark-tower/prober/flows"
)

// latency judges each delivered frame. Tainted samples are left out on both sides:
// counting only the good ones would make a busy prober's platform look fast.
func (o Objective) latency(run flows.Run) (events, bad uint64) {
	for _, p := range run.Pairs {
		for _, s := range p.Samples {
			if s.Tainted {
				continue
			}
			events++
			if s.Latency > o.Threshold {
				bad++
			}
		}
	}
	return events, bad
}

// delivery judges each frame that was handed to a connection: good when it was
// accepted in time. A run in which the prober dropped datagrams of its own cannot
// tell its losses from the platform's.
func delivery(run flows.Run) (events, bad uint64) {
	if dropped(run) {
		return 0, 0
	}
	for _, p := range run.Pairs {
		handed := max(p.Sent-p.LostSender, 0)
		events += uint64(handed)
		bad += uint64(max(handed-p.Delivered, 0))
	}
	return events, bad
}

func dropped(run flows.Run) bool { return run.Self.DroppedDatagrams+run.Self.DroppedRecords > 0 }

// relayShare judges each ordered pair by its median, which says nothing when half of
// the samples behind it are tainted.
func (o Objective) relayShare(run flows.Run) (events, bad uint64) {
	for _, p := range run.Pairs {
		if p.RelayShare == nil || 2*p.Tainted >= p.Latency.Count {
			continue
		}
		events++
		if *p.RelayShare > o.Threshold {
			bad++
		}
	}
	return events, bad
}

// memory is how many frames the jitter of RFC 3550 remembers: the weight of what lies
// further back, (15/16)^64, is below 2 %.
const memory = 64

// jitter judges a run by its worst pair. The jitter of a pair is not known when too
// few frames arrived, or when one of the frames that it remembers is tainted.
func (o Objective) jitter(run flows.Run) (events, bad uint64) {
	known := len(run.Pairs) > 0
	for _, p := range run.Pairs {
		last := p.Samples[max(len(p.Samples)-memory, 0):]
		sound := len(last) > 1
		for _, s := range last {
			sound = sound && !s.Tainted
		}
		switch {
		case !sound:
			known = false
		case p.Jitter > o.Threshold:
			return 1, 1
		}
	}
	if !known {
		return 0, 0
	}
	return 1, 0
}

// silence judges a run by the longest silence that anybody heard: in the talk, or
// around the cut. Somebody who never heard the others again was silent for ever. A
// silence can be the prober's own, by its lateness or by what it dropped.
func (o Objective) silence(run flows.Run) (events, bad uint64) {
	for _, p := range run.Pairs {
		e, b := o.within(p.LongestSilence, run.Self.MaxLag)
		events, bad = events+e, bad+b
	}
	unknown := len(run.Pairs) - int(events)
	if r := run.Restoration; r != nil && r.Restored {
		e, b := o.within(max(r.ReturnerSilence, r.StayerSilence), run.Self.MaxLag)
		events, bad, unknown = events+e, bad+b, unknown+1-int(e)
	} else if r != nil && run.Outcome == flows.Failed {
		events, bad = events+1, bad+1
	}
	switch {
	case bad > 0 && !dropped(run):
		return 1, 1
	case bad > 0 || unknown > 0 || events == 0:
		return 0, 0
	}
	return 1, 0
}
