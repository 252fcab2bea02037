package config

import (
	"fmt"

	"github.com/dark-tower/prober/flows"
)

// people is what so many take of a budget: they send no more than if all talked.
func people(n int) Budget { return Budget{Participants: n, DatagramsPerSecond: n * framesPerSecond} }

func (b Budget) plus(o Budget) Budget {
	return Budget{b.Participants + o.Participants, b.DatagramsPerSecond + o.DatagramsPerSecond}
}

// Needs is what one run of the probe takes of the budget, and what is taken between
// its runs, too, by those who stay on these lanes. Who stays is part of no run.
func (p Probe) Needs(lanes []Lane) (run, standing Budget) {
	switch {
	case p.Flow == flows.SignIn: // nobody joins
		return Budget{}, Budget{}
	case p.Join != nil && p.Join.Anchor == Resident:
		return people(minAccounts(p) - 1), people(len(lanes))
	}
	return people(minAccounts(p)), Budget{}
}

// budget refuses what can never be run within the budget, and warns of what cannot be
// run at the same time.
func (d *decoder) budget(c *Config) {
	budget := c.Daemon.Budget
	if budget.Participants == 0 || budget.DatagramsPerSecond == 0 {
		return // reported already
	}
	var standing, together Budget
	for _, p := range c.Probes {
		run, stays := p.Needs(c.LanesOf(p, Run))
		standing = standing.plus(stays)
		if len(c.LanesOf(p, Run)) > 0 && !p.Paused {
			together = together.plus(run)
		}
	}
	for i, p := range c.Probes {
		run, _ := p.Needs(c.LanesOf(p, Run))
		if len(c.LanesOf(p, Run)) == 0 || run == (Budget{}) {
			continue
		}
		path := fmt.Sprintf("probes[%d]", i)
		if p.Media != nil {
			path += ".media.participants"
		}
		d.oversized(path, c.Daemon.Budget, run, standing)
	}
	d.crowded(budget, standing.plus(together))
}

// oversized refuses a probe of which no run could ever begin.
func (d *decoder) oversized(path string, budget, run, standing Budget) {
	need := run.plus(standing)
	beside := ""
	if standing.Participants > 0 {
		beside = fmt.Sprintf(" beside the %d that stay between runs", standing.Participants)
	}
	if need.Participants > budget.Participants {
		d.at(path, fmt.Sprintf("a run brings %d participants%s, and daemon.budget.participants is %d: it could never begin", run.Participants, beside, budget.Participants),
			fmt.Sprintf("set daemon.budget.participants: %d at the least, or bring fewer", need.Participants))
		return
	}
	if need.DatagramsPerSecond > budget.DatagramsPerSecond {
		d.at(path, fmt.Sprintf("a run sends up to %d datagrams per second%s, and daemon.budget.datagrams_per_second is %d: it could never begin", run.DatagramsPerSecond, beside, budget.DatagramsPerSecond),
			fmt.Sprintf("set daemon.budget.datagrams_per_second: %d at the least, or bring fewer people", need.DatagramsPerSecond))
	}
}

// crowded warns when not all probes can run at the same time. They are spread, and so
// they may never do; when they do, what does not fit is skipped.
func (d *decoder) crowded(budget, all Budget) {
	for _, x := range []struct {
		field, what string
		need, have  int
	}{
		{"participants", "bring", all.Participants, budget.Participants},
		{"datagrams_per_second", "send", all.DatagramsPerSecond, budget.DatagramsPerSecond},
	} {
		if x.need > x.have {
			d.warn("daemon.budget."+x.field, fmt.Sprintf("when all probes run at the same time they %s %d, and the budget is %d: a run that does not fit is skipped as saturated, and lowers the coverage", x.what, x.need, x.have),
				fmt.Sprintf("set it to %d, or know that", x.need))
			return // the other one says the same
		}
	}
}
