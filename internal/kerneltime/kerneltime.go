// Package kerneltime tells when the kernel took a packet from the network, as a
// moment of this process's clock. What lies between that moment and the moment a
// goroutine has the packet in hand is the process's own slowness.
//
// It knows sockets and clocks. It must not know what the packets are.
package kerneltime

import (
	"time"
)

// ControlSize is the room in bytes that a read needs for the control messages of
// a socket for which [Enable] was called.
const ControlSize = 128

// Control is what the kernel says about one packet.
type Control struct {
	// Wall is when the packet came in by the kernel's wall clock, in nanoseconds
	// since 1970; 0: not known.
	Wall int64
	// Drops is how many packets the kernel has dropped at this socket so far,
	// modulo 1<<32, because its buffer was full.
	Drops uint32
}

// tolerance is how far two samples of one pair of clocks may lie apart: what a
// read of both costs at worst, and the slewing of the wall clock between reads.
const tolerance = 20 * time.Microsecond

// maxAge bounds how long a packet may have waited in a socket's buffer for its
// receive time to be believed.
const maxAge = 10 * time.Second

// Clock relates the kernel's wall clock to the process's monotonic one. The wall
// clock may step at any time: the relation is sampled with every packet. It is
// for one goroutine. The zero value is ready.
type Clock struct {
	birth  time.Time     // nothing but an origin; what counts is its monotonic reading
	offset time.Duration // wall minus monotonic time since birth, as last sampled
	wall   func(time.Time) int64
}

// Moment turns the receive time of a packet that has just been read into a moment
// with a monotonic reading. now is when it was read. The receive time is zero when
// it is not known, or when the clocks do not let it be told: the wall clock has
// just stepped, or the process lost the CPU between reading the two.
func (c *Clock) Moment(wall int64) (received, now time.Time) {
	now = time.Now()
	if wall == 0 {
		return time.Time{}, now
	}
	if c.birth.IsZero() {
		c.birth = now
		c.offset = c.relation(time.Now())
	}
	sample := c.relation(now)
	if (sample - c.offset).Abs() > tolerance {
		// Either now is torn or the wall clock has stepped: a second look tells.
		again := c.relation(time.Now())
		torn := (again - sample).Abs() > tolerance
		c.offset = again
		if torn {
			return time.Time{}, now
		}
	}
	c.offset = sample
	received = c.birth.Add(time.Duration(wall-c.birth.UnixNano()) - c.offset)
	if age := now.Sub(received); age < 0 || age > maxAge {
		return time.Time{}, now
	}
	return received, now
}

// relation is how far the wall clock has moved ahead of the monotonic one since
// birth.
func (c *Clock) relation(t time.Time) time.Duration {
	wall := t.UnixNano
	if c.wall != nil {
		wall = func() int64 { return c.wall(t) }
	}
	return time.Duration(wall()-c.birth.UnixNano()) - t.Sub(c.birth)
}
