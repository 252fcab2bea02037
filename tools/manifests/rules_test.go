package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fewRules is a rule file as it should be.
const fewRules = `groups:
  - name: synthetic-prober-recording
    interval: 30s
    rules:
      - record: slo:error:ratio
        expr: sum by (slo) (rate(dt_synthetic_slo_bad_events_total[1h])) / (sum by (slo) (rate(dt_synthetic_slo_events_total[1h])) > 0)
        labels: {window: 1h}
  - name: synthetic-prober-page
    interval: 30s
    rules:
      - alert: SyntheticJoinDown
        expr: max by (probe) (dt_synthetic_consecutive_failures{flow="", probe="join"}) >= 3
        for: 1m
        labels: {severity: page, service: synthetic-prober, component: join}
        annotations:
          summary: Joining fails ({{ $value }} times in a row)
          description: It failed.
          impact: Nobody gets in.
          runbook_url: docs/runbooks/synthetic-prober-incident-response.md#join-down
`

// withRules returns a repository with this rule file and a runbook for it.
func withRules(t *testing.T, rules string) repository {
	t.Helper()
	r := repository(t.TempDir())
	for _, file := range append(read, metricsFile) {
		bring(t, r, file)
	}
	for name, content := range map[string]string{
		"deploy/prometheus/synthetic-alerts.yaml":               rules,
		"deploy/runbooks/synthetic-prober-incident-response.md": "# Response\n\n```\n# not-a-heading\n```\n\n## Join down\n",
	} {
		if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func rulesFindings(t *testing.T, r repository) []Finding {
	t.Helper()
	c, err := newCatalogue(r)
	if err != nil {
		t.Fatal(err)
	}
	files, findings := ruleFiles(r, c)
	for file, groups := range files {
		findings = append(findings, checkRules(r, c, file, groups)...)
	}
	return findings
}

func TestGoodRulesHaveNoFinding(t *testing.T) {
	rules := strings.Replace(fewRules, `flow="", `, "", 1)
	if found := rulesFindings(t, withRules(t, rules)); len(found) > 0 {
		t.Error(found)
	}
}

func TestEveryDefectOfARuleIsFound(t *testing.T) {
	good := strings.Replace(fewRules, `flow="", `, "", 1)
	for _, tc := range []struct {
		name, old, new string
		want           []string
	}{
		{"an expression that does not parse", "expr: max by", "expr: max buy", []string{"parse error"}},
		{"an unknown field", "for: 1m", "four: 1m", []string{"four"}},
		{"a duration that is none", "for: 1m", "for: 1 minute", []string{"duration"}},
		{"a template that does not parse", "{{ $value }}", "{{ $value }", []string{"template"}},
		{"a series that nobody registers", "dt_synthetic_consecutive_failures", "dt_synthetic_consecutive_failure", []string{"SyntheticJoinDown", "there is no series dt_synthetic_consecutive_failure; did you mean dt_synthetic_consecutive_failures?"}},
		{"a label that the series lacks", `{probe="join"}`, `{flow="join"}`, []string{"dt_synthetic_consecutive_failures has no label flow"}},
		{"a grouping by a label that nothing has", "max by (probe)", "max by (probes)", []string{"nothing here has a label probes"}},
		{"a counter as it is", "max by (probe) (dt_synthetic_consecutive_failures{probe=\"join\"})", "max by (probe) (dt_synthetic_runs_total)", []string{"is a counter"}},
		{"a rate of a gauge", "max by (probe) (dt_synthetic_consecutive_failures{probe=\"join\"})", "max by (probe) (rate(dt_synthetic_consecutive_failures[5m]))", []string{"is no counter and is in rate()"}},
		{"a division by nothing", "(sum by (slo) (rate(dt_synthetic_slo_events_total[1h])) > 0)", "sum by (slo) (rate(dt_synthetic_slo_events_total[1h]))", []string{"slo:error:ratio", "may be 0"}},
		{"a division that turns nothing into no", "> 0)", "> bool 0)", []string{"may be 0"}},
		{"a quantile without buckets", "max by (probe) (dt_synthetic_consecutive_failures{probe=\"join\"}) >= 3", "histogram_quantile(0.9, sum by (probe) (rate(dt_synthetic_time_to_media_seconds_bucket[5m]))) > 3", []string{"label le"}},
		{"a severity that is none", "severity: page", "severity: critical", []string{"labels.severity", "critical"}},
		{"a severity in the wrong group", "severity: page", "severity: warning", []string{"belongs into the group synthetic-prober-warning"}},
		{"a page that is looked at rarely", "- name: synthetic-prober-page\n    interval: 30s", "- name: synthetic-prober-page\n    interval: 5m", []string{"every 30s"}},
		{"a group by another name", "- name: synthetic-prober-recording", "- name: recording", []string{"a group's name must begin"}},
		{"another service", "service: synthetic-prober", "service: prober", []string{"labels", "service: synthetic-prober"}},
		{"no component", ", component: join", "", []string{"labels", "component"}},
		{"no impact", "          impact: Nobody gets in.\n", "", []string{"annotations.impact"}},
		{"an address in an annotation", "It failed.", "It failed at 10.0.0.7.", []string{"annotations.description", "10.0.0.7"}},
		{"a name of the cluster in an annotation", "It failed.", "Ask gc-service.dark-tower.svc.cluster.local.", []string{".svc.cluster.local"}},
		{"a runbook that is not there", "incident-response.md", "deployment.md", []string{"annotations.runbook_url", "no such file"}},
		{"a heading that is not there", "#join-down", "#join-up", []string{"has no heading #join-up"}},
		{"a heading inside of code", "#join-down", "#not-a-heading", []string{"has no heading #not-a-heading"}},
		{"a runbook elsewhere", "docs/runbooks/", "https://runbooks.example/", []string{"must be docs/runbooks/FILE.md#ANCHOR"}},
		{"one sample that wakes somebody", "        for: 1m\n", "", []string{"must hold for 30s"}},
		{"an alert by another name", "SyntheticJoinDown", "JoinDown", []string{"must begin with Synthetic"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(good, tc.old) {
				t.Fatalf("no %q", tc.old)
			}
			wantFinding(t, rulesFindings(t, withRules(t, strings.Replace(good, tc.old, tc.new, 1))), tc.want...)
		})
	}
}

func TestRecordedSeriesHaveTheLabelsTheyAreMadeWith(t *testing.T) {
	more := strings.Replace(fewRules, `max by (probe) (dt_synthetic_consecutive_failures{flow="", probe="join"}) >= 3`, `slo:error:ratio{window="1h",slo="x",%s="y"} > 1`, 1)
	if found := rulesFindings(t, withRules(t, strings.Replace(more, `,%s="y"`, "", 1))); len(found) > 0 {
		t.Error(found)
	}
	wantFinding(t, rulesFindings(t, withRules(t, strings.Replace(more, "%s", "probe", 1))), "slo:error:ratio has no label probe")
}

func TestNoRulesAtAllAreAFinding(t *testing.T) {
	r := withRules(t, fewRules)
	if err := os.Remove(r.path("deploy/prometheus/synthetic-alerts.yaml")); err != nil {
		t.Fatal(err)
	}
	wantFinding(t, rulesFindings(t, r), "there are no rules")
	wantFinding(t, rulesFindings(t, withRules(t, "groups: []\n")), "there is no alert")
}
