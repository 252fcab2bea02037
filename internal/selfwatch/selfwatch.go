// Package selfwatch measures how late the prober itself is. A sampler on a
// thread of its own asks to be woken at fixed intervals and keeps the moments
// at which it was woken too late: whatever else was due then was late too, and
// a sample taken then says nothing of the platform.
package selfwatch

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// Late is the lateness from which on a moment counts as the prober's own lag.
const Late = 5 * time.Millisecond

const (
	interval = 2 * time.Millisecond
	capacity = 1 << 16 // at the worst, minutes of uninterrupted lag
)

// Lag is one span of time during which the prober did not run when it was due.
type Lag struct {
	From, To time.Time
}

// Sampler keeps the lags seen since it was started.
type Sampler struct {
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex // protects all following fields
	lags []Lag
	full bool
}

// Start starts a sampler. Stop must be called.
func Start() *Sampler {
	s := &Sampler{stop: make(chan struct{}), done: make(chan struct{})}
	go s.sample()
	return s
}

// Stop ends the sampling; what was seen stays readable.
func (s *Sampler) Stop() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	<-s.done
}

func (s *Sampler) sample() {
	defer close(s.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	due := time.Now().Add(interval)
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		s.note(due, now)
		due = now.Add(interval)
		timer.Reset(interval)
	}
}

func (s *Sampler) note(due, woken time.Time) {
	if woken.Sub(due) <= Late {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lags) == capacity {
		s.full = true
		return
	}
	s.lags = append(s.lags, Lag{From: due, To: woken})
}

// WorstDuring is the greatest lateness that touched from..to; lateness of up to
// Late is not kept, and counts as none.
func (s *Sampler) WorstDuring(from, to time.Time) time.Duration {
	var worst time.Duration
	s.during(from, to, func(l Lag) { worst = max(worst, l.To.Sub(l.From)) })
	return worst
}

// LateDuring reports whether any part of from..to fell into a lag.
func (s *Sampler) LateDuring(from, to time.Time) bool { return s.LagDuring(from, to) > 0 }

// LagDuring is the part of from..to, summed over all lags, during which the
// prober was late.
func (s *Sampler) LagDuring(from, to time.Time) time.Duration {
	var sum time.Duration
	s.during(from, to, func(l Lag) {
		a, b := l.From, l.To
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		sum += max(0, b.Sub(a))
	})
	return sum
}

// during calls fn for each lag that overlaps from..to. Once the record is full
// no moment can be vouched for, and all of from..to is one lag.
func (s *Sampler) during(from, to time.Time, fn func(Lag)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		fn(Lag{From: from, To: to})
		return
	}
	first, _ := slices.BinarySearchFunc(s.lags, from, func(l Lag, t time.Time) int { return l.To.Compare(t) })
	for _, l := range s.lags[first:] {
		if !l.From.Before(to) {
			return
		}
		fn(l)
	}
}
