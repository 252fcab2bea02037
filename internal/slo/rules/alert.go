package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// alerts collects alerting rules by severity.
type alerts struct {
	runbook string // path of the runbook that alerts point to
	rules   map[severity][]Rule
}

// message is what an alert says to whoever is called.
type message struct {
	summary     string // with the value
	description string // when the alert fires, and what that means
	impact      string // what people notice
}

// add finishes an alert with the labels and annotations that every alert has.
func (a *alerts) add(s severity, component, anchor string, r Rule, m message) {
	r.Labels = []Pair{{"severity", string(s)}, {"service", service}, {"component", component}}
	r.Annotations = []Pair{
		{"summary", m.summary}, {"description", m.description}, {"impact", m.impact},
		{"runbook_url", a.runbook + "#" + anchor},
	}
	a.rules[s] = append(a.rules[s], r)
}

// groups are the platform's: one for each severity.
func (a *alerts) groups() []Group {
	var out []Group
	for _, s := range []struct {
		severity severity
		every    time.Duration
	}{{page, 30 * time.Second}, {warning, time.Minute}, {info, time.Minute}} {
		if rules := a.rules[s.severity]; len(rules) > 0 {
			out = append(out, Group{Name: service + "-" + string(s.severity), Interval: s.every, Rules: rules})
		}
	}
	return out
}

// ranked is the objectives of one flow that call the same people.
type ranked struct {
	flow       flows.Flow
	severity   severity
	objectives []slo.Objective
}

// rank puts together what one rule can say. An objective whose severity is empty
// alerts nobody.
func rank(objectives []slo.Objective, of func(slo.Objective) severity) []ranked {
	var out []ranked
	for _, o := range objectives {
		s := of(o)
		if s == "" {
			continue
		}
		i := slices.IndexFunc(out, func(r ranked) bool { return r.flow == o.Flow && r.severity == s })
		if i < 0 {
			i, out = len(out), append(out, ranked{flow: o.Flow, severity: s})
		}
		out[i].objectives = append(out[i].objectives, o)
	}
	return out
}

// severityOf is what a role allows at the most.
func severityOf(r config.Role) severity {
	switch r {
	case config.Page:
		return page
	case config.Warn:
		return warning
	}
	return ""
}

// held keeps a page that is firing while nothing is measured, for a day at most: one
// that resolves because the prober hangs would say that all is well. present is what
// shows that there are measurements; the last value of the expression's first series
// stands in for the one that there is not.
func held(expr, alert, by, last, present string) string {
	label, _, _ := strings.Cut(by, ",")
	return lines(
		"(",
		indent(expr),
		") or (",
		indent(lines(
			fmt.Sprintf("max by (%s) (last_over_time(%s[1d]))", by, last),
			fmt.Sprintf(`and on (%s) ALERTS{alertname=%q, alertstate="firing"}`, label, alert),
			fmt.Sprintf("unless on (%s) %s", label, present),
		)),
		")",
	)
}
