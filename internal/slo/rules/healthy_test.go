package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A platform that is well, with a failure here and there, is left alone: by all rules,
// for all probes and objectives of the shipped configuration.
func TestAHealthyPlatformIsLeftAlone(t *testing.T) {
	promtool(t)
	rules := generate(t, shipped(t))
	content := fmt.Sprintf(`rule_files: [rules.yaml]
evaluation_interval: 1m
group_eval_order: [synthetic-prober-objectives, synthetic-prober-recording, synthetic-prober-recording-long, synthetic-prober-recording-30d, synthetic-prober-page, synthetic-prober-warning, synthetic-prober-info]
tests:
  - interval: 30s
    input_series:
%s    promql_expr_test:
      - {expr: 'count(slo:burn_rate:ratio_rate1h)', eval_time: 2h30m, exp_samples: [{labels: '{}', value: %d}]}
      - {expr: 'count_over_time(ALERTS{alertstate="firing"}[3h])', eval_time: 2h30m, exp_samples: []}
`, healthy(t), len(watch(shipped(t)).objectives))
	dir := t.TempDir()
	for path, content := range map[string][]byte{"rules.yaml": rules, "test.yaml": []byte(content)} {
		if err := os.WriteFile(filepath.Join(dir, path), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := tool(t, "test", "rules", filepath.Join(dir, "test.yaml")); err != nil {
		t.Error(out)
	}
}

// healthy is what a daemon shows that has just been started, for two and a half hours,
// sampled every 30 s.
func healthy(t *testing.T) string {
	t.Helper()
	const samples = 300
	w := watch(shipped(t))
	var b strings.Builder
	series := func(name, labels, values string) {
		fmt.Fprintf(&b, "      - {series: '%s{%s}', values: '%s'}\n", name, labels, values)
	}
	for _, o := range w.objectives {
		labels := fmt.Sprintf("slo=%q, flow=%q, service=%q", o.Name, o.Flow, o.Service)
		series(eventsTotal, labels, fmt.Sprintf("0+%gx%d", 30/o.Interval.Seconds(), samples))
		// Once in those hours a run is bad; frames a few, always.
		bad := fmt.Sprintf("0+0x150 %g+0x%d", max(1, o.EventsPerRun/10), samples-151)
		series(badEventsTotal, labels, bad)
		series(objectiveRatio, labels, fmt.Sprintf("%v+0x%d", o.Target, samples))
	}
	for _, p := range w.probes {
		labels := fmt.Sprintf("probe=%q", p.Name)
		every := w.every[p.Name].Seconds()
		series(probeInterval, labels, fmt.Sprintf("%g+0x%d", every, samples))
		series(backoffInterval, labels, fmt.Sprintf("0+0x%d", samples))
		series(scheduledSince, labels, fmt.Sprintf("0+0x%d", samples))
		series(consecutiveFailures, labels, fmt.Sprintf("0+0x150 1 0+0x%d", samples-152))
		steps := int(max(1, every/30))
		var last strings.Builder
		for i := range samples/steps + 1 {
			fmt.Fprintf(&last, "%d+0x%d ", i*steps*30, steps-1)
		}
		series(lastRun, labels, strings.TrimSpace(last.String()))
		for _, outcome := range []string{"success", "failure", "inconclusive", "aborted"} {
			rate := map[string]float64{"success": 30 / every}[outcome]
			series(runsTotal, fmt.Sprintf("probe=%q, flow=%q, outcome=%q, trigger=\"schedule\"", p.Name, p.Flow, outcome), fmt.Sprintf("0+%gx%d", rate, samples))
		}
		for _, cause := range []string{"setup", "lane", "lag", "drops", "network", "config", "panic"} {
			series(selfTainted, fmt.Sprintf("probe=%q, cause=%q", p.Name, cause), fmt.Sprintf("0+0x%d", samples))
		}
		for _, reason := range []string{"overlap", "resting", "saturated", "late", "paused"} {
			series(runsSkipped, fmt.Sprintf("probe=%q, reason=%q", p.Name, reason), fmt.Sprintf("0+0x%d", samples))
		}
	}
	for _, queue := range []string{"spans", "observations"} {
		series(selfDropped, fmt.Sprintf("queue=%q", queue), fmt.Sprintf("0+0x%d", samples))
	}
	series(buildInfo, `version="1"`, fmt.Sprintf("1+0x%d", samples))
	series(reloadSuccessful, "", fmt.Sprintf("1+0x%d", samples))
	for _, s := range []string{"mc-service", "mh-service"} {
		series(certificateExpiry, fmt.Sprintf("service=%q", s), fmt.Sprintf("1000000+0x%d", samples))
	}
	series("prometheus_tsdb_retention_limit_seconds", "", fmt.Sprintf("3456000+0x%d", samples))
	return b.String()
}
