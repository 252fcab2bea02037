package rules

import (
	"bytes"
	"os"
	"path/filepath"
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
