package gate

import (
	"time"

	"github.com/dark-tower/prober/internal/config"
)

// AtMost is how long Run takes at the very most: every run takes all of its time, is
// made up for as often as may be, and leaves its lane to rest for as long as a lane can
// have to.
func (g *Gate) AtMost() time.Duration { return g.warmUpAtMost() + g.runsAtMost() }

// warmUpAtMost is that of the warm-up: its last run may begin when it is over.
func (g *Gate) warmUpAtMost() time.Duration {
	if g.opts.WarmUp <= 0 {
		return 0
	}
	run, _ := g.worst(g.probes[0])
	return g.opts.WarmUp + run
}

// runsAtMost is that of the runs that are judged.
func (g *Gate) runsAtMost() time.Duration {
	var slowest, most, wait time.Duration
	for _, j := range g.probes {
		run, rest := g.worst(j)
		slowest = max(slowest, run)
		alone := j.turns()*(run+rest) + time.Duration(j.most-1)*j.gap
		if g.opts.WarmUp <= 0 {
			alone -= rest // nobody waits for the last one; with a warm-up there is one before the first
		}
		most = max(most, alone)
		wait += time.Duration(j.most) * run
	}
	if least, waited := g.crowded(); waited {
		most += wait / time.Duration(least) // whoever waits for room waits for runs
	}
	if g.opts.For > 0 {
		most = min(most, g.opts.For+slowest)
	}
	return most
}

// worst is how long a run takes with its clean-up, and its lane then rests, at most.
func (g *Gate) worst(j *judged) (run, rest time.Duration) {
	p := g.opts.Site.Config.Platform
	_, rest = j.each()
	return j.Timeout.D() + p.Deadlines.Teardown.D(), max(rest, p.Ghost.D(), backOff, longest)
}

// turns is how many runs one lane makes one after the other, at most. What makes up for
// runs that could not be judged may be made by one lane alone: the others have ended when
// the runs under way could have been enough.
func (j *judged) turns() time.Duration {
	lanes := len(j.Lanes)
	return time.Duration((j.planned+lanes-1)/lanes + j.most - j.planned)
}

// crowded reports whether runs may have to wait for room, and how many are then under
// way at least.
func (g *Gate) crowded() (least int, waited bool) {
	lanes := 0
	var needs config.Budget
	for _, j := range g.probes {
		lanes += len(j.Lanes)
		needs.Participants = max(needs.Participants, j.needs.Participants)
		needs.DatagramsPerSecond = max(needs.DatagramsPerSecond, j.needs.DatagramsPerSecond)
	}
	least = g.room.abreast(needs)
	return least, lanes > least
}
