package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// grid is the due times of a probe: first + slot*interval.
type grid struct {
	first    time.Time
	interval time.Duration
}

// seed is the same for a probe of an instance for ever. The hash must mix well: names
// that differ in their last letter must lie far apart.
func seed(instance, probe string) uint64 {
	sum := sha256.Sum256([]byte(instance + "\x00" + probe))
	return binary.BigEndian.Uint64(sum[:])
}

// splay is at least 0 and less than the interval: seed as a fraction of it.
func splay(seed uint64, interval time.Duration) time.Duration {
	share, _ := bits.Mul64(seed, uint64(interval))
	return time.Duration(share)
}

func (g grid) due(slot int64) time.Time {
	return g.first.Add(time.Duration(slot) * g.interval)
}

// from is the first slot that is due at t or later; never negative.
func (g grid) from(t time.Time) int64 {
	if !t.After(g.first) {
		return 0
	}
	return int64((t.Sub(g.first)-1)/g.interval) + 1
}

// at is the last slot that is due at t or before it; -1 when none is.
func (g grid) at(t time.Time) int64 {
	if t.Before(g.first) {
		return -1
	}
	return int64(t.Sub(g.first) / g.interval)
}
