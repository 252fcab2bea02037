package slo

import "github.com/dark-tower/prober/flows"

// usualConfidence is that of what is said of objectives that do not gate.
const usualConfidence = 0.95

// Aside is what the runs of a check say about an objective that does not gate: counts,
// and the percentile where they carry one, but no verdict and no proof. When the check
// ended hung on other objectives of the same runs, and only a percentile holds for that.
func Aside(o Objective, runs []flows.Run) Finding {
	c := Case{objective: o, finding: Finding{Objective: o, Blocks: o.Blocks()}}
	for _, run := range runs {
		if run.Probe == o.Probe {
			events, bad := o.Count(run)
			c.tally(run, events, bad)
			c.time(run, events)
		}
	}
	f := c.finding
	if d, ok := PercentileBound(c.durations, c.slow, 0, o.Target, usualConfidence); ok {
		f.Bound = &d
	}
	return f
}
