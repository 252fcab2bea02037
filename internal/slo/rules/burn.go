package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/slo"
)

// A page needs so many runs' worth of bad events besides a burn rate: at 99.9 % and a
// run a minute, a single failed one burns 14.4 times the budget. The half is for
// increase(), which extrapolates.
const (
	badInShort = 3 - 0.5
	badInLong  = 5 - 0.5
)

// wideBudget is from where on a budget is so wide that burn rates come late or never:
// at 95 % a total outage needs 43 minutes to burn 14.4 times the budget over an hour.
const wideBudget = 0.03

// burn is a pair of windows: both must burn factor times the budget, the long one so
// that it matters, the short one so that it still goes on.
type burn struct {
	condition   string // in the alert's name
	anchor      string
	factor      float64
	short, long time.Duration
	urgent      bool // the objective's role decides; the others are tickets
	hold, keep  time.Duration
}

func burns() []burn {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	return []burn{
		{"BudgetBurn14x", "budget-burn-14x", 14.4, 5 * minute, hour, true, 30 * time.Second, 10 * minute},
		{"BudgetBurn6x", "budget-burn-6x", 6, 30 * minute, 6 * hour, true, 30 * time.Second, 10 * minute},
		{"BudgetBurn3x", "budget-burn-3x", 3, 2 * hour, day, false, 5 * minute, 30 * minute},
		// Somebody who is exactly on target is above 1 a quarter of the time, so this
		// one waits, and then stays.
		{"BudgetBurn1x", "budget-burn-1x", 1, 6 * hour, 3 * day, false, 3 * hour, 3 * hour},
	}
}

// applies tells whether a pair of windows can and should judge an objective.
func (b burn) applies(o slo.Objective) bool {
	return fits(o, b.short) && b.factor*o.Budgeted() < 1 && (!wide(o) || !b.urgent)
}

// fits tells whether three runs that count for the objective fit into a window: with
// fewer, a rule that wants three bad ones could never fire.
func fits(o slo.Objective, window time.Duration) bool {
	return o.Interval > 0 && 3*between(o) <= window
}

// between is the time between two runs that count for the objective.
func between(o slo.Objective) time.Duration {
	return time.Duration(float64(o.Interval) * max(1, o.EventsPerRun))
}

// sight is the shortest recorded window in which each objective has events as long as
// the prober runs.
func sight(objectives []slo.Objective) time.Duration {
	for _, w := range shortWindows() {
		if !slices.ContainsFunc(objectives, func(o slo.Objective) bool { return !fits(o, w) }) {
			return w
		}
	}
	return shortWindows()[len(shortWindows())-1]
}

func wide(o slo.Objective) bool { return o.Budgeted() > wideBudget-1e-9 }

// add alerts on a pair of windows.
func (b burn) add(a *alerts, objectives []slo.Objective) {
	for _, r := range rank(objectives, b.severityOf) {
		b.rule(a, r)
	}
}

// severityOf is what an objective's role allows; a ticket is never more than that.
func (b burn) severityOf(o slo.Objective) severity {
	s := severityOf(o.Role)
	switch {
	case !b.applies(o):
		return ""
	case s == page && !b.urgent:
		return warning
	}
	return s
}

func (b burn) rule(a *alerts, r ranked) {
	say, only := speechOf(r.flow), matchSLO(r.objectives)
	name := alertPrefix + say.title + b.condition
	long, short, factor := duration(b.long), duration(b.short), number(b.factor)
	expr := lines(
		fmt.Sprintf("%s%s%s > %s", burnRate, long, only, factor),
		fmt.Sprintf("and %s%s%s > %s", burnRate, short, only, factor),
		fmt.Sprintf("and %s%s%s >= %s", badRuns, long, only, number(badInLong)),
		fmt.Sprintf("and %s%s%s >= %s", badRuns, short, only, number(badInShort)),
	)
	keep := b.keep
	if r.severity == page {
		seen := sight(r.objectives)
		expr = held(expr, name, identity, burnRate+long+only, fmt.Sprintf("%s%s%s > 0", events, duration(seen), only))
		keep = max(keep, 2*seen)
	}
	a.add(r.severity, say.component, b.anchor, Rule{Alert: name, Expr: expr, For: b.hold, KeepFiringFor: keep}, message{
		summary: `{{ $labels.slo }} ({{ $labels.service }}) burns its error budget {{ $value | printf "%.1f" }} times as fast as it may`,
		description: fmt.Sprintf("The share of bad events is more than %s the objective allows, over the last %s and still over the last %s, "+
			"with at least 5 and 3 runs' worth of them. %s of it takes %s.", b.times(), long, short, long, b.spends(r.objectives)),
		impact: say.degraded,
	})
}

