package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheFileOfASmallConfiguration(t *testing.T) {
	got := generate(t, probesOf(t,
		"name: join, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99.9%, role: page}, {sli: time_to_media, target: 95%, threshold: 2s, role: warn}, {sli: mc_join, target: 99%, threshold: 100ms, role: inform}]"))
	golden := filepath.Join("testdata", "small.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the rules are not those of %s; look at the difference, and write it with go test ./internal/slo/rules -update", golden)
	}
}

// TestAnAlertSaysWhatItTakesOfTheBudgetsItIsAbout and not of a usual one.
func TestAnAlertSaysWhatItTakesOfTheBudgetsItIsAbout(t *testing.T) {
	got := string(generate(t, probesOf(t,
		"name: join, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99.9%, window: 7d, role: page, allow_coarse: true}, {sli: gc_availability, target: 99.9%, role: page}]")))
	for _, want := range []string{
		"1h of it takes 8.6 % of a budget over 7d, and 2 % of a budget over 30d.", "6h of it takes 21 % of a budget over 7d, and 5 % of a budget over 30d.",
		"is more than 3 times what the objective allows", "is more than what the objective allows", "3d of it takes 43 % of a budget over 7d, and 10 % of a budget over 30d.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no alert says %q", want)
		}
	}
}

func TestTheSameConfigurationGivesTheSameFile(t *testing.T) {
	for name := range variety(t) {
		first := generate(t, variety(t)[name])
		for range 20 {
			if again := generate(t, variety(t)[name]); !bytes.Equal(first, again) {
				t.Fatalf("%s: two runs give two files", name)
			}
		}
	}
}

func TestTheDeployedRulesAreCurrent(t *testing.T) {
	got, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, generate(t, shipped(t))) {
		t.Error("deploy/prometheus/synthetic-alerts.yaml is not what probes.yaml says: run go generate ./internal/slo/rules")
	}
}
