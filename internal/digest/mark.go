// Package digest makes finished runs small: a Mark is a run in a strip of many, a
// Series the latencies of thousands of frames in a few hundred points. Both are
// computed from a flows.Run and nothing else; the package keeps nothing and shows
// nothing.
package digest

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// Mark is what a strip, a sparkline and a judgement over many runs need of one.
type Mark struct {
	ID       string
	Outcome  flows.Outcome
	Started  time.Time
	Duration time.Duration
	// Headline is the one duration the flow is there to measure: time to media,
	// the worst pair's 99th percentile of one-way latency, time to restore, or
	// the sign-in itself. Nil where the run did not measure it.
	Headline *time.Duration
	// Failure is the step, hop, reason and cause of the run's failure, without its
	// detail and its error; nil on success.
	Failure *flows.Failure
	// Sent and Delivered count the frames of all pairs; Lost names the leg that
	// lost most of them, and LostAt the media handler, when it was one
	// (flows.HandlerLoss numbers them; 0: several, or not known).
	Sent, Delivered int
	Lost            Leg
	LostAt          int
}

// Ended is when the run was judged.
func (m Mark) Ended() time.Time { return m.Started.Add(m.Duration) }

// Judged reports whether the run says anything about the platform.
func (m Mark) Judged() bool { return m.Outcome == flows.Success || m.Outcome == flows.Failed }

// Leg is a part of a frame's way.
type Leg string

// The legs.
const (
	NoLeg        Leg = ""             // nothing was lost
	Sender       Leg = "sender"       // never handed to a connection
	Uplink       Leg = "uplink"       // before the relay numbered it
	Downlink     Leg = "downlink"     // after the relay numbered it
	Unattributed Leg = "unattributed" // one of them
)

// MarkOf makes a run a mark.
func MarkOf(run flows.Run) Mark {
	m := Mark{ID: run.ID, Outcome: run.Outcome, Started: run.Started, Duration: run.Duration, Headline: headline(run)}
	if f := run.Failure; f != nil {
		m.Failure = &flows.Failure{Step: f.Step, Actor: f.Actor, Hop: f.Hop, Reason: f.Reason, Cause: f.Cause, After: f.After}
	}
	lost := map[Leg]int{}
	for _, p := range run.Pairs {
		m.Sent += p.Sent
		m.Delivered += p.Delivered
		lost[Sender] += p.LostSender
		lost[Uplink] += p.LostUplink
		lost[Downlink] += p.LostDownlink
		lost[Unattributed] += p.LostUnattributed
	}
	most := 0
	for _, leg := range []Leg{Downlink, Uplink, Sender, Unattributed} {
		if lost[leg] > most {
			m.Lost, most = leg, lost[leg]
		}
	}
	m.LostAt = handlerOf(run.Pairs, m.Lost, most)
	return m
}

// handlerOf returns the handler that lost all of the frames that leg lost, or all but a
// tenth of them; 0 when none did.
func handlerOf(pairs []flows.Pair, leg Leg, all int) int {
	by := map[int]int{}
	for _, p := range pairs {
		for _, l := range p.LostAt {
			switch leg {
			case Uplink:
				by[l.Handler] += l.Uplink
			case Downlink:
				by[l.Handler] += l.Downlink
			}
		}
	}
	for handler, n := range by {
		if 10*n >= 9*all && n > 0 {
			return handler
		}
	}
	return 0
}

func headline(run flows.Run) *time.Duration {
	switch run.Flow {
	case flows.Join:
		return run.TimeToMedia
	case flows.Media:
		var worst *time.Duration
		for _, p := range run.Pairs {
			if p.Latency.Count > 0 && (worst == nil || p.Latency.P99 > *worst) {
				worst = new(p.Latency.P99)
			}
		}
		return worst
	case flows.Reconnect:
		if r := run.Restoration; r != nil && r.Restored {
			return new(r.TimeToRestore)
		}
	case flows.SignIn:
		for _, s := range run.Steps {
			if s.Step == flows.StepSignIn && s.Failure == nil {
				return new(s.Duration)
			}
		}
	}
	return nil
}

// Indicator is the name of the SLI that the headline of a flow's runs is held to.
func Indicator(f flows.Flow) string {
	switch f {
	case flows.Join:
		return "time_to_media"
	case flows.Media:
		return "one_way_latency"
	case flows.Reconnect:
		return "time_to_restore"
	case flows.SignIn:
		return string(flows.StepSignIn)
	}
	return ""
}
