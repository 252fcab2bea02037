package rules

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promtool is Prometheus's own judge of rule files. Where it is missing the test is
// skipped, unless that was forbidden.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	switch {
	case err == nil:
		return path
	case os.Getenv("DARKTOWER_REQUIRE_TELEMETRY") != "":
		t.Fatal("promtool is missing: install Debian's package prometheus")
	}
	t.Skip("promtool is missing: install Debian's package prometheus")
	return ""
}

func tool(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), promtool(t), args...).CombinedOutput()
	return string(out), err
}

const testFolder = repository + "/deploy/prometheus/tests"

// testFiles are the unit tests of the deployed rules.
func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(testFolder + "/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files in %s, %v", len(files), testFolder, err)
	}
	return files
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	for name, cfg := range variety(t) {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, generate(t, cfg), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := tool(t, "check", "rules", "--lint=all", "--lint-fatal", path); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTheDeployedRulesDoWhatTheirTestsSay(t *testing.T) {
	for _, path := range testFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if out, err := tool(t, "test", "rules", path); err != nil {
				t.Error(out)
			}
		})
	}
}

// Every kind of alert must be seen to fire in some test.
func TestEveryKindOfAlertIsTested(t *testing.T) {
	fired := make(map[string]bool)
	expected := regexp.MustCompile(`labels: '\{alertname="Synthetic([A-Za-z0-9]+)"`)
	for _, path := range testFiles(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range expected.FindAllSubmatch(content, -1) {
			fired[condition(string(m[1]))] = true
		}
		if bytes.Contains(content, []byte(`alertname="SyntheticRulesOutdated"`)) {
			fired["RulesOutdated"], fired["ProbeMissing"] = true, true
		}
	}
	for _, r := range read(t, generate(t, shipped(t))).alerts() {
		if c := condition(strings.TrimPrefix(r.Alert, alertPrefix)); !fired[c] {
			t.Errorf("no test sees %s", c)
		}
	}
}

// condition is an alert's name without the flow.
func condition(name string) string {
	for _, flow := range []string{"Join", "Media", "Reconnect", "SignIn"} {
		if rest, ok := strings.CutPrefix(name, flow); ok {
			return rest
		}
	}
	return name
}
