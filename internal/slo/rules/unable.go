package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
)

// share is a share of a probe's runs that alerts, over its latest runs.
type share struct {
	of, out string // what is counted, and out of what: metrics with their matchers
	less    string // is taken off the first; may be empty
	above   float64
}

// expr asks for the share, and for three runs of it: a share of two runs is a blip.
func (s share) expr(w watched) string {
	return w.overRuns(func(window, only string) string {
		of := counted(s.of, only, window)
		if s.less != "" {
			of = fmt.Sprintf("(%s - %s)", of, counted(s.less, only, window))
		}
		return lines(of, fmt.Sprintf("/ (%s > 0) > %s", s.all(only, window), number(s.above)), fmt.Sprintf("and %s >= %s", of, number(badInShort)))
	})
}

func (s share) all(only, window string) string {
	var sum []string
	for one := range strings.SplitSeq(s.out, " + ") {
		sum = append(sum, counted(one, only, window))
	}
	if len(sum) == 1 {
		return sum[0]
	}
	return "(" + strings.Join(sum, " + ") + ")"
}

// counted is how often a counter rose for each probe.
func counted(metric, only, window string) string {
	if only != "" {
		metric = strings.TrimSuffix(metric, "}") + "," + only[1:]
	}
	return fmt.Sprintf("sum by (probe) (increase(%s[%s]))", metric, window)
}

func of(metric, label string, values ...string) string {
	return metric + match(label, values...)
}

// unable alerts when the prober runs and cannot judge.
func unable(a *alerts, w watched) {
	if len(w.probes) == 0 {
		return
	}
	runs := of(runsTotal, "trigger", "schedule")
	setup := of(selfTainted, "cause", string(flows.CauseSetup), string(flows.CauseLane), string(flows.CauseConfig))
	a.add(warning, proberComponent, "provisioning-broken", Rule{
		Alert: alertPrefix + "ProvisioningBroken",
		Expr:  share{of: setup, out: runs, above: 0.5}.expr(w),
		For:   time.Minute, KeepFiringFor: 10 * time.Minute,
	}, message{
		summary:     `{{ $value | humanizePercentage }} of the runs of {{ $labels.probe }} could not begin: account, organisation, meeting or trust are wrong`,
		description: "Most of the latest runs ended for a reason in the prober's own setup. They say nothing about the platform, and nothing is known of it.",
		impact:      unseen,
	})
	a.add(warning, proberComponent, "runs-inconclusive", Rule{
		Alert: alertPrefix + "RunsInconclusive",
		Expr: share{
			of:   strings.TrimSuffix(runs, "}") + "," + match("outcome", string(flows.Inconclusive))[1:],
			less: setup, out: runs, above: 0.5,
		}.expr(w),
		For: time.Minute, KeepFiringFor: 10 * time.Minute,
	}, message{
		summary:     `{{ $value | humanizePercentage }} of the runs of {{ $labels.probe }} ended without a verdict`,
		description: "Most of the latest runs could not tell whose fault they were: the prober's own network, its machine, or a platform that throttles it.",
		impact:      unseen,
	})
	a.add(warning, proberComponent, "prober-tainted", Rule{
		Alert: alertPrefix + "ProberTainted",
		Expr:  share{of: of(selfTainted, "cause", string(flows.CauseLag), string(flows.CauseDrops)), out: runs, above: 0.1}.expr(w),
		For:   15 * time.Minute,
	}, message{
		summary:     `the prober was late or dropped what it had received in {{ $value | humanizePercentage }} of the runs of {{ $labels.probe }}`,
		description: "Its machine gives it too little CPU, or its receive queues are too short. Latency samples of such runs are left out.",
		impact:      "Latency objectives stand on fewer samples. What is measured is not wrong.",
	})
	skipped := of(runsSkipped, "reason", "late", "overlap", "resting", "saturated")
	a.add(warning, proberComponent, "runs-skipped", Rule{
		Alert: alertPrefix + "RunsSkipped",
		Expr:  share{of: skipped, out: skipped + " + " + runs, above: 0.2}.expr(w),
		For:   15 * time.Minute,
	}, message{
		summary:     `{{ $value | humanizePercentage }} of the runs of {{ $labels.probe }} that were due were not started`,
		description: "Runs overlap, the budget of participants is too small, no lane has rested, or the prober was late. Backing off at the platform's wish is not among them.",
		impact:      "The objectives stand on fewer samples, and an outage is noticed later.",
	})
}
