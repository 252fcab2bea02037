package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dark-tower/prober/flows"
)

// Observe counts a finished run. sampled says that its trace is exported, and can
// be pointed to by exemplars. A run of a probe that is no longer there, or that has
// become another flow, counts for nobody.
func (m *Metrics) Observe(run flows.Run, sampled bool) {
	m.mu.RLock() // to the end: what a reload replaces has then been counted
	defer m.mu.RUnlock()
	p, ok := m.probes[run.Probe]
	if !ok || p.counts.flow != run.Flow {
		return
	}
	o := observation{process: m.process, counts: p.counts, latencies: p.latencies, phases: m.phases[run.Flow], run: &run}
	if sampled && len(run.TraceID) == traceIDLen {
		o.exemplar = prometheus.Labels{"trace_id": run.TraceID}
	}
	runs, ok := o.counts.runs[ending{run.Outcome, run.Trigger}]
	if !ok {
		o.lost()
		return
	}
	o.count(runs)
	if run.Trigger != flows.Scheduled {
		return // what somebody tries out moves no indicator
	}
	o.outcome()
	o.steps()
	o.media()
	o.surroundings()
}

const traceIDLen = 32

// observation is one run on its way into the series.
type observation struct {
	process   *process
	counts    *counts
	latencies *latencies
	phases    *phases
	run       *flows.Run
	exemplar  prometheus.Labels // nil: the trace is not exported
}

// spoiled reports a run that the prober itself made inconclusive: what it measured
// before that is no evidence of the platform.
func (o *observation) spoiled() bool {
	f := o.run.Failure
	return o.run.Outcome == flows.Inconclusive && (f == nil || f.Hop == flows.Prober)
}

// judged reports a run that says something of the platform as a whole.
func (o *observation) judged() bool {
	return o.run.Outcome == flows.Success || o.run.Outcome == flows.Failed
}

func (o *observation) outcome() {
	run, c := o.run, o.counts
	o.observe(o.latencies.run[run.Outcome], run.Duration)
	at := seconds(run.Started.Add(run.Duration))
	c.lastRun.Set(at)
	switch run.Outcome {
	case flows.Success:
		c.lastSuccess.Set(at)
		c.failing.Set(0)
	case flows.Failed:
		c.failing.Inc()
		o.failure()
	case flows.Inconclusive:
		o.failure()
	}
	tainted := slices.Clone(run.Self.Taints)
	if f := run.Failure; o.spoiled() && f != nil && f.Cause != flows.CauseUnspecified {
		tainted = append(tainted, f.Cause)
	}
	slices.Sort(tainted)
	for _, cause := range slices.Compact(tainted) {
		if n, ok := c.tainted[cause]; ok {
			n.Inc()
		} else {
			o.lost()
		}
	}
	if run.Outcome == flows.Success && run.TimeToMedia != nil {
		o.observe(o.latencies.toMedia, *run.TimeToMedia)
	}
	if r := run.Restoration; run.Outcome == flows.Success && r != nil && r.Restored {
		o.observe(o.latencies.toRestore, r.TimeToRestore)
		for _, silence := range []time.Duration{r.ReturnerSilence, r.StayerSilence} {
			o.plain(o.latencies.silent, silence)
		}
	}
}

// failure counts what ended the run. A row that the table does not have is a defect
// of the attribution: it is counted at the same step and hop, as far as there is
// one, and as a lost observation besides.
func (o *observation) failure() {
	f := o.run.Failure
	if f == nil {
		o.lost()
		return
	}
	r := row{f.Step, f.Hop, f.Reason}
	if r.step == "" {
		r.step = nowhere
	}
	n, ok := o.counts.failures[r]
	if !ok {
		o.lost()
		for _, near := range []row{{r.step, r.hop, flows.Protocol}, {r.step, r.hop, flows.Closed}, {r.step, flows.Prober, flows.Self}, {nowhere, flows.Prober, flows.Self}} {
			if n, ok = o.counts.failures[near]; ok {
				break
			}
		}
	}
	o.count(n)
}

// steps observes the measured steps that were done, with their phases.
func (o *observation) steps() {
	if o.spoiled() {
		return
	}
	for i := range o.run.Steps {
		s := &o.run.Steps[i]
		if !s.Measured || s.Failure != nil {
			continue
		}
		o.observe(o.latencies.step[s.Step], s.Duration)
		for _, ph := range s.Phases {
			o.plain(o.phases.of[stepPhase{s.Step, ph.Name}], ph.Duration)
		}
	}
}

// surroundings counts what is evidence however the run ended.
func (o *observation) surroundings() {
	run, p := o.run, o.process
	add(o.counts.leaves["clean"], run.Leaves.Clean)
	add(o.counts.leaves["unclean"], run.Leaves.Unclean)
	for _, c := range run.Continuity {
		if n, ok := p.continuity[c]; ok {
			n.Inc()
		} else {
			o.lost()
		}
	}
	p.lag.Observe(run.Self.MaxLag.Seconds())
	add(p.dropped[Datagrams], run.Self.DroppedDatagrams)
	add(p.dropped[Records], run.Self.DroppedRecords)
	first := make(map[string]time.Time)
	for _, c := range run.Connections {
		if service, ok := serviceOf(c.Hop); ok && !c.CertificateUntil.IsZero() {
			if t, seen := first[service]; !seen || c.CertificateUntil.Before(t) {
				first[service] = c.CertificateUntil
			}
		}
	}
	for service, until := range first {
		p.certificates.WithLabelValues(service).Set(seconds(until))
	}
}

// lost notes something that no series exists for.
func (o *observation) lost() { o.process.lost(Observations, 1) }

// count adds one, and points to the run's trace if that is exported.
func (o *observation) count(c prometheus.Counter) {
	if e, ok := c.(prometheus.ExemplarAdder); ok && o.exemplar != nil {
		e.AddWithExemplar(1, o.exemplar)
		return
	}
	c.Inc()
}

// observe notes a duration, and points to the run's trace if that is exported.
func (o *observation) observe(h prometheus.Observer, d time.Duration) {
	if e, ok := h.(prometheus.ExemplarObserver); ok && o.exemplar != nil {
		e.ObserveWithExemplar(d.Seconds(), o.exemplar)
		return
	}
	o.plain(h, d)
}

// plain notes a duration.
func (o *observation) plain(h prometheus.Observer, d time.Duration) {
	if h == nil {
		o.lost()
		return
	}
	h.Observe(d.Seconds())
}

// add adds n, if there is a series and n is not negative.
func add(c prometheus.Counter, n int) {
	if c != nil && n > 0 {
		c.Add(float64(n))
	}
}

// seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / float64(time.Second) }
