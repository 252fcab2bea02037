package metrics

import "time"

// Started notes that a scheduled run started, delay after it was due.
func (m *Metrics) Started(name string, delay time.Duration) {
	m.of(name, func(p *probe) {
		p.counts.enter(1)
		p.counts.delay.Observe(delay.Seconds())
	})
}

// Finished notes that a run that was Started has returned.
func (m *Metrics) Finished(name string) {
	m.of(name, func(p *probe) { p.counts.enter(-1) })
}

// Skipped counts a run that was due and not started, for one of SkipReasons.
func (m *Metrics) Skipped(name, reason string) {
	m.of(name, func(p *probe) {
		if c, ok := p.counts.skipped[reason]; ok {
			c.Inc()
		} else {
			m.process.lost(Observations, 1)
		}
	})
}

// BackedOff notes the interval in force; at or below the probe's own, 0 included,
// it has recovered.
func (m *Metrics) BackedOff(name string, interval time.Duration) {
	m.of(name, func(p *probe) {
		if interval <= p.interval {
			interval = 0
		}
		p.counts.backoff.Set(interval.Seconds())
	})
}

// of calls fn with a probe that there still is.
func (m *Metrics) of(name string, fn func(*probe)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p, ok := m.probes[name]; ok {
		fn(p)
	}
}
