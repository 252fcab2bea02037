package schedule

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

const (
	maxSlowdown = 4               // intervals between two runs
	maxBackoff  = 5 * time.Minute // for which a service is left alone
)

// backoff is what services have asked of a probe. The zero value is a probe that runs
// at its own interval.
type backoff struct {
	asked    int           // runs in a row that were asked to slow down
	until    time.Time     // slots that are due earlier are skipped
	quiet    time.Time     // runs by hand are refused until then
	interval time.Duration // from the run that was asked to the next one
	reason   SkipReason
	run      *flows.Run // the one that was asked, when its outcome is inherited
	told     bool       // the observer believes that the probe is slowed down
}

// asks reports whether a service asked for fewer runs.
func asks(run flows.Run) bool {
	return run.Failure != nil && (run.Failure.BackOff || run.Failure.RetryAfter > 0)
}

// throttled reports whether a service refused for load, which is no failure of its.
func throttled(run flows.Run) bool {
	return run.Failure != nil && run.Failure.Reason == flows.Throttled
}

// ask slows the probe down after a run that was due at due and has just ended.
func (b *backoff) ask(g grid, due, ended time.Time, run *flows.Run) {
	b.asked++
	slots := int64(maxSlowdown)
	if b.asked == 1 {
		slots = 2
	}
	slots = min(slots, max(1, int64(maxBackoff/g.interval)))
	base := g.at(due)
	next := base + slots
	if wait := min(run.Failure.RetryAfter, maxBackoff); wait > 0 {
		b.quiet = ended.Add(wait)
		next = max(next, g.from(b.quiet))
	}
	b.until = g.due(next)
	b.interval = time.Duration(next-base) * g.interval
	b.reason, b.run = Throttled, nil
	switch {
	case run.Outcome == flows.Failed:
		b.reason, b.run = Unavailable, run
	case b.until.After(b.quiet):
		b.quiet = b.until
		if longest := ended.Add(maxBackoff); b.quiet.After(longest) {
			b.quiet = longest
		}
	}
}

// slows reports whether the probe runs less often than it would.
func (b *backoff) slows(g grid) bool { return b.asked > 0 && b.interval > g.interval }

// slow changes the back-off after a run and returns how to tell of it, when there
// is something to tell.
func (e *entry) slow(due, ended time.Time, run *flows.Run) (tell func(Observer)) {
	told := e.backoff.told
	if asks(*run) {
		e.backoff.ask(e.grid, due, ended, run)
	} else {
		e.backoff = backoff{}
	}
	e.backoff.told = e.backoff.slows(e.grid)
	if !e.backoff.told && !told {
		return nil
	}
	return e.tell()
}

// tell is how to tell of the back-off as it is.
func (e *entry) tell() func(Observer) {
	name, until, interval := e.Name, e.backoff.until, e.backoff.interval
	if !e.backoff.told {
		until, interval = time.Time{}, e.Interval
	}
	return func(o Observer) { o.BackedOff(name, until, interval) }
}
