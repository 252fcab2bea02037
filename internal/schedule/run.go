package schedule

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/flows"
)

// active is a run that is under way.
type active struct {
	probe      Probe // as it was when the run started
	start      Start
	ctx        context.Context
	since      time.Time
	lane       *lane // nil: none
	rest       Lane
	overlapped int // slots that were due meanwhile
	ended      chan flows.Run
}

// launch takes the lane with the given index, or none with -1, and the run's share of
// the budget, and starts the run. The lock is held.
func (s *Scheduler) launch(ctx context.Context, e *entry, index int, start Start) *active {
	start.Probe = e.Name
	a := &active{probe: e.Probe, ctx: ctx, since: time.Now(), ended: make(chan flows.Run, 1)}
	if index >= 0 {
		a.lane, a.rest = e.lanes[index], e.Lanes[index]
		a.lane.busy = true
		start.Lane = a.rest.Name
		e.turn = index + 1
	}
	a.start = start
	s.used = s.used.plus(e.needs())
	s.running[e.Name] = a
	s.runs.Go(func() { s.perform(a) })
	return a
}

// perform is the goroutine of a run.
func (s *Scheduler) perform(a *active) {
	a.start.Delay = time.Since(a.start.Due)
	s.opts.Observer.Started(a.start)
	run := s.guarded(a)
	s.opts.Observer.Finished(a.start, run)
	s.settle(a, run)
	a.ended <- run
}

// guarded keeps a panic from ending the process. Nobody can say who was left behind:
// the lane rests as after an unclean leave.
func (s *Scheduler) guarded(a *active) (run flows.Run) {
	started := time.Now()
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		run = flows.Run{
			ID: uuid.NewString(), Probe: a.probe.Name, Flow: a.probe.Flow, Informational: a.probe.Informational,
			Lane: a.start.Lane, Trigger: a.start.Trigger, Started: started, Duration: time.Since(started),
			Outcome: flows.Inconclusive, Leaves: flows.Leaves{Unclean: 1},
			Failure: &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CausePanic,
				Err: fmt.Errorf("panic: %v", p), Detail: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())},
		}
	}()
	return s.opts.Run(a.ctx, a.start)
}

// settle gives back what the run took and draws the consequences. A probe without due
// times has no back-off, and a run by hand changes it only when it was throttled.
func (s *Scheduler) settle(a *active, run flows.Run) {
	var rest time.Duration
	if a.lane != nil {
		rest = s.opts.Rest(a.rest, run)
	}
	s.mu.Lock()
	now := time.Now()
	delete(s.running, a.probe.Name)
	s.used = s.used.minus(a.probe.needs())
	e := s.probes[a.probe.Name]
	if a.lane != nil {
		a.lane.leave(now, rest)
		if e != nil && e.knows(a.probe) && run.Outcome == flows.Failed && run.LeftGhost() {
			a.lane.ghost = &run
		}
	}
	var tell func(Observer)
	if e != nil && e.index >= 0 && (a.start.Trigger == flows.Scheduled || throttled(run)) {
		tell = e.slow(a.start.Due, now, &run)
		if !e.knows(a.probe) {
			e.backoff.run = nil
		}
	}
	s.mu.Unlock()
	if a.overlapped > 0 {
		s.opts.Observer.Inherited(run, a.overlapped)
	}
	if tell != nil {
		tell(s.opts.Observer)
	}
}
