package schedule

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// Start is a run that begins.
type Start struct {
	Probe, Lane string
	Slot        int64         // -1 for a run by hand
	Due         time.Time     // for a run by hand, when it was asked for
	Delay       time.Duration // from due until started: the prober's own
	Trigger     flows.Trigger
}

// Skip is a slot without a run.
type Skip struct {
	Probe  string
	Slot   int64
	Due    time.Time
	Reason SkipReason
}

// SkipReason is why a slot has no run.
type SkipReason string

// The reasons.
const (
	Overlap     SkipReason = "overlap"     // the probe's last run still goes
	Unavailable SkipReason = "unavailable" // backing off after a 503
	Throttled   SkipReason = "throttled"   // backing off after a 429
	Saturated   SkipReason = "saturated"   // the budget has no room
	Resting     SkipReason = "resting"     // no lane has rested
	Paused      SkipReason = "paused"      // by configuration
	Late        SkipReason = "late"        // the prober woke up when the next slot was due already
)

// SkipReasons lists the closed set.
func SkipReasons() []SkipReason {
	return []SkipReason{Overlap, Unavailable, Throttled, Saturated, Resting, Paused, Late}
}

// Observer is told what happens. Its methods are called from the goroutine of the
// run or from the scheduler's loop, which they hold up: they must not block. They may
// call the scheduler, except for Run. Of one run, Started comes first and Finished
// second; the probe's next run starts after Finished has returned.
type Observer interface {
	Started(Start)
	Skipped(Skip)
	Finished(Start, flows.Run)
	// Inherited says that so many slots, reported as skipped, share the outcome of run.
	// The run may be one by hand; its Trigger tells.
	Inherited(run flows.Run, slots int)
	// BackedOff says that the probe's next run is not due before until, interval after
	// the one that was asked to slow down. With a zero until the probe has recovered,
	// and interval is its own.
	BackedOff(probe string, until time.Time, interval time.Duration)
}

// nobody listens.
type nobody struct{}

func (nobody) Started(Start)                              {}
func (nobody) Skipped(Skip)                               {}
func (nobody) Finished(Start, flows.Run)                  {}
func (nobody) Inherited(flows.Run, int)                   {}
func (nobody) BackedOff(string, time.Time, time.Duration) {}
