package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/dark-tower/prober/flows"
)

var (
	// ErrUnknownProbe says that no probe has the name.
	ErrUnknownProbe = errors.New("there is no such probe")
	// ErrNotRunning says that the scheduler has not been started or is stopping.
	ErrNotRunning = errors.New("the scheduler is not running")
)

// BusyError says why a probe cannot be run now.
type BusyError struct {
	Probe string
	Why   SkipReason // Overlap, Throttled, Unavailable, Resting or Saturated
	Until time.Time  // when that ends; zero when it is not known
}

func (e *BusyError) Error() string { return "probe " + e.Probe + " cannot be run now: " + e.Reason() }

// Reason says why, in words.
func (e *BusyError) Reason() string {
	return map[SkipReason]string{
		Overlap:     "a run of it is under way",
		Throttled:   "the platform throttles it",
		Unavailable: "the platform asked to be left alone for a while",
		Resting:     "none of its lanes has rested yet",
		Saturated:   "the budget has no room for it at the moment",
	}[e.Why]
}

// Now runs a probe at once, as by hand, and returns the finished run. It waits for
// nothing: when a run of the probe is under way, no lane has rested, the budget has no
// room, or a service has asked to be left alone, it returns a *BusyError; otherwise
// ErrUnknownProbe or ErrNotRunning. Paused probes are run, too. The observer is told
// of the run as of any other, and slots that it overlaps inherit its outcome; the
// probe's back-off is changed only if the run was throttled.
//
// When ctx ends first, the run is cancelled with the same cause, and Now returns that
// cause without waiting for the run to be taken down.
func (s *Scheduler) Now(ctx context.Context, probe string) (flows.Run, error) {
	if ctx.Err() != nil {
		return flows.Run{}, context.Cause(ctx)
	}
	a, cancel, err := s.byHand(probe)
	if err != nil {
		return flows.Run{}, err
	}
	defer cancel(nil)
	select {
	case run := <-a.ended:
		return run, nil
	case <-ctx.Done():
		cancel(context.Cause(ctx))
		return flows.Run{}, context.Cause(ctx)
	}
}

func (s *Scheduler) byHand(probe string) (*active, context.CancelCauseFunc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e := s.probes[probe]
	switch {
	case e == nil:
		return nil, nil, ErrUnknownProbe
	case s.phase != turning:
		return nil, nil, ErrNotRunning
	case s.running[probe] != nil:
		return nil, nil, &BusyError{Probe: probe, Why: Overlap}
	case now.Before(e.backoff.quiet):
		return nil, nil, &BusyError{Probe: probe, Why: e.backoff.reason, Until: e.backoff.quiet}
	}
	lane, ok := e.nextLane(now)
	switch {
	case !ok:
		return nil, nil, &BusyError{Probe: probe, Why: Resting, Until: e.restedAt()}
	case !s.budget.room(s.used, e.needs()):
		return nil, nil, &BusyError{Probe: probe, Why: Saturated}
	}
	ctx, cancel := context.WithCancelCause(s.base)
	return s.launch(ctx, e, lane, Start{Slot: -1, Due: now, Trigger: flows.OnDemand}), cancel, nil
}
