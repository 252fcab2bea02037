// Package slo turns finished runs into good and bad events, events into error
// budgets and burn rates, and the runs of one check into a verdict.
//
// # Events
//
// An SLI is a share of good events. What an event is depends on the SLI, and
// [Objective.Count] says it in one place for the daemon and for the gate:
//
//   - Runs that are inconclusive or aborted are no events, of anything.
//   - What the prober itself may have spoilt is no event, neither good nor bad: a
//     latency sample that was taken while it was late, the delivery of a run in
//     which it dropped datagrams, a duration that is over its threshold by no more
//     than the prober was late.
//   - A failed run has no duration: it is slow for every SLI that is about the whole
//     run, and for the step that it failed at. A step that was never begun is no
//     event.
//   - Frames that were lost are the delivery's matter and not the latency's, and a
//     run that failed before anybody talked has no frames: that outage is counted by
//     the availability.
//
// # Knowing nothing
//
// A number without an event behind it is absent (nil), never 0 and never 100 %.
//
// The package does no I/O and has no clock: times are passed in. It knows nothing of
// schedules, metrics, files or terminals. Its subfolder statefile keeps budgets on
// disk, rules writes alerts for Prometheus, simulate measures how often verdicts and
// alerts are wrong.
package slo

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

// Platform is the service of objectives that no single service answers for.
const Platform = "platform"

// Objective is an SLI with a target and a window, and so an error budget.
type Objective struct {
	Name      string // unique within a configuration; the label of its series
	Probe     string
	Flow      flows.Flow
	Service   string // ac-service, gc-service, mc-service, mh-service or platform
	SLI       config.SLI
	Target    float64       // share of events that must be good, between 0 and 1
	Threshold time.Duration // up to which a duration is good; 0 for SLIs that are none
	Window    time.Duration // over which the target holds
	Interval  time.Duration // expected time between two events; 0 when it is not known

	// EventsPerRun is how many events a good run has; less than 1 where most have
	// none. See config.EventsPerRun.
	EventsPerRun float64

	Role          config.Role
	Gate          *config.Gate // nil: a check does not judge it
	Informational bool         // of a probe that is never judged
	Unchecked     bool         // no check can make runs of its probe
}

// Objectives lists every objective of a configuration, in its order.
func Objectives(cfg *config.Config) []Objective {
	var out []Objective
	for _, p := range cfg.Probes {
		unchecked := p.Flow == flows.SignIn || len(cfg.LanesOf(p, config.Check)) == 0
		for i, o := range p.Objectives {
			out = append(out, Objective{
				Name: p.ObjectiveName(i), Probe: p.Name, Flow: p.Flow, Service: serviceOf(o.SLI), SLI: o.SLI,
				Target: float64(o.Target), Threshold: o.Threshold.D(), Window: o.Window.D(),
				Interval: cfg.EventInterval(p, o.SLI), EventsPerRun: cfg.EventsPerRun(p, o.SLI),
				Role: o.Role, Gate: o.Gate, Informational: p.Informational, Unchecked: unchecked,
			})
		}
	}
	return out
}

// serviceOf names the service that answers for an SLI.
func serviceOf(sli config.SLI) string {
	if hop, ok := hopOf(sli); ok {
		return string(hop) + "-service"
	}
	switch sli {
	case config.RelayShare, config.DeliveryRatio:
		return string(flows.MH) + "-service"
	}
	if step, ok := stepOf(sli); ok {
		if step == flows.StepTalk || step == flows.StepRestore {
			return Platform // what all of them did together
		}
		return string(step.Owner()) + "-service"
	}
	return Platform
}

// hopOf is the hop of the SLIs that are the availability of one.
func hopOf(sli config.SLI) (flows.Hop, bool) {
	switch sli {
	case config.ACAvailability:
		return flows.AC, true
	case config.GCAvailability:
		return flows.GC, true
	case config.MCAvailability:
		return flows.MC, true
	case config.MHAvailability:
		return flows.MH, true
	}
	return "", false
}

// stepOf is the step of the SLIs that are the duration of one.
func stepOf(sli config.SLI) (flows.Step, bool) {
	for _, s := range flows.Steps() {
		if config.SLI(s) == sli {
			return s, true
		}
	}
	return "", false
}

// Budgeted is the share of events that may be bad, between 0 and 1.
func (o Objective) Budgeted() float64 { return 1 - o.Target }

// Allowed is how many events may be bad in a whole window; ok is false when it is
// not known how many there will be.
func (o Objective) Allowed() (events float64, ok bool) {
	if o.Interval <= 0 {
		return 0, false
	}
	return o.Budgeted() * float64(o.Window) / float64(o.Interval), true
}
