package schedule

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
)

const (
	beat    = time.Second // the loop turns at least so often
	stalled = 10 * beat
)

// Run starts runs when they are due until ctx is done. Then no run is started any
// more; those under way may end within drain and are then cancelled with
// flows.ErrShutdown as the cause. It returns when all have returned. A scheduler can
// be run once; a second Run panics.
func (s *Scheduler) Run(ctx context.Context, drain time.Duration) {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	s.begin(base)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var notices []notice
	for ctx.Err() == nil {
		var next time.Time
		next, notices = s.turn(time.Now(), notices[:0])
		timer.Reset(min(time.Until(next), beat))
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
	s.end()
	s.drain(drain, cancel)
}

func (s *Scheduler) begin(base context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != idle {
		panic("schedule: a scheduler can be run once")
	}
	s.phase, s.base, s.epoch = turning, base, time.Now()
	s.starting.Store(true)
	for _, e := range s.probes {
		s.enter(e, s.epoch)
	}
}

func (s *Scheduler) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = stopped
	s.starting.Store(false)
}

// drain waits for the runs that are under way.
func (s *Scheduler) drain(patience time.Duration, cancel context.CancelCauseFunc) {
	done := make(chan struct{})
	go func() {
		s.runs.Wait()
		close(done)
	}()
	over := time.NewTimer(patience)
	defer over.Stop()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	defer s.turned.Store(0)
	for {
		s.turned.Store(int64(time.Since(s.born)) + 1)
		select {
		case <-done:
			return
		case <-over.C:
			cancel(flows.ErrShutdown)
		case <-tick.C:
		}
	}
}

// notice is what the observer is told once the lock is released: it may call back.
type notice struct {
	skip Skip
	heir *flows.Run // whose outcome the slot inherits, if any
}

// turn deals with all slots that are due and returns when the next one is.
func (s *Scheduler) turn(now time.Time, notices []notice) (time.Time, []notice) {
	s.turned.Store(int64(now.Sub(s.born)) + 1)
	next := now.Add(beat)
	s.mu.Lock()
	for len(s.queue) > 0 && !s.queue[0].due.After(now) {
		e := s.queue[0]
		reason, heir := s.start(e, now)
		if e.skipped = reason; reason != "" {
			notices = append(notices, notice{Skip{e.Name, e.slot, e.due, reason}, heir})
		}
		e.slot++
		e.due = e.grid.due(e.slot)
		heap.Fix(&s.queue, 0)
	}
	if len(s.queue) > 0 {
		next = s.queue[0].due
	}
	s.mu.Unlock()
	for i := range notices {
		s.opts.Observer.Skipped(notices[i].skip)
		if notices[i].heir != nil {
			s.opts.Observer.Inherited(*notices[i].heir, 1)
		}
	}
	clear(notices) // holds on to no run
	return next, notices
}

// start starts the run of the probe's slot, or says why not and whose outcome the
// slot inherits. What an overlapping run hands down is known only when it ends.
func (s *Scheduler) start(e *entry, now time.Time) (why SkipReason, heir *flows.Run) {
	last := s.running[e.Name]
	switch {
	case e.Paused:
		return Paused, nil
	case last != nil:
		if e.knows(last.probe) {
			last.overlapped++
		}
		return Overlap, nil
	case e.due.Before(e.backoff.until):
		return e.backoff.reason, e.backoff.run
	case !e.grid.due(e.slot + 1).After(now):
		return Late, nil
	}
	lane, ok := e.nextLane(now)
	switch {
	case !ok:
		return Resting, e.haunted()
	case !s.budget.room(s.used, e.needs()):
		return Saturated, nil
	}
	s.launch(s.base, e, lane, Start{Slot: e.slot, Due: e.due, Trigger: flows.Scheduled})
	return "", nil
}

// Alive is nil while the loop turns, also while runs that are under way may end. The
// loop turns at least every second; it is dead when it has not for ten.
func (s *Scheduler) Alive() error {
	last := s.turned.Load()
	if last == 0 {
		return ErrNotRunning
	}
	if since := time.Since(s.born) - time.Duration(last); since > stalled {
		return fmt.Errorf("the scheduler's loop has not turned for %s", since.Round(time.Second))
	}
	return nil
}

// Ready is nil while runs are started: the loop turns and is not stopping. Like
// Alive, it waits for no lock, which whatever hangs may hold.
func (s *Scheduler) Ready() error {
	if !s.starting.Load() {
		return ErrNotRunning
	}
	return s.Alive()
}
