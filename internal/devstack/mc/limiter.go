package mc

import "time"

// limiter is a token bucket: burst at once, then one per every. It starts full.
type limiter struct {
	burst int
	every time.Duration

	used int       // tokens taken and not yet earned back
	last time.Time // when used last went down, or up from zero
}

// allow takes one token if there is one.
func (l *limiter) allow(now time.Time) bool {
	if earned := int(now.Sub(l.last) / l.every); earned > 0 && l.used > 0 {
		l.used = max(0, l.used-earned)
		l.last = l.last.Add(time.Duration(earned) * l.every)
	}
	if l.used >= l.burst {
		return false
	}
	if l.used == 0 {
		l.last = now
	}
	l.used++
	return true
}
