package schedule

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// lane is what is known of a lane, whichever probe it belongs to.
type lane struct {
	busy  bool
	left  time.Time  // when the last run returned
	until time.Time  // rests until then
	ghost *flows.Run // the last run, when it failed, left somebody behind, and is handed down
}

func (l *lane) rested(now time.Time) bool { return !l.busy && !now.Before(l.until) }

// leave is the end of a run on the lane.
func (l *lane) leave(now time.Time, rest time.Duration) {
	l.busy, l.left, l.until, l.ghost = false, now, now.Add(rest), nil
}

// rest is how long a lane rests when Options does not say.
func rest(l Lane, ghost time.Duration, run flows.Run) time.Duration {
	if run.LeftGhost() {
		return max(ghost, l.Rest)
	}
	return l.Rest
}

// lanesOf finds the probe's lanes, as rested or not as they are.
func (s *Scheduler) lanesOf(p Probe) []*lane {
	out := make([]*lane, len(p.Lanes))
	for i, l := range p.Lanes {
		if s.lanes[l.Name] == nil {
			s.lanes[l.Name] = new(lane)
		}
		out[i] = s.lanes[l.Name]
	}
	return out
}

// vacate has those leave who stay between the runs of a probe that is no longer as it
// was.
func (s *Scheduler) vacate(e *entry) {
	if e.Standing == (Budget{}) {
		return
	}
	s.used, s.stays = s.used.minus(e.Standing), s.stays.minus(e.Standing)
	for i, l := range e.lanes {
		if until := time.Now().Add(e.Lanes[i].Rest); until.After(l.until) {
			l.until = until
		}
	}
}

// forgetLanes drops lanes that no probe has and of which there is nothing to know.
func (s *Scheduler) forgetLanes(now time.Time) {
	used := make(map[*lane]bool)
	for _, e := range s.probes {
		for _, l := range e.lanes {
			used[l] = true
		}
	}
	for name, l := range s.lanes {
		if !used[l] && l.rested(now) {
			delete(s.lanes, name)
		}
	}
}

// nextLane is the next rested lane of the probe; ok is false when there is none.
func (e *entry) nextLane(now time.Time) (index int, ok bool) {
	for n := range e.lanes {
		i := (e.turn + n) % len(e.lanes)
		if e.lanes[i].rested(now) {
			return i, true
		}
	}
	return -1, len(e.lanes) == 0
}

// haunted is the latest of the runs because of which the lanes rest, if every lane
// does because its last run failed and left somebody behind.
func (e *entry) haunted() *flows.Run {
	var last *lane
	for _, l := range e.lanes {
		if l.ghost == nil {
			return nil
		}
		if last == nil || l.left.After(last.left) {
			last = l
		}
	}
	if last == nil {
		return nil
	}
	return last.ghost
}

// restedAt is when a lane of the probe has rested, as far as is known.
func (e *entry) restedAt() time.Time {
	var at time.Time
	for _, l := range e.lanes {
		if !l.busy && (at.IsZero() || l.until.Before(at)) {
			at = l.until
		}
	}
	return at
}
