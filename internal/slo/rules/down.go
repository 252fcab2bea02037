package rules

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

// failuresInARow is how many runs must fail one after the other before a flow is down:
// two are a blip.
const failuresInARow = 3

// down alerts when a flow does not work at all, for every probe that is held to its
// availability.
func down(a *alerts, w watched) {
	type key struct {
		flow flows.Flow
		s    severity
	}
	names := make(map[key][]string)
	var order []key
	slowest := make(map[key]time.Duration)
	for _, p := range w.probes {
		for _, o := range p.Objectives {
			k := key{p.Flow, severityOf(o.Role)}
			if o.SLI != config.Availability || k.s == "" {
				continue
			}
			if names[k] == nil {
				order = append(order, k)
			}
			names[k] = append(names[k], p.Name)
			slowest[k] = max(slowest[k], w.every[p.Name])
		}
	}
	for _, k := range order {
		say, only := speechOf(k.flow), match("probe", names[k]...)
		name := alertPrefix + say.title + "Down"
		expr := fmt.Sprintf("max by (probe) (%s%s) >= %d", consecutiveFailures, only, failuresInARow)
		if k.s == page {
			expr = held(expr, name, "probe", consecutiveFailures+only, consecutiveFailures+only)
		}
		a.add(k.s, say.component, say.anchor, Rule{
			Alert: name, Expr: expr, For: 30 * time.Second,
			// A prober that was restarted counts from 0 again.
			KeepFiringFor: max(5*time.Minute, 2*failuresInARow*slowest[k]),
		}, message{
			summary:     `{{ $value }} runs of the probe {{ $labels.probe }} have failed one after the other`,
			description: "Every run since has failed: no sampling error, and no single bad run. Runs that the prober could not judge are not among them.",
			impact:      say.down,
		})
	}
}
