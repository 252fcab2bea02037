package dashboards

// objectives limits a recorded series to what the viewer has chosen to see.
const objectives = `{slo=~"$slo"}`

// slos answers: are the objectives met, how much of each error budget is left, and how
// fast is it burning. What is shown is what the rules recorded, and the alerts saw.
func slos() dashboard {
	return board("synthetic-slos", "Synthetic SLOs",
		"Objectives of the synthetic probes with their error budgets. Everything here is recorded by the rules that alert, over fixed windows.",
		[]variable{dataSource(), choice("slo", "Objective", "label_values(slo:objective:ratio, slo)", ".+")},
		row{title: "Health", panels: []panel{
			stat("Objectives overspent", "Objectives with no error budget left.", count, levels(good, level{bad, 1}),
				q{"sum(slo:period_error_budget_remaining:ratio" + objectives + " <= bool 0)", ""}),
			stat("Burning now", "Objectives that burn faster than their budget lasts, over the last hour.", count, levels(good, level{odd, 1}),
				q{"sum(slo:burn_rate:ratio_rate1h" + objectives + " > bool 1)", ""}),
			stat("Least budget left", "Of all objectives. Below 0 is overspent.", share, levels(bad, level{odd, 0}, level{good, 0.25}),
				q{"min(slo:period_error_budget_remaining:ratio" + objectives + ")", ""}),
			stat("Least coverage", "Events seen in the last hour by events expected, of all objectives. What was not measured is not uptime.", share,
				levels(bad, level{odd, 0.8}, level{good, 0.95}), q{"min(slo:coverage:ratio_rate1h" + objectives + ")", ""}),
			table("Objectives", "Sorted by burn rate: 1 uses up exactly the budget, 14.4 uses up 2 % of it in an hour.", "slo",
				column{"burn, 1 h", count, one("slo:burn_rate:ratio_rate1h"), burning()},
				column{"burn, 6 h", count, one("slo:burn_rate:ratio_rate6h"), burning()},
				column{"burn, 3 d", count, one("slo:burn_rate:ratio_rate3d"), burning()},
				column{"budget left", share, one("slo:period_error_budget_remaining:ratio"), levels(bad, level{odd, 0}, level{good, 0.25})},
				column{"good, 30 d", share, "1 - " + one("slo:sli_error:ratio_rate30d"), nil},
				column{"target", share, one("slo:objective:ratio"), nil},
				column{"good up to", seconds, one("dt_synthetic_slo_threshold_seconds"), nil},
				column{"measured, 1 h", share, one("slo:coverage:ratio_rate1h"), levels(bad, level{odd, 0.8}, level{good, 0.95})},
			),
		}},
		row{title: "Requests", panels: []panel{
			lines("Coverage", "Events seen in an hour by events expected. Below 80 % the prober does not measure enough.", share,
				q{one("slo:coverage:ratio_rate1h"), "{{slo}}"}).limits(levels("transparent", level{odd, 0.8})),
			lines("Events in an hour", "Runs, or frames, as the objective counts.", count, q{one("slo:events:increase1h"), "{{slo}}"}),
		}},
		row{title: "Errors", panels: []panel{
			lines("Burn rate, 1 h", "Bad share of the last hour by the budget. 14.4 with 5 minutes alike wakes somebody.", count,
				q{one("slo:burn_rate:ratio_rate1h"), "{{slo}}"}).limits(burnLines()).logarithmic(),
			lines("Error budgets", "What is left of each budget over its window. Below 0 is overspent.", share,
				q{one("slo:period_error_budget_remaining:ratio"), "{{slo}}"}).free().limits(levels("transparent", level{"transparent", 0})),
		}},
		row{title: "Objective: $slo", repeat: "slo", closed: true, panels: objective()},
	)
}

// objective is the row that every objective has.
func objective() []panel {
	burn := func(window string) q { return q{one("slo:burn_rate:ratio_rate" + window), window} }
	return []panel{
		stat("Target", "Share of events that must be good.", share, levels(calm), q{one("slo:objective:ratio"), ""}).precise(),
		stat("Good, 30 d", "Share of events that were good, of those measured.", share, levels(calm), q{"1 - " + one("slo:sli_error:ratio_rate30d"), ""}).precise(),
		stat("Budget left", "Of the objective's window. Below 0 is overspent.", share, levels(bad, level{odd, 0}, level{good, 0.25}), q{one("slo:period_error_budget_remaining:ratio"), ""}),
		stat("Burn rate, 1 h", "1 uses up exactly the budget.", count, burning(), q{one("slo:burn_rate:ratio_rate1h"), ""}),
		lines("Burn rates", "Lines at 1, 3, 6 and 14.4: what the alerts look at.", count,
			burn("5m"), burn("30m"), burn("1h"), burn("2h"), burn("6h"), burn("1d"), burn("3d")).limits(burnLines()).logarithmic(),
		budget("Budget burn-down", "What is left of the budget over the objective's window.", q{one("slo:period_error_budget_remaining:ratio"), "left"}),
		lines("Bad events", "Bad events of the last 5 minutes and of the last hour.", count,
			q{one("slo:bad_events:increase5m"), "5m"}, q{one("slo:bad_events:increase1h"), "1h"}),
		lines("Events seen and expected", "Events of the last hour. A gap between the two is time that nobody measured.", count,
			q{one("slo:events:increase1h"), "seen"}, q{one("slo:expected_events:increase1h") + " * " + one("slo:events_per_run:count"), "expected"}),
	}
}

// one has a single value for each objective, also where an older one with other labels
// is still in sight.
func one(series string) string { return "max by (slo) (" + series + objectives + ")" }

func burning() *thresholds { return levels(good, level{odd, 1}, level{"orange", 6}, level{bad, 14.4}) }

func burnLines() *thresholds {
	return levels("transparent", level{good, 1}, level{odd, 3}, level{"orange", 6}, level{bad, 14.4})
}

// logarithmic keeps slow and fast burns apart. Below 1 it is linear: a logarithm has no
// place for 0, which is what a healthy day has.
func (p panel) logarithmic() panel {
	p.custom("scaleDistribution", map[string]any{"type": "symlog", "log": 10, "linearThreshold": 1})
	return p
}

// precise shows 99.95 % as that.
func (p panel) precise() panel {
	digits := 3
	p.FieldConfig.Defaults.Decimals = &digits
	return p
}

// budget is what is left, as an area over a line at zero.
func budget(title, description string, left q) panel {
	p := lines(title, description, share, left).free()
	most := 1.0
	p.FieldConfig.Defaults.Max = &most
	p.custom("fillOpacity", 30)
	p.custom("gradientMode", "scheme")
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	return p.limits(levels(bad, level{odd, 0}, level{good, 0.25}))
}
