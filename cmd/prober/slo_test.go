package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// objectives has one objective of each kind that is printed in a way of its own.
const objectives = `version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:2", organisation: devtest}
accounts:
  pool: {email: {env: "EMAIL_{account}"}, password: {env: PASSWORD}}
lanes:
  - {name: join, pool: pool, use: run}
  - {name: join-check, pool: pool, use: check}
  - {name: media, pool: pool, use: run}
  - {name: media-check, pool: pool, use: check}
probes:
  - name: join
    flow: join
    lanes: [join, join-check]
    interval: 1m
    timeout: 20s
    objectives:
      - {sli: availability, target: 99%, role: page, gate: {prove: 90%, runs: 61}}
      - {sli: duration, target: 95%, threshold: 5s, role: warn, gate: yes}
      - {sli: gc_availability, target: 99.9%, role: warn}
  - name: media
    flow: media
    lanes: [media, media-check]
    interval: 30s
    timeout: 20s
    objectives:
      - {sli: delivery_ratio, target: 99.5%, gate: {prove: 80%, runs: 16}}
`

func inObjectives(t *testing.T) (back func()) {
	t.Helper()
	testdata, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	nowhere(t)
	if err := os.WriteFile("probes.yaml", []byte(objectives), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() { t.Chdir(testdata) }
}

func TestObjectivesAreShown(t *testing.T) {
	back := inObjectives(t)
	r := run(t.Context(), "slo", "show").must(t, 0)
	back()
	golden(t, "slo-show.txt", r.stdout)
}

func TestVerdictsAndAlertsArePlayed(t *testing.T) {
	back := inObjectives(t)
	line := strings.Fields("slo simulate --runs 300 --months 2 --seed 7")
	r := run(t.Context(), line...).must(t, 0)
	if again := run(t.Context(), line...).must(t, 0); again.stdout != r.stdout {
		t.Error("the same seed gives other numbers")
	}
	back()
	golden(t, "slo-simulate.txt", r.stdout)
}

func TestConfigCheckWarns(t *testing.T) {
	back := inObjectives(t)
	r := run(t.Context(), "config", "check").must(t, 0)
	back()
	golden(t, "config-check-warns.txt", r.stderr+r.stdout)
}

func TestWithoutObjectivesThereIsNothingToShow(t *testing.T) {
	nowhere(t)
	i, j := strings.Index(objectives, "    objectives:\n"), strings.Index(objectives, "  - name: media\n    flow")
	if err := os.WriteFile("probes.yaml", []byte(objectives[:i]+strings.SplitAfter(objectives[j:], "timeout: 20s\n")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t.Context(), "slo", "show").must(t, 0); r.stdout != "there are no objectives\n" {
		t.Errorf("got %v", r)
	}
	if r := run(t.Context(), "slo", "simulate").must(t, 0); r.stdout != "there are no objectives\n" {
		t.Errorf("got %v", r)
	}
}
