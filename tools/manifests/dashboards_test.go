package main

import (
	"strings"
	"testing"
)

const overviewFile = "deploy/grafana/synthetic-overview.json"

// boardFindings checks the overview of a repository, with the rules of this one.
func boardFindings(t *testing.T, r repository, file string) []Finding {
	t.Helper()
	c, err := newCatalogue(r)
	if err != nil {
		t.Fatal(err)
	}
	ruleFiles(here, c) // what is wrong with them is another test's
	return checkDashboard(r, c, file)
}

func TestTheDashboardsAreGood(t *testing.T) {
	files := here.glob(dashboardsPattern)
	if len(files) < 3 {
		t.Errorf("there are only %v", files)
	}
	for _, file := range files {
		if found := boardFindings(t, here, file); len(found) > 0 {
			t.Error(found)
		}
	}
}

func TestEveryDefectOfADashboardIsFound(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		want           []string
	}{
		{"no JSON", `"panels": [`, `"panels": `, []string{"invalid character"}},
		{"another uid", `"uid": "synthetic-overview"`, `"uid": "overview"`, []string{"uid"}},
		{"an id of its own", `"id": null`, `"id": 7`, []string{"id: must be null"}},
		{"no description", `"description": "What fake participants meet`, `"summary": "What fake participants meet`, []string{"title and description"}},
		{"an editable dashboard", `"editable": false`, `"editable": true`, []string{"editable"}},
		{"another schema", `"schemaVersion": 39`, `"schemaVersion": 42`, []string{"schemaVersion"}},
		{"a crosshair for each panel", `"graphTooltip": 1`, `"graphTooltip": 0`, []string{"graphTooltip"}},
		{"another refresh", `"refresh": "10s"`, `"refresh": "1m"`, []string{"refresh"}},
		{"another time range", `"from": "now-1h"`, `"from": "now-6h"`, []string{"time"}},
		{"a fixed data source", "\"datasource\": {\n        \"type\": \"prometheus\",\n        \"uid\": \"${datasource}\"", "\"datasource\": {\n        \"type\": \"prometheus\",\n        \"uid\": \"prometheus\"", []string{"datasource", "must be ${datasource}"}},
		{"a variable that asks a fixed data source", "\"datasource\": {\n          \"type\": \"prometheus\",\n          \"uid\": \"${datasource}\"", "\"datasource\": {\n          \"type\": \"prometheus\",\n          \"uid\": \"prometheus\"", []string{"templating.namespace", "${datasource}"}},
		{"no data source to choose", `"type": "datasource"`, `"type": "query"`, []string{"templating"}},
		{"a variable that is never refreshed", `"refresh": 2`, `"refresh": 0`, []string{"templating", "refreshed"}},
		{"a variable of a series that is not there", "label_values(dt_synthetic_interval_seconds, probe)\",\n        \"refresh\"", "label_values(dt_synthetic_interval, probe)\",\n        \"refresh\"", []string{"templating.probe", "there is no series dt_synthetic_interval"}},
		{"a variable of a label that is not there", "label_values(dt_synthetic_interval_seconds, probe)\",\n        \"refresh\"", "label_values(dt_synthetic_interval_seconds, flow)\",\n        \"refresh\"", []string{"templating.probe", "has no label flow"}},
		{"a variable that nobody uses", `"name": "probe"`, `"name": "probes"`, []string{"variable probes is used nowhere"}},
		{"a variable that is not there", `location=~\"$location\"`, `location=~\"$place\"`, []string{"there is no variable place"}},
		{"no unit", `"unit": "s"`, `"unit": ""`, []string{"unit"}},
		{"milliseconds", `"unit": "s"`, `"unit": "ms"`, []string{"unit", `"ms"`}},
		{"milliseconds in a column", "\"id\": \"unit\",\n                \"value\": \"s\"", "\"id\": \"unit\",\n                \"value\": \"ms\"", []string{"overrides", "ms"}},
		{"relative thresholds", `"mode": "absolute"`, `"mode": "percentage"`, []string{"thresholds", "percentage"}},
		{"a panel that does not say what it shows", `"description": "Probers that`, `"summary": "Probers that`, []string{"Probers", "title and description"}},
		{"an expression that does not parse", `"expr": "count(`, `"expr": "count((`, []string{"target A", "parse error"}},
		{"a series that nobody registers", "dt_synthetic_build_info{", "dt_synthetic_build_information{", []string{"there is no series dt_synthetic_build_information"}},
		{"a counter as it is", "sum by (outcome) (increase(dt_synthetic_runs_total{namespace=~\\\"$namespace\\\",location=~\\\"$location\\\",probe=~\\\"$probe\\\",trigger=\\\"schedule\\\"}[$__rate_interval]))", "dt_synthetic_runs_total{namespace=~\\\"$namespace\\\",location=~\\\"$location\\\",probe=~\\\"$probe\\\",trigger=\\\"schedule\\\"}", []string{"is a counter"}},
		{"a fixed window", "[$__rate_interval]", "[5m]", []string{"fixed window"}},
		{"a graph over the whole range", "[$__rate_interval]", "[$__range]", []string{"a graph uses $__rate_interval"}},
		{"a number over a step", "[$__range]", "[$__rate_interval]", []string{"a number uses $__range"}},
		{"a heatmap of cumulated buckets", `"format": "heatmap"`, `"format": "table"`, []string{"format heatmap"}},
		{"two targets of one name", `"refId": "B"`, `"refId": "A"`, []string{"refId of its own"}},
		{"two panels of one id", "\"id\": 3,\n      \"type\"", "\"id\": 2,\n      \"type\"", []string{"has the id of"}},
		{"panels that overlap", "\"h\": 4,\n        \"w\": 6,\n        \"x\": 6", "\"h\": 4,\n        \"w\": 6,\n        \"x\": 5", []string{"overlaps panel"}},
		{"a panel outside of the grid", "\"h\": 4,\n        \"w\": 6,\n        \"x\": 18", "\"h\": 4,\n        \"w\": 6,\n        \"x\": 20", []string{"outside of the grid"}},
		{"another size", "\"h\": 8,\n        \"w\": 12", "\"h\": 9,\n        \"w\": 12", []string{"9 by 12"}},
		{"a type without a size", `"type": "timeseries"`, `"type": "graph"`, []string{"no size for type graph"}},
		{"a scale without 0", `"drawStyle": "line",`, `"scaleDistribution": {"type": "log"}, "drawStyle": "line",`, []string{"no place for 0"}},
		{"a sum of what overlaps", "\"calcs\": [\n            \"max\"", "\"calcs\": [\n            \"sum\"", []string{"is no count"}},
		{"steps between which some probe does not run", `"interval": "5m"`, `"interval": "1m"`, []string{"has gaps", "3m0s"}},
		{"a graph that is empty when all is well", "0 * sum(increase(", "0 < sum(increase(", []string{"empty on a good day"}},
		{"an alert in a dashboard", `"type": "timeseries",`, `"type": "timeseries", "alert": {"name": "x"},`, []string{"has an alert"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := seeded(t, edit{overviewFile, tc.old, tc.new})
			wantFinding(t, boardFindings(t, r, overviewFile), tc.want...)
		})
	}
}

func TestObjectivesMayHaveFixedWindows(t *testing.T) {
	file := "deploy/grafana/synthetic-slos.json"
	r := seeded(t, edit{file, "max by (slo) (slo:burn_rate:ratio_rate1h{slo=~\\\"$slo\\\"})", "sum by (slo) (increase(dt_synthetic_slo_events_total{slo=~\\\"$slo\\\"}[30d]))"})
	if found := boardFindings(t, r, file); len(found) > 0 {
		t.Error(found)
	}
}

func TestAPanelThatShowsNothingIsFound(t *testing.T) {
	rep := &report{}
	checkPanel(rep, nil, "x", panel{Type: "timeseries", Title: "Empty"}, nil, map[string]bool{})
	wantFinding(t, rep.findings, "shows nothing")
}

func TestAnchorsAreThoseOfForges(t *testing.T) {
	got := strings.Join(anchors("# Join: it's down (page)\ntext\n##no heading\n### A `b` - c\n"), " ")
	if got != "join-its-down-page a-b---c" {
		t.Error(got)
	}
}
