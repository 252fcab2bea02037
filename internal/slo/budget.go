package slo

import "time"

// Budget is the state of an objective's error budget at one moment. What no event
// stands behind is nil.
type Budget struct {
	Objective Objective
	Events    uint64 // within the window
	Bad       uint64

	SLI *float64 // share of good events, between 0 and 1

	// Allowed is how many events may be bad in a whole window: the budget, times the
	// events that are expected in it. 0 when those are not known.
	Allowed float64
	// Consumed is the share of Allowed that is bad, 0 or more; above 1 the objective
	// is missed. Remaining is what is left of 1, and negative then.
	Consumed  *float64
	Remaining *float64
	// RemainingUnmeasuredBad is Remaining if everything that was expected since the
	// first event and was not measured had been bad.
	RemainingUnmeasuredBad *float64
	// Rate is Consumed over the part of the window that has elapsed: above 1 is faster
	// than sustainable. Once a whole window has elapsed it is Consumed. It is nil in
	// the first hour.
	Rate *float64
	// Burn is the share of bad events over the budgeted share, in each of BurnWindows:
	// 1 uses up the budget in exactly one window of the objective. Windows without
	// events are absent.
	Burn map[time.Duration]float64

	Elapsed  time.Duration // since the first event, at most the window
	Measured time.Duration // what the events account for, at their expected interval
	Coverage float64       // Measured of the window, between 0 and 1

	MinutesBad float64 // bad events times the interval: an estimate
}

// least is how long there must have been events before a rate is worth saying.
const least = time.Hour

// Report returns the budget at now.
func (l *Ledger) Report(now time.Time) Budget {
	o := l.objective
	b := Budget{Objective: o, Burn: make(map[time.Duration]float64)}
	b.Allowed, _ = o.Allowed()
	l.hours.each(now, o.Window, func(h bucket, share float64) {
		b.Events += uint64(float64(h.events)*share + 0.5)
		b.Bad += uint64(float64(h.bad)*share + 0.5)
		measured := time.Duration(float64(h.events) * float64(o.Interval))
		b.Measured += time.Duration(share * float64(min(measured, hour)))
	})
	if b.Events == 0 {
		return b
	}
	b.SLI = new(1 - float64(b.Bad)/float64(b.Events))
	b.Elapsed = min(max(now.Sub(l.since), 0), o.Window)
	b.Measured = min(b.Measured, b.Elapsed+o.Interval, o.Window)
	b.Coverage = float64(b.Measured) / float64(o.Window)
	b.MinutesBad = float64(b.Bad) * o.Interval.Minutes()
	for _, w := range BurnWindows() {
		if rate, ok := l.burn(now, w); ok {
			b.Burn[w] = rate
		}
	}
	if b.Allowed <= 0 {
		return b
	}
	consumed := float64(b.Bad) / b.Allowed
	unmeasured := max(0, float64(b.Elapsed-b.Measured)/float64(o.Interval))
	b.Consumed, b.Remaining = new(consumed), new(1-consumed)
	b.RemainingUnmeasuredBad = new(1 - consumed - unmeasured/b.Allowed)
	if b.Elapsed >= least {
		b.Rate = new(consumed * float64(o.Window) / float64(b.Elapsed))
	}
	return b
}

// burn is the burn rate over the last while; ok is false when there was no event.
func (l *Ledger) burn(now time.Time, window time.Duration) (rate float64, ok bool) {
	from := &l.hours
	if window <= fineKept {
		from = &l.fine
	}
	var events, bad float64
	from.each(now, window, func(b bucket, share float64) {
		events += share * float64(b.events)
		bad += share * float64(b.bad)
	})
	if events == 0 {
		return 0, false
	}
	return bad / events / l.objective.Budgeted(), true
}
