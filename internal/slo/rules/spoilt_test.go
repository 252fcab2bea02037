package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// unitTest is a file of promtool's, as far as it is put together anew here.
type unitTest struct {
	RuleFiles          []string    `yaml:"rule_files"`
	EvaluationInterval string      `yaml:"evaluation_interval"`
	GroupEvalOrder     []string    `yaml:"group_eval_order"`
	Tests              []yaml.Node `yaml:"tests"`
}

func readTests(t *testing.T, path string) unitTest {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var u unitTest
	if err := yaml.Unmarshal(content, &u); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return u
}

// against runs one test of a file against other rules.
func against(t *testing.T, file, name string, rules []byte) (output string, err error) {
	t.Helper()
	u := readTests(t, filepath.Join(testFolder, file))
	u.Tests = slices.DeleteFunc(u.Tests, func(n yaml.Node) bool {
		var test struct {
			Name string `yaml:"name"`
		}
		return n.Decode(&test) != nil || test.Name != name
	})
	if len(u.Tests) != 1 {
		t.Fatalf("%s has %d tests called %q", file, len(u.Tests), name)
	}
	dir := t.TempDir()
	u.RuleFiles = []string{"rules.yaml"}
	content, err := yaml.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{"rules.yaml": without(t, rules, string(content)), "test.yaml": content} {
		if err := os.WriteFile(filepath.Join(dir, path), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tool(t, "test", "rules", filepath.Join(dir, "test.yaml"))
}

var named = regexp.MustCompile(`(?:slo|probe)=~?"([^"]+)"`)

// without leaves out the rules for probes and objectives that a test does not speak
// of: they cost time, and have no series there.
func without(t *testing.T, rules []byte, test string) []byte {
	t.Helper()
	f := read(t, rules)
	for i, g := range f.Groups {
		f.Groups[i].Rules = slices.DeleteFunc(g.Rules, func(r readRule) bool {
			var names []string
			for _, m := range named.FindAllStringSubmatch(r.Expr, -1) {
				names = append(names, strings.Split(m[1], "|")...)
			}
			if r.Labels["slo"] != "" {
				names = append(names, r.Labels["slo"])
			}
			return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(test, n) })
		})
	}
	content, err := yaml.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A test that cannot fail proves nothing: each of these has its rule spoilt, and must
// notice.
func TestTheTestsNoticeSpoiltRules(t *testing.T) {
	promtool(t)
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	rules, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ spoilt, pattern, by, file, test string }{
		{"no gate in the short window", `\n +and slo:bad_runs:increase(5m|30m)\S+ >= 2\.5`, "", "partial.yaml", "one join in twenty fails"},
		{"no gate in the long window", `\n +and slo:bad_runs:increase(1h|6h)\S+ >= 4\.5`, "", "blips.yaml", "a burst of three within a minute pages nobody"},
		{"no gate at all", `\n +and slo:bad_runs:\S+ >= [0-9.]+`, "", "blips.yaml", "one failed sample pages nobody"},
		{"two failures in a row are an outage", `\) >= 3`, ") >= 2", "blips.yaml", "three failures of a probe that runs once a minute are three minutes, and do"},
		{"an outage waits for an hour", `for: 30s`, "for: 1h", "outage.yaml", "people are woken within two minutes, and left alone when it is over"},
		{"only outages page", `> (14\.4|6)\n`, "> 990\n", "partial.yaml", "every third join fails, and never three in a row"},
		{"a page is not held", `(unless on \(slo\) slo:events:\S+) > 0`, "$1", "blind.yaml", "a prober that hangs while a page is firing resolves nothing"},
		{"a page is held without being one", `alertstate="firing"`, `alertstate="never"`, "blind.yaml", "a prober that is gone while a page is firing resolves nothing either"},
		{"a page is held for ever", `unless on \(slo\) slo:events:\S+ > 0`, "", "blind.yaml", "a prober that hangs while a page is firing resolves nothing"},
		{"no events are no failures", `\(slo:events:increase30m > 0\)`, "(slo:events:increase30m + 1)", "blind.yaml", "a prober that hangs while a page is firing resolves nothing"},
		{"back-off is not known", `dt_synthetic_backoff_interval_seconds\) > max`, "dt_synthetic_interval_seconds) > max", "blind.yaml", "a probe that backs off runs less often, and is not stale"},
		{"a first run is never missed", ` or max by \(probe\) \(dt_synthetic_scheduled_since_timestamp_seconds\)`, "", "blind.yaml", "a probe that has never run is stale, too"},
		{"the first hour is a gap", `\n +and on \(slo\) \S+ offset 1h`, "", "blind.yaml", "an hour with too few runs is a gap, and the first hour is not"},
		{"warnings page", `severity: warning`, "severity: page", "latency.yaml", "late media after joining warns, and never pages"},
		{"everybody is asked", `slo=~"gc-availability`, `slo=~"mc-signaling|gc-availability`, "latency.yaml", "an objective that only informs tells nobody"},
		{"frames are runs", `vector\(1000\)`, "vector(1)", "latency.yaml", "all frames of a single run being late are one bad run, however many they are"},
		{"resets are failures", `increase\(dt_synthetic_slo`, "delta(dt_synthetic_slo", "blips.yaml", "a prober that restarts has its counters begin anew, and nothing else happens"},
		{"setup is like any other reason", `cause=~"config\|lane\|setup"`, `cause="panic"`, "own.yaml", "runs that cannot begin are provisioning, and not the platform"},
		{"whatever is skipped is skipped", `,?reason=~"[a-z|]+"`, "", "own.yaml", "a paused probe skips everything, and that is no alert"},
		{"certificates of two services are one", `label_replace\((min by \(service\) \(\S+\)), [^)]*"\(\.\*\)"\)`, "$1", "own.yaml", "certificates are told of before they end, and page when they have"},
		{"a budget is what was measured", `\* max by \(slo\) \(slo:expected_events:increase1h\) \* 720`, "* 100", "slow.yaml", "a budget that is gone is a ticket as long as it is gone"},
		{"tickets at once", `for: (5m|3h)`, "for: 30s", "slow.yaml", "five times the budget is a ticket, not a page"},
		{"on target is a ticket", `> (1|3)\n`, "> 0.5\n", "slow.yaml", "exactly at the objective nobody is told anything"},
	} {
		t.Run(tc.spoilt, func(t *testing.T) {
			worse := regexp.MustCompile(tc.pattern).ReplaceAll(rules, []byte(tc.by))
			if bytes.Equal(worse, rules) {
				t.Fatal("nothing was spoilt")
			}
			if out, err := against(t, tc.file, tc.test, worse); err == nil {
				t.Errorf("%q does not notice", tc.test)
			} else if !strings.Contains(out, "exp:") && !strings.Contains(out, "labelset") {
				t.Errorf("%q fails for another reason:\n%s", tc.test, out)
			}
		})
	}
}
