package config

import (
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
)

// framesPerSecond is what a person who talks sends.
const framesPerSecond = 50

// tokenLifetime is how long AC's user tokens are good for. As long as one is
// remembered, nobody signs in.
const tokenLifetime = time.Hour

// ObjectiveName is the name of the probe's objective at index i: the one that was
// given, or <probe>-<sli>, and -<threshold> besides where the probe has the SLI
// twice.
func (p Probe) ObjectiveName(i int) string {
	o := p.Objectives[i]
	if o.Name != "" {
		return o.Name
	}
	name := p.Name + "-" + strings.ReplaceAll(string(o.SLI), "_", "-")
	for j, other := range p.Objectives {
		if j != i && other.SLI == o.SLI && o.Threshold != 0 {
			return name + "-" + strings.ReplaceAll(o.Threshold.String(), ".", "-")
		}
	}
	return name
}

// EventsPerRun is how many events of an SLI one good run has: frames for the SLIs
// that are about frames, ordered pairs for relay_share, people for the steps that
// each of them takes, and 1 for everything else. It is less than 1 where most runs
// have none.
func (c *Config) EventsPerRun(p Probe, sli SLI) float64 {
	people := 2.0
	if p.Media != nil {
		people = float64(p.Media.Participants)
	}
	pairs := people * (people - 1)
	switch sli {
	case OneWayLatency, DeliveryRatio:
		if p.Media == nil {
			return 0
		}
		return pairs * framesPerSecond * p.Media.Duration.D().Seconds()
	case RelayShare:
		return pairs
	case TraceContinuity:
		return people
	case ACAvailability, SLI(flows.StepSignIn):
		return c.signIns(p)
	}
	if p.Flow == flows.Join || p.Flow == flows.SignIn {
		return 1 // of the person; the anchor's gc_assign
	}
	switch flows.Step(sli) {
	case flows.StepGCJoin:
		return people - 1
	case flows.StepMCConnect, flows.StepMCJoin, flows.StepMHConnect, flows.StepSubscribe:
		return people
	case flows.StepFirstMedia:
		return pairs
	}
	return 1
}

// signIns is how often AC is asked in one run: in every run of flow sign_in, and
// otherwise only when a token has run out.
func (c *Config) signIns(p Probe) float64 {
	if p.Flow == flows.SignIn {
		return 1
	}
	lanes := c.LanesOf(p, Run)
	accounts := 0
	for range lanes {
		accounts += minAccounts(p)
	}
	return min(1, float64(accounts)*float64(p.Interval)/float64(tokenLifetime))
}

// EventInterval is the expected time between two events of an SLI of a probe that
// the daemon runs; 0 when it is not known.
func (c *Config) EventInterval(p Probe, sli SLI) time.Duration {
	every, events := p.Every(c.LanesOf(p, Run)), c.EventsPerRun(p, sli)
	if events <= 0 {
		return 0
	}
	return time.Duration(float64(every) / events)
}
