package link

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// overtaking bounds how long a reordered packet waits for its successor.
const overtaking = 100 * time.Millisecond

// A flow is what a direction remembers of one client.
type flow struct {
	client netip.AddrPort // zero in a tunnel
	send   func(data []byte) error

	dice   *rand.Rand
	count  uint64    // packets so far
	latest time.Time // due time of the last packet; those behind it keep their place
	era    uint64    // of the conditions under which latest was set
	held   *transit  // waits for its successor
}

// newFlow returns the flow of the nth client of a direction. What happens to its
// kth packet depends on the seed, n, k and the conditions, and on nothing else.
func newFlow(seed uint64, d Direction, n uint64) *flow {
	return &flow{dice: rand.New(rand.NewPCG(seed, n<<1|uint64(d)))}
}

// throw is one packet's luck. Every packet draws all of it, so that the luck of
// those behind it does not depend on the conditions.
type throw struct {
	loss, reorder, duplicate float64 // 0..1; below the condition's share it happens
	jitter                   float64 // -1..1
}

func (f *flow) throw() throw {
	return throw{f.dice.Float64(), f.dice.Float64(), f.dice.Float64(), 2*f.dice.Float64() - 1}
}

// A shaper decides what becomes of packets. It keeps the state of a direction that
// all clients share, and does no I/O.
type shaper struct {
	cond Conditions
	era  uint64    // counts the conditions
	free time.Time // when the last packet accepted so far will have left at the rate
}

func (s *shaper) set(c Conditions) {
	s.cond = c
	s.era++
}

// A course is what becomes of a packet: how it ends, or when it leaves.
type course struct {
	fate  Fate // Forwarded, unless it is lost
	due   time.Time
	twice bool
	hold  bool
}

// steer decides about the next packet of f, which came in at a moment. Packets
// that are spared are neither lost nor reordered nor duplicated.
func (s *shaper) steer(f *flow, in time.Time, size int, spared bool) course {
	luck := f.throw()
	c := &s.cond
	switch {
	case c.BlackHole:
		return course{fate: Swallowed}
	case !spared && luck.loss < c.Loss:
		return course{fate: Lost}
	}
	due := in
	if c.Rate > 0 {
		if s.free.Before(in) {
			s.free = in
		}
		queue := c.Queue
		if queue == 0 {
			queue = DefaultQueue
		}
		if s.free.Sub(in) > queue {
			return course{fate: Overtaxed}
		}
		s.free = s.free.Add(time.Duration(float64(size) * 8 / float64(c.Rate) * float64(time.Second)))
		due = s.free
	}
	due = due.Add(c.Delay + time.Duration(luck.jitter*float64(c.Jitter)))
	if f.era == s.era && due.Before(f.latest) {
		due = f.latest
	}
	f.latest, f.era = due, s.era
	hold := !spared && f.held == nil && luck.reorder < c.Reorder
	return course{fate: Forwarded, due: due, hold: hold, twice: !spared && !hold && luck.duplicate < c.Duplicate}
}
