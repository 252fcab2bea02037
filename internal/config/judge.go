package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dark-tower/prober/flows"
)

// maxObjectiveName bounds the names of objectives: they are label values, and hold
// the probe's name and the SLI's.
const maxObjectiveName = 80

// objectiveNames reports objectives that would be one series.
func (d *decoder) objectiveNames(c *Config) {
	first := make(map[string]string)
	for i, p := range c.Probes {
		for j, o := range p.Objectives {
			path := fmt.Sprintf("probes[%d].objectives[%d]", i, j)
			if o.Name != "" && (len(o.Name) > maxObjectiveName || !nameShape.MatchString(o.Name)) {
				d.at(path+".name", show(o.Name)+" cannot be a name", fmt.Sprintf("use a-z, 0-9 and single hyphens, beginning with a letter, at most %d characters", maxObjectiveName))
			}
			if p.Name == "" || o.SLI == "" {
				continue // reported already
			}
			name := p.ObjectiveName(j)
			// What says the same as a neighbour has been reported already.
			if at, twice := first[name]; twice && !p.repeats(j) {
				where := path
				if o.Name != "" {
					where += ".name"
				}
				d.at(where, fmt.Sprintf("%s is the name of %s already", show(name), at), "give it a name of its own")
			} else if !twice {
				first[name] = path
			}
		}
	}
}

// repeats reports that an objective without a name of its own says the same as one
// before it.
func (p Probe) repeats(j int) bool {
	for _, before := range p.Objectives[:j] {
		if o := p.Objectives[j]; o.Name == "" && before.SLI == o.SLI && before.Threshold == o.Threshold {
			return true
		}
	}
	return false
}

// judgements refuses objectives that cannot be meant, and warns of those that
// probably are not.
func (d *decoder) judgements(c *Config) {
	for i, p := range c.Probes {
		known := slisOf(p.Flow)
		for j, o := range p.Objectives {
			path := fmt.Sprintf("probes[%d].objectives[%d]", i, j)
			d.informs(path, p, o)
			if _, ok := known[o.SLI]; !ok || o.Target == 0 || o.Window == 0 || p.Interval == 0 {
				continue // reported already
			}
			a := appraisal{d: d, path: path, probe: p, objective: o, every: c.runInterval(p, o.SLI)}
			a.gate(c)
			if a.rare() {
				continue
			}
			a.coarse()
			a.alerts()
		}
	}
}

// informs refuses a probe that decides nothing and has an objective that does.
func (d *decoder) informs(path string, p Probe, o Objective) {
	if !p.Informational {
		return
	}
	if o.Role != Inform && o.Role != "" {
		d.at(path+".role", "the probe is informational, and its objectives wake nobody", "set role: inform")
	}
	if o.Gate != nil {
		d.at(path+".gate", "the probe is informational, and its objectives gate nothing", "remove the gate")
	}
}

// appraisal is the judgement of one objective.
type appraisal struct {
	d         *decoder
	path      string
	probe     Probe
	objective Objective
	every     time.Duration // between two runs with an event
}

// runInterval is the expected time between two runs that have an event of an SLI.
func (c *Config) runInterval(p Probe, sli SLI) time.Duration {
	return time.Duration(float64(c.EventInterval(p, sli)) * max(1, c.EventsPerRun(p, sli)))
}

// rare reports an SLI of which there will be hardly any event.
func (a appraisal) rare() bool {
	p, o := a.probe, a.objective
	resident := p.Join != nil && p.Join.Anchor == Resident
	switch {
	case p.Flow != flows.SignIn && (o.SLI == ACAvailability || o.SLI == SLI(flows.StepSignIn)):
		a.d.warn(a.path+".sli", fmt.Sprintf("a flow that remembers its tokens asks AC only when one has run out, about every %s here", Duration(a.every.Round(time.Second))),
			"put the objective on a probe of flow sign_in")
	case resident && o.SLI == SLI(flows.StepGCAssign):
		a.d.warn(a.path+".sli", "a resident anchor is brought in once and then stays, so that there is hardly any event", "set anchor: transient, or remove the objective")
	default:
		return false
	}
	return true
}

// coarse refuses an objective that one bad run nearly uses up: it can only be met or
// missed by chance. It warns of one that a bad run takes a noticeable part of.
func (a appraisal) coarse() {
	const refused, noticed = 0.1, 0.01
	o := a.objective
	if o.AllowCoarse {
		return
	}
	allowed := (1 - float64(o.Target)) * float64(o.Window) / float64(a.every)
	cost := 1 / allowed
	what := fmt.Sprintf("one bad run of one every %s takes %s of the budget of %s over %s", Duration(a.every), percent(cost), o.Target, o.Window)
	switch {
	case cost > refused && o.Role != Inform:
		a.d.at(a.path+".target", what, "run more often, lower the target, set role: inform, or set allow_coarse: true")
	case cost > noticed*(1+1e-9):
		a.d.warn(a.path+".target", what, "run more often or lower the target: at most 1% keeps chance out of it; allow_coarse: true accepts it")
	}
}

// percent writes a share with two digits.
func percent(share float64) string {
	digits := 0
	if share < 0.0995 {
		digits = 1
	}
	return strconv.FormatFloat(100*share, 'f', digits, 64) + "%"
}

// The alerting rules, as far as an objective has to fit them: burn rates of 14.4 and 6
// over windows of at least 5m and 30m page, 3 and 1 write tickets; on budgets of 3 %
// and more, where 14.4 and 6 come late or never, a page takes more than half of the
// events over 15m and 5m. Each takes 3 bad runs in its shorter window.
const (
	ticketFactor = 3.0
	pageWindow   = 30 * time.Minute
	wideWindow   = 15 * time.Minute
	wideTarget   = 0.97
	badRuns      = 3
)

// alerts refuses roles that can never be played.
func (a appraisal) alerts() {
	o := a.objective
	if o.Role != Page && o.Role != Warn {
		return
	}
	if burnt := ticketFactor * (1 - float64(o.Target)); burnt >= 1-1e-9 {
		a.d.at(a.path+".target", fmt.Sprintf("burning %g times a budget of %s takes %.0f%% of the events, so that no alert can come of it",
			ticketFactor, Ratio(1-float64(o.Target)), 100*burnt), "raise the target above 66.7%, or set role: inform")
		return
	}
	window := pageWindow
	if float64(o.Target) <= wideTarget+1e-9 {
		window = wideWindow
	}
	if o.Role == Page && badRuns*a.every > window {
		a.d.at(a.path+".role", fmt.Sprintf("with a run every %s there are never %d bad ones within %s, and a page takes as many", Duration(a.every), badRuns, Duration(window)),
			fmt.Sprintf("run at least every %s, or set role: warn", Duration(window/badRuns)))
	}
}
