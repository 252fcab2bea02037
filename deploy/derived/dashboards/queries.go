package dashboards

import "fmt"

// here limits a selector to what the viewer has chosen to see. A label that the scrape
// does not set matches every choice of "all".
const (
	here   = `namespace=~"$namespace",location=~"$location"`
	probed = here + `,probe=~"$probe"`
)

// sel is a selector of one of the prober's own series.
func sel(name string, matchers ...string) string {
	s := "dt_synthetic_" + name + "{" + probed
	for _, m := range matchers {
		s += "," + m
	}
	return s + "}"
}

// selHere is a selector of a series without the label probe.
func selHere(name string, matchers ...string) string {
	s := "dt_synthetic_" + name + "{" + here
	for _, m := range matchers {
		s += "," + m
	}
	return s + "}"
}

// rise counts over each step of a graph, and all counts over the whole range shown.
func rise(by, selector string) string {
	return fmt.Sprintf("sum by (%s) (increase(%s[$__rate_interval]))", by, selector)
}

func all(selector string) string { return fmt.Sprintf("sum(increase(%s[$__range]))", selector) }

// counted are the things that happened, by labels that have many values: those that did
// not happen are left out. Where nothing did, a line says so that is there only when
// runs have ended: no data never means that all is well.
func counted(by, legend, selector, runs string) []q {
	return []q{
		{rise(by, selector) + " > 0", legend},
		{fmt.Sprintf("0 * sum(increase(%s[$__rate_interval]))", runs), "nothing"},
	}
}

// buckets is what a quantile is computed from.
func buckets(selector string, by string) string {
	if by != "" {
		by = ", " + by
	}
	return fmt.Sprintf("sum by (le%s) (rate(%s[$__rate_interval]))", by, selector)
}

// ratio divides what happened, where anything happened.
func ratio(by, part, whole, window string) string {
	if by == "" {
		return fmt.Sprintf("sum(rate(%s[%s])) / (sum(rate(%s[%s])) > 0)", part, window, whole, window)
	}
	return fmt.Sprintf("sum by (%s) (rate(%s[%s])) / (sum by (%s) (rate(%s[%s])) > 0)", by, part, window, by, whole, window)
}

// The windows of graphs and of single numbers.
const (
	step = "$__rate_interval"
	span = "$__range"
)

// judged are the runs that say something about the platform.
const judged = `trigger="schedule",outcome=~"success|failure"`

func variables(more ...variable) []variable {
	return append([]variable{
		dataSource(),
		choice("namespace", "Namespace", "label_values(up, namespace)", ".*"),
		choice("location", "Location", "label_values(dt_synthetic_build_info, location)", ".*"),
	}, more...)
}

func dataSource() variable {
	return variable{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Current: &current{Text: "prometheus", Value: "prometheus"}}
}

func probeVariable() variable {
	return choice("probe", "Probe", "label_values(dt_synthetic_interval_seconds, probe)", ".+")
}

// choice is a variable of which any number of values can be chosen; all is what is
// matched when all are.
func choice(name, label, definition, all string) variable {
	return variable{
		Name: name, Label: label, Type: "query", Datasource: prometheus(), Query: query{Query: definition, RefID: "StandardVariableQuery"},
		Definition: definition, Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: all,
		Current: &current{Selected: true, Text: []string{"All"}, Value: []string{"$__all"}},
	}
}
