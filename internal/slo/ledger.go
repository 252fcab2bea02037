package slo

import "time"

// The widths of the buckets, and how long the fine ones are kept.
const (
	hour     = time.Hour
	fineWide = 15 * time.Second
	fineKept = time.Hour
	day      = 24 * time.Hour
)

// BurnWindows lists the windows over which a burn rate is reported.
func BurnWindows() []time.Duration {
	return []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, day, 3 * day}
}

// Ledger counts the events of one objective: in hours over its window, and finely
// over the last hour. It is not safe for concurrent use.
type Ledger struct {
	objective Objective
	hours     ring
	fine      ring
	since     time.Time // of the first event there is; zero without any
}

// NewLedger returns an empty ledger.
func NewLedger(o Objective) *Ledger {
	return &Ledger{
		objective: o,
		hours:     newRing(hour, max(o.Window, 3*day)),
		fine:      newRing(fineWide, fineKept),
	}
}

// Objective is what the ledger is kept for.
func (l *Ledger) Objective() Objective { return l.objective }

// Add counts events that ended at now.
func (l *Ledger) Add(now time.Time, events, bad uint64) {
	if events == 0 {
		return
	}
	l.rewind(now)
	bad = min(bad, events)
	l.hours.add(now, events, bad)
	l.fine.add(now, events, bad)
	if l.since.IsZero() {
		l.since = now
	}
}

// rewind forgets what was counted by a clock that was ahead: it cannot be told when
// that was. A clock that was ahead by less than an hour loses no hour.
func (l *Ledger) rewind(now time.Time) {
	l.hours.forgetAfter(now)
	l.fine.forgetAfter(now)
	if l.since.After(now) {
		l.since = l.hours.first()
	}
}

// bucket counts the events of one span of time.
type bucket struct {
	slot        int64 // its start, in widths since the epoch
	events, bad uint64
}

// ring keeps the buckets of the last while.
type ring struct {
	width   time.Duration
	buckets []bucket // the one of slot s at s modulo the length
	newest  int64    // no bucket has a later slot
}

// newRing keeps buckets over at least span, besides the one that is being filled.
func newRing(width, span time.Duration) ring {
	return ring{width: width, buckets: make([]bucket, int((span+width-1)/width)+1)}
}

func (r *ring) slot(at time.Time) int64 {
	n, w := at.UnixNano(), int64(r.width)
	if n < 0 {
		return 0
	}
	return n / w
}

func (r *ring) at(slot int64) *bucket { return &r.buckets[slot%int64(len(r.buckets))] }

func (r *ring) add(now time.Time, events, bad uint64) {
	s := r.slot(now)
	b := r.at(s)
	if b.slot != s {
		*b = bucket{slot: s}
	}
	b.events += events
	b.bad += bad
	r.newest = max(r.newest, s)
}

// forgetAfter empties the buckets that begin after now.
func (r *ring) forgetAfter(now time.Time) {
	s := r.slot(now)
	if r.newest <= s {
		return
	}
	r.newest = s
	for i, b := range r.buckets {
		if b.slot > s {
			r.buckets[i] = bucket{}
		}
	}
}

// first is when the earliest bucket with events begins; zero without any.
func (r *ring) first() time.Time {
	var least *bucket
	for i, b := range r.buckets {
		if b.events > 0 && (least == nil || b.slot < least.slot) {
			least = &r.buckets[i]
		}
	}
	if least == nil {
		return time.Time{}
	}
	return r.start(least.slot)
}

func (r *ring) start(slot int64) time.Time { return time.Unix(0, slot*int64(r.width)) }

// each calls fn for the buckets that hold any of the span before now, with the share
// of the bucket that lies in it: 1 for all but the oldest.
func (r *ring) each(now time.Time, span time.Duration, fn func(b bucket, share float64)) {
	from, last := now.Add(-span), r.slot(now)
	for s := max(r.slot(from), last-int64(len(r.buckets))+1); s <= last; s++ {
		b := r.at(s)
		if b.slot != s || b.events == 0 {
			continue
		}
		share := 1.0
		if cut := from.Sub(r.start(s)); cut > 0 {
			share = 1 - float64(cut)/float64(r.width)
		}
		fn(*b, share)
	}
}
