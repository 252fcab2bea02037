package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// proberComponent is the label of alerts about the prober itself.
const proberComponent = "prober"

// unseen is the impact of everything that keeps the prober from measuring.
const unseen = "Nobody notices by these means when people are affected: no alert of the prober can be trusted to be silent for a good reason."

// blind alerts when nothing is known. No data is never success: a prober that hangs
// makes every rate of failures go away.
func blind(a *alerts, w watched) {
	a.add(warning, proberComponent, "prober-absent", Rule{
		Alert: alertPrefix + "ProberAbsent", Expr: fmt.Sprintf("absent(%s)", buildInfo), For: 5 * time.Minute,
	}, message{
		summary:     `{{ $value }} is missing: no prober has been scraped for 5 minutes`,
		description: "The prober does not run, is not scraped, or is not reachable by Prometheus.",
		impact:      unseen,
	})
	if len(w.probes) == 0 {
		return
	}
	stale(a, w.only(w.probes))
	missing(a, w.probes)
	if whole := wholeRuns(w.judged); len(whole) > 0 {
		measured := coverage + matchSLO(whole)
		a.add(warning, proberComponent, "low-coverage", Rule{
			Alert: alertPrefix + "LowCoverage",
			// A prober that has just been installed has not had an hour yet.
			Expr: lines(fmt.Sprintf("%s < 0.8", measured), fmt.Sprintf("and on (slo) %s offset 1h", measured)),
			For:  15 * time.Minute,
		}, message{
			summary:     `only {{ $value | humanizePercentage }} of the runs that {{ $labels.slo }} should have had in the last hour were measured`,
			description: "Runs were skipped, or ended without a verdict. What was not measured was not good: the error budget knows nothing of that time.",
			impact:      unseen,
		})
	}
}

// stale alerts on probes whose latest run is long ago. A probe that leaves the platform
// alone, as it was asked to, runs less often.
func stale(a *alerts, only string) {
	newest := func(metric string) string { return fmt.Sprintf("max by (probe) (%s%s)", metric, only) }
	a.add(warning, proberComponent, "probe-stale", Rule{
		Alert: alertPrefix + "ProbeStale",
		Expr: lines(
			fmt.Sprintf("time() - (%s > 0 or %s)", newest(lastRun), newest(scheduledSince)),
			fmt.Sprintf("> 5 * (%s > %s or %s)", newest(backoffInterval), newest(probeInterval), newest(probeInterval)),
		),
		For: 2 * time.Minute,
	}, message{
		summary:     `the probe {{ $labels.probe }} has not finished a run for {{ $value | humanizeDuration }}`,
		description: "More than five intervals have passed without a result of any kind. The daemon answers, and its schedule does not turn.",
		impact:      unseen,
	})
}

// missing alerts on probes and objectives that are in the rules and not in the
// daemon, or the other way round, or not the same.
func missing(a *alerts, probes []config.Probe) {
	var absent []string
	for _, p := range probes {
		absent = append(absent, fmt.Sprintf("absent(%s%s)", probeInterval, match("probe", p.Name)))
	}
	a.add(warning, proberComponent, "probe-missing", Rule{
		Alert: alertPrefix + "ProbeMissing",
		Expr:  lines("("+strings.Join(absent, "\nor ")+")", fmt.Sprintf("and on () (count(%s) > 0)", buildInfo)),
		For:   5 * time.Minute,
	}, message{
		summary:     `the prober runs without the probe {{ $labels.probe }} ({{ $value }} missing)`,
		description: "The rules were made from a configuration with this probe, and the daemon has another one.",
		impact:      unseen,
	})
}

// outdated alerts on objectives that the rules and the daemon know differently.
func outdated(a *alerts, w watched) {
	if len(w.objectives) == 0 {
		return
	}
	theirs := fmt.Sprintf("max by (slo) (%s)", objectiveRatio)
	known := fmt.Sprintf("max by (slo) (%s%s)", objective, ours)
	a.add(warning, proberComponent, "rules-outdated", Rule{
		Alert: alertPrefix + "RulesOutdated",
		Expr: lines(
			fmt.Sprintf("(%s unless on (slo) %s)", theirs, known),
			fmt.Sprintf("or (%s unless on (slo) %s and on () (count(%s) > 0))", known, theirs, buildInfo),
			fmt.Sprintf("or (%s and on (slo) abs(%s - on (slo) %s) > 0.000001)", theirs, theirs, known),
		),
		For: 15 * time.Minute,
	}, message{
		summary:     `rules and prober differ about the objective {{ $labels.slo }}, which is {{ $value | humanizePercentage }} in one of them`,
		description: "The rules were made from another configuration than the one that the daemon runs with.",
		impact:      "The objective alerts by other numbers than it should, or not at all.",
	})
}

// wholeRuns is one objective of each probe, where it has one, that every judged run
// counts for.
func wholeRuns(objectives []slo.Objective) []slo.Objective {
	var out []slo.Objective
	for _, sli := range []config.SLI{config.Availability, config.TimeToMedia, config.TimeToRestore, config.RunDuration} {
		for _, o := range objectives {
			known := false
			for _, other := range out {
				known = known || other.Probe == o.Probe
			}
			if o.SLI == sli && !known && o.Interval > 0 {
				out = append(out, o)
			}
		}
	}
	return out
}
