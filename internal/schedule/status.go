package schedule

import (
	"slices"
	"strings"
	"time"
)

// Status is how a probe stands. Times are zero where there is nothing to tell.
type Status struct {
	Probe        string
	Interval     time.Duration // in force; longer than configured while backing off
	NextDue      time.Time     // the next slot that is neither paused nor backed off from
	Running      time.Time     // since when a run goes
	Overlapped   int           // slots that wait for the outcome of this run, to share it
	BackoffUntil time.Time
	Skipped      SkipReason // why the last slot has no run; empty when it has one
	Paused       bool
	Oversized    bool // one run takes more than the budget has beside those who stay between runs: none will ever start
	Removed      bool // no longer configured, but a run still goes
	Lanes        []LaneStatus
}

// LaneStatus is how a lane stands.
type LaneStatus struct {
	Name  string
	Busy  bool
	Until time.Time // rests until then
}

// Status is how all probes stand, sorted by name.
func (s *Scheduler) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	out := make([]Status, 0, len(s.probes))
	for _, e := range s.probes {
		out = append(out, s.statusOf(e, now))
	}
	for name, a := range s.running {
		if s.probes[name] == nil {
			out = append(out, Status{Probe: name, Interval: a.probe.Interval, Running: a.since, Removed: true})
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Probe, b.Probe) })
	return out
}

func (s *Scheduler) statusOf(e *entry, now time.Time) Status {
	st := Status{
		Probe: e.Name, Interval: e.Interval, Skipped: e.skipped, Paused: e.Paused,
		Oversized: !s.budget.room(s.stays, e.needs()),
	}
	if e.index >= 0 {
		if e.backoff.told {
			st.Interval = e.backoff.interval
		}
		if now.Before(e.backoff.until) {
			st.BackoffUntil = e.backoff.until
		}
		if !e.Paused {
			st.NextDue = e.grid.due(max(e.slot, e.grid.from(e.backoff.until)))
		}
	}
	if a := s.running[e.Name]; a != nil {
		st.Running, st.Overlapped = a.since, a.overlapped
	}
	for i, l := range e.lanes {
		ls := LaneStatus{Name: e.Lanes[i].Name, Busy: l.busy}
		if !l.busy && !l.rested(now) {
			ls.Until = l.until
		}
		st.Lanes = append(st.Lanes, ls)
	}
	return st
}
