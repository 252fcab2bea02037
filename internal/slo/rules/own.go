package rules

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
)

// own alerts on the prober's process and on what the rules stand on.
func own(a *alerts, w watched) {
	a.add(warning, proberComponent, "prober-defect", Rule{
		Alert: alertPrefix + "ProberDefect",
		Expr: lines(
			fmt.Sprintf("sum(increase(%s{cause=%q}[1h])) > 0.5", selfTainted, flows.CausePanic),
			fmt.Sprintf(`or sum(increase(%s{queue="observations"}[1h])) > 0.5`, selfDropped),
		),
		For: 30 * time.Second,
	}, message{
		summary:     `the prober has a defect: {{ $value | printf "%.0f" }} panics or lost observations in the last hour`,
		description: "A run ended in a panic, or something was seen that no series exists for. Those runs are inconclusive.",
		impact:      "Single runs are not measured.",
	})
	a.add(warning, proberComponent, "reload-failed", Rule{
		Alert: alertPrefix + "ReloadFailed", Expr: fmt.Sprintf("min(%s) == 0", reloadSuccessful), For: time.Minute,
	}, message{
		summary:     `the prober could not load its configuration (config_last_reload_successful is {{ $value }})`,
		description: "The configuration before is still in force. What is wrong with the new one, with line and column, is in the prober's log.",
		impact:      "Changes of the configuration have no effect.",
	})
	a.add(info, proberComponent, "backing-off", Rule{
		Alert: alertPrefix + "BackingOff", Expr: fmt.Sprintf("max by (probe) (%s) > 0", backoffInterval), For: 5 * time.Minute,
	}, message{
		summary:     `the probe {{ $labels.probe }} runs only every {{ $value | humanizeDuration }}: the platform asked to be left alone`,
		description: "The platform answered 429 or 503. After a 503 the skipped runs count as failed; after a 429 they count as nothing.",
		impact:      "An outage is noticed later.",
	})
	a.add(info, proberComponent, "spans-dropped", Rule{
		Alert: alertPrefix + "SpansDropped", Expr: fmt.Sprintf(`sum(increase(%s{queue="spans"}[15m])) > 0.5`, selfDropped), For: 15 * time.Minute,
	}, message{
		summary:     `{{ $value | printf "%.0f" }} spans were not exported in the last 15 minutes`,
		description: "The collector does not answer, refuses, or is too slow.",
		impact:      "Traces of failed runs may be missing. Metrics and logs are complete.",
	})
	retention(a, w.longest())
}

// retention alerts when Prometheus forgets before an objective's window is over.
func retention(a *alerts, longest time.Duration) {
	if longest == 0 {
		return
	}
	need := longest + 24*time.Hour
	a.add(info, proberComponent, "retention-too-short", Rule{
		Alert: alertPrefix + "RetentionTooShort",
		Expr:  fmt.Sprintf("(prometheus_tsdb_retention_limit_seconds > 0) < %s", number(need.Seconds())),
		For:   5 * time.Minute,
	}, message{
		summary:     fmt.Sprintf(`Prometheus keeps {{ $value | humanizeDuration }}, and an objective looks back %s`, duration(longest)),
		description: fmt.Sprintf("Error budgets over %s silently become budgets over what is kept. At least %s are needed.", duration(longest), duration(need)),
		impact:      "What is left of an error budget looks like more than it is.",
	})
}
