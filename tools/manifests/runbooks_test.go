package main

import (
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
)

const deploymentRunbook = "deploy/runbooks/synthetic-prober-deployment.md"

// runbookFindings checks the runbooks of a repository.
func runbookFindings(t *testing.T, r repository) []Finding {
	t.Helper()
	c, err := newCatalogue(r)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := ruleFiles(r, c) // what is wrong with them is another test's
	var groups []*rulefmt.RuleGroups
	for _, g := range files {
		groups = append(groups, g)
	}
	var all []Finding
	for _, file := range append(r.glob(runbooksHere+"/*.md"), guide) {
		all = append(all, checkRunbook(r, c, groups, file)...)
	}
	return all
}

func TestTheRunbooksAreGood(t *testing.T) {
	if found := runbookFindings(t, here); len(found) > 0 {
		t.Error(found)
	}
}

func TestEveryDefectOfARunbookIsFound(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit edit
		want []string
	}{
		{"a query that does not parse", edit{incidents, "topk(5, sum by", "topk(5, sum buy"}, []string{"topk(5", "parse error"}},
		{"a series that nobody registers", edit{incidents, "increase(dt_synthetic_failures_total{flow", "increase(dt_synthetic_failure_total{flow"}, []string{"there is no series dt_synthetic_failure_total"}},
		{"a label that is not there", edit{incidents, `dt_synthetic_failures_total{flow="join"}`, `dt_synthetic_failures_total{flows="join"}`}, []string{"has no label flows"}},
		{"a value that is not there", edit{incidents, `{reason="throttled"}`, `{reason="throtled"}`}, []string{`never has reason="throtled"`}},
		{"one of several values that is not there", edit{incidents, `cause=~"setup|lane|config"`, `cause=~"setup|lanes|config"`}, []string{`never has cause="lanes"`}},
		{"a value that is excluded and not there", edit{incidents, `{hop!="prober"}[15m]`, `{hop!="probe"}[15m]`}, []string{`never has hop="probe"`}},
		{"a probe that is not there", edit{incidents, `{probe="sign-in"}`, `{probe="signin"}`}, []string{`never has probe="signin"`}},
		{"a counter as it is", edit{deploymentRunbook, "dt_synthetic_build_info\n", "dt_synthetic_runs_total\n"}, []string{"is a counter"}},
		{"a series in the text that is not there", edit{incidents, "(`dt_synthetic_build_info`)", "(`dt_synthetic_build`)"}, []string{"dt_synthetic_build: there is no such series"}},
		{"an alert that is not there", edit{deploymentRunbook, "`SyntheticLowCoverage`", "`SyntheticCoverageLow`"}, []string{"SyntheticCoverageLow: there is no such alert"}},
		{"a section that no alert leads to", edit{incidents, "### Backing off", "### Pushed back"}, []string{"pushed-back: no alert leads to this section"}},
		{"logs by a label that is not there", edit{incidents, `app="synthetic-prober", level="ERROR"`, `job="synthetic-prober", level="ERROR"`}, []string{"the logs have no label job"}},
		{"logs by a field that is not there", edit{incidents, `fields_message="run failed"`, `message="run failed"`}, []string{"the log has no field message"}},
		{"a field to show that is not there", edit{incidents, "{{.fields_detail}} trace", "{{.detail}} trace"}, []string{"the log has no field detail"}},
		{"fields of a line that is not taken apart", edit{incidents, "| json | trace_id=", "| trace_id="}, []string{"without | json"}},
		{"logs without a selector", edit{incidents, "{namespace=\"dark-tower\", app=\"synthetic-prober\"} | json | trace_id", "app=\"synthetic-prober\" | json | trace_id"}, []string{"a selector"}},
		{"logs that end too soon", edit{incidents, " --tail=-1 --since=30m", " --since=30m"}, []string{"ten lines"}},
		{"a link into nothing", edit{incidents, "(#reload-failed)", "(#reloading-failed)"}, []string{"#reloading-failed: there is no such heading"}},
		{"a link to a file that is not there", edit{deploymentRunbook, "(synthetic-prober-incident-response.md)", "(synthetic-prober-incidents.md)"}, []string{"there is no such file"}},
		{"a series in the guide that is not there", edit{guide, "slo:sli_error:ratio_rate5m", "slo:error:ratio_rate5m"}, []string{"slo:error:ratio_rate5m: there is no such series"}},
		{"a gate without its environment", edit{guide, "(synthetic-gate, synthetic-environment)", "(synthetic-gate)"}, []string{"must apply the gate with"}},
		{"logs of a gate that end too soon", edit{guide, " --tail=-1", ""}, []string{"ten lines"}},
		{"code that nobody looks at", edit{incidents, "```promql\n", "```\n"}, []string{"not looked at"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantFinding(t, runbookFindings(t, seeded(t, tc.edit)), tc.want...)
		})
	}
}
