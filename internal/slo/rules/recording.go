package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/slo"
)

// ours tells the recorded objectives from those of others who use the same name.
const ours = `{probe!=""}`

// shortWindows and longWindows are those that alerts and dashboards look at. The long
// ones are read less often: they change slowly and cost more.
func shortWindows() []time.Duration {
	return []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour}
}

func longWindows() []time.Duration { return []time.Duration{24 * time.Hour, 72 * time.Hour} }

// recordings lists the groups that record.
func recordings(objectives []slo.Objective) []Group {
	if len(objectives) == 0 {
		return nil
	}
	facts := Group{Name: service + "-objectives", Interval: time.Minute}
	for _, o := range objectives {
		facts.Rules = append(facts.Rules, factsOf(o)...)
	}
	facts.Rules = append(facts.Rules, Rule{Record: errorBudget, Expr: "1 - " + objective + ours})

	short := Group{Name: service + "-recording", Interval: 30 * time.Second}
	for _, w := range shortWindows() {
		short.Rules = append(short.Rules, overWindow(w, "")...)
	}
	short.Rules = append(short.Rules, Rule{Record: coverage, Expr: over(events+"1h", expectedEvents)})

	long := Group{Name: service + "-recording-long", Interval: time.Minute}
	for _, w := range longWindows() {
		long.Rules = append(long.Rules, overWindow(w, "")...)
	}
	return append([]Group{facts, short, long}, periods(objectives)...)
}

// factsOf records what the configuration says of an objective, so that alerts and
// dashboards know it also when the prober is gone.
func factsOf(o slo.Objective) []Rule {
	full := []Pair{{"slo", o.Name}, {"flow", string(o.Flow)}, {"service", o.Service}, {"probe", o.Probe}, {"sli", string(o.SLI)}, {"role", string(o.Role)}}
	rules := []Rule{
		{Record: objective, Expr: fmt.Sprintf("vector(%s)", number(o.Target)), Labels: full},
		{Record: eventsPerRun, Expr: fmt.Sprintf("vector(%s)", number(max(1, o.EventsPerRun))), Labels: full[:3]},
	}
	if o.Interval > 0 {
		perHour := float64(time.Hour) / float64(o.Interval)
		rules = append(rules, Rule{Record: expectedEvents, Expr: fmt.Sprintf("vector(%s)", number(perHour)), Labels: full[:3]})
	}
	return rules
}

// overWindow counts events over one window. Without an event there is no ratio: never
// 0, which would look good, and never NaN.
func overWindow(window time.Duration, only string) []Rule {
	w := duration(window)
	return []Rule{
		{Record: events + w, Expr: fmt.Sprintf("sum by (%s) (increase(%s%s[%s]))", identity, eventsTotal, only, w)},
		{Record: badEvents + w, Expr: fmt.Sprintf("sum by (%s) (increase(%s%s[%s]))", identity, badEventsTotal, only, w)},
		{Record: badRuns + w, Expr: over(badEvents+w+only, eventsPerRun)},
		{Record: errorRatio + w, Expr: fmt.Sprintf("%s%s%s / (%s%s%s > 0)", badEvents, w, only, events, w, only)},
		{Record: burnRate + w, Expr: over(errorRatio+w+only, errorBudget)},
	}
}

// over divides a series by what is known of its objective. The maximum keeps one
// value where an older one with other labels is still in sight.
func over(series, fact string) string {
	return fmt.Sprintf("%s / on (slo) group_left () (max by (slo) (%s) > 0)", series, fact)
}

// periods records what is left of the budgets, one group for each window that
// objectives have. What may be bad is a share of the events that a whole window
// should have, measured or not: two hours of data and one failure are not a budget
// overdrawn tenfold.
func periods(objectives []slo.Objective) []Group {
	byWindow := make(map[time.Duration][]slo.Objective)
	for _, o := range objectives {
		if o.Interval > 0 {
			byWindow[o.Window] = append(byWindow[o.Window], o)
		}
	}
	var groups []Group
	for window, list := range byWindow {
		w, only := duration(window), ""
		if len(byWindow) > 1 {
			only = matchSLO(list)
		}
		rules := overWindow(window, only)
		if slices.Contains(append(shortWindows(), longWindows()...), window) {
			rules = nil // is recorded already
		}
		allowed := fmt.Sprintf("(max by (slo) (%s) * max by (slo) (%s) * %s)", errorBudget, expectedEvents, number(window.Hours()))
		rules = append(rules, Rule{
			Record: remaining,
			Expr:   fmt.Sprintf("1 - %s%s%s / on (slo) group_left () (%s > 0)", badEvents, w, only, allowed),
			Labels: []Pair{{"window", w}},
		})
		groups = append(groups, Group{Name: service + "-recording-" + w, Interval: 2 * time.Minute, Rules: rules})
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return groups
}

func matchSLO(objectives []slo.Objective) string {
	names := make([]string, len(objectives))
	for i, o := range objectives {
		names[i] = o.Name
	}
	return match("slo", names...)
}
