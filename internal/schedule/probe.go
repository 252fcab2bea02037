package schedule

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// Probe is what the scheduler needs to know of one.
type Probe struct {
	Name string
	// Interval between the starts of two scheduled runs. With 0 the probe is run by
	// hand only.
	Interval time.Duration
	// Lanes are taken in turns. A lane belongs to one probe. Without any, a run needs
	// none.
	Lanes []Lane
	// Participants and DatagramsPerSecond are what one run takes of the budget.
	Participants, DatagramsPerSecond int
	// Standing is what those people take of the budget who stay on the probe's lanes
	// between its runs; it is part of no run. They leave when a reload changes or
	// removes the probe, and the lanes rest from then.
	Standing Budget
	// Paused probes skip their slots and can be run by hand.
	Paused bool
	// Fingerprint tells whether a reload changed the probe: it is left alone when the
	// fingerprint is the same.
	Fingerprint string

	// Flow and Informational are for the run that is recorded when Options.Run panics.
	Flow          flows.Flow
	Informational bool
}

// Lane is a place for one run at a time.
type Lane struct {
	Name string
	Rest time.Duration // after a run that left nobody behind
}

// Budget bounds what all runs together do to the platform at any moment. With zeros
// no run is started that takes any of it.
type Budget struct {
	Participants, DatagramsPerSecond int
}

func (p Probe) needs() Budget { return Budget{p.Participants, p.DatagramsPerSecond} }

// room reports whether need can be taken besides used.
func (b Budget) room(used, need Budget) bool {
	return fits(used.Participants, need.Participants, b.Participants) &&
		fits(used.DatagramsPerSecond, need.DatagramsPerSecond, b.DatagramsPerSecond)
}

// fits lets pass what takes nothing, even when a reload has made the budget smaller
// than what is in use.
func fits(used, need, all int) bool { return need == 0 || used+need <= all }

func (b Budget) plus(o Budget) Budget {
	return Budget{b.Participants + o.Participants, b.DatagramsPerSecond + o.DatagramsPerSecond}
}

func (b Budget) minus(o Budget) Budget {
	return Budget{b.Participants - o.Participants, b.DatagramsPerSecond - o.DatagramsPerSecond}
}
