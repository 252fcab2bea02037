package selfwatch

import "time"

// Reading is one look at this machine's clocks. Only the differences of two readings
// mean something.
type Reading struct {
	Wall      time.Time     // as it was set; without a monotonic part
	Running   time.Time     // by its monotonic part, which stands still while the machine is suspended
	Suspended time.Duration // how long the machine has been suspended; stays 0 where that is not known
}

// Clock takes a reading.
type Clock func() Reading

// agreement is how near two looks in a row must be to each other. Whoever is
// taken off the processor between one clock and the next reads nonsense.
const agreement = 50 * time.Millisecond

// SystemClock reads the machine's own clocks.
func SystemClock() Reading {
	return steady(func() Reading {
		now := time.Now()
		return Reading{Wall: now.Round(0), Running: now, Suspended: suspended()}
	})
}

// steady looks until two looks in a row agree, a few times at most.
func steady(look Clock) Reading {
	last := look()
	for range 4 {
		next := look()
		slept, set := Shift(last, next)
		if last = next; slept.Abs() < agreement && set.Abs() < agreement {
			break
		}
	}
	return last
}

// Shift is what happened to the machine's clocks between two readings: for how
// long it was suspended, and by how much its wall clock was set, negative for
// back. Where suspension is not known, it shows as a wall clock that was set.
func Shift(from, to Reading) (slept, set time.Duration) {
	slept = to.Suspended - from.Suspended
	set = to.Wall.Sub(from.Wall) - to.Running.Sub(from.Running) - slept
	return slept, set
}