// times says how much more than allowed is bad.
func (b burn) times() string {
	if b.factor == 1 {
		return "what"
	}
	return number(b.factor) + " times what"
}

// spends says how much of a budget the factor takes over the long window.
func (b burn) spends(objectives []slo.Objective) string {
	var parts []string
	for _, o := range objectives {
		share := 100 * b.factor * float64(b.long) / float64(o.Window)
		digits := 0
		if share < 9.95 {
			digits = 1
		}
		text := strings.TrimSuffix(strconv.FormatFloat(share, 'f', digits, 64), ".0")
		if part := fmt.Sprintf("%s %% of a budget over %s", text, duration(o.Window)); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", and ")
}

// mostlyBad judges objectives whose budget is too wide for high burn rates: more than
// half of the events were bad. The configuration refuses budgets of a third and more.
func mostlyBad(a *alerts, objectives []slo.Objective) {
	for _, r := range rank(objectives, func(o slo.Objective) severity {
		if !wide(o) || !fits(o, 15*time.Minute) {
			return ""
		}
		return severityOf(o.Role)
	}) {
		say, only := speechOf(r.flow), matchSLO(r.objectives)
		name := alertPrefix + say.title + "MostlyBad"
		const limit = "0.5"
		expr := lines(
			fmt.Sprintf("%s15m%s > %s", errorRatio, only, limit),
			fmt.Sprintf("and %s5m%s > %s", errorRatio, only, limit),
			fmt.Sprintf("and %s15m%s >= %s", badRuns, only, number(badInShort)),
		)
		keep := 10 * time.Minute
		if r.severity == page {
			seen := sight(r.objectives)
			expr = held(expr, name, identity, errorRatio+"15m"+only, fmt.Sprintf("%s%s%s > 0", events, duration(seen), only))
			keep = max(keep, 2*seen)
		}
		a.add(r.severity, say.component, "mostly-bad", Rule{Alert: name, Expr: expr, For: 30 * time.Second, KeepFiringFor: keep}, message{
			summary:     `{{ $value | humanizePercentage }} of the events of {{ $labels.slo }} ({{ $labels.service }}) were bad in the last 15 minutes`,
			description: "More than half of the events were bad, over the last 15m and still over the last 5m, with at least 3 runs' worth of them.",
			impact:      say.degraded,
		})
	}
}

// exhausted says that the budget of the whole window is gone.
func exhausted(a *alerts, objectives []slo.Objective) {
	for _, r := range rank(objectives, func(o slo.Objective) severity {
		if severityOf(o.Role) == "" || o.Interval <= 0 {
			return ""
		}
		return warning
	}) {
		say := speechOf(r.flow)
		a.add(warning, say.component, "budget-exhausted", Rule{
			Alert: alertPrefix + say.title + "BudgetExhausted",
			Expr:  remaining + matchSLO(r.objectives) + " <= 0",
			For:   5 * time.Minute, KeepFiringFor: 30 * time.Minute,
		}, message{
			summary:     `{{ $labels.slo }} ({{ $labels.service }}) has {{ $value | humanizePercentage }} of its error budget left`,
			description: "More events were bad than a whole window of the objective may have. It leaves the window only with time.",
			impact:      say.degraded,
		})
	}
}
