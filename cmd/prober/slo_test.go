package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/slo/simulate"
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

// TestAGateThatNoCheckJudgesIsToldApart: it shares no false fails with those that are
// judged, and so changes none of their counts.
func TestAGateThatNoCheckJudgesIsToldApart(t *testing.T) {
	back := inObjectives(t)
	defer back()
	before := run(t.Context(), "slo", "show").must(t, 0)
	more := objectives + `  - name: silent
    flow: join
    lanes: [silent]
    interval: 1m
    timeout: 20s
    objectives: [{sli: availability, target: 99%, role: warn, gate: yes}]
`
	more = strings.Replace(more, "probes:\n", "  - {name: silent, pool: pool, use: run}\nprobes:\n", 1)
	if err := os.WriteFile("probes.yaml", []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	after := run(t.Context(), "slo", "show").must(t, 0)
	_, counts, _ := strings.Cut(before.stdout, "\ngate\n")
	if _, got, _ := strings.Cut(after.stdout, "\ngate\n"); got != counts+"  silent-availability gates, and no check judges it: its probe has no lane for checks\n" {
		t.Errorf("got\n%s\nafter\n%s", got, counts)
	}
	if played := run(t.Context(), "slo", "simulate", "--runs", "10", "--months", "1").must(t, 0); strings.Contains(played.stdout, "silent-availability") {
		t.Errorf("it is played:\n%s", played.stdout)
	}
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

// TestTheTablesInTheDocsAreWhatIsPrinted: lines of docs/objectives.md that begin with an
// objective are those of `prober slo show`, as far as they go.
func TestTheTablesInTheDocsAreWhatIsPrinted(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "objectives.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := run(t.Context(), "slo", "show", "--config", filepath.Join("..", "..", "probes.yaml")).must(t, 0).stdout
	printed := make(map[string]bool)
	for line := range strings.Lines(shown) {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "  *") && !strings.HasPrefix(line, "  what ") && !strings.HasPrefix(line, "  these ") {
			printed[strings.Join(strings.Fields(line), " ")] = false
		}
	}
	quoted := 0
	for line := range strings.Lines(string(docs)) {
		if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "  join-") && !strings.Contains(line, "-availability  ") && !strings.Contains(line, "%  ") {
			continue
		}
		text, found := strings.Join(strings.Fields(line), " "), false
		for p := range printed {
			found = found || strings.HasPrefix(p, text)
		}
		if quoted++; !found {
			t.Errorf("nobody prints: %s", line)
		}
	}
	if objectives := len(printed) - 2; quoted != objectives { // but for the heads
		t.Errorf("%d lines are quoted, and there are %d", quoted, objectives)
	}
}

// TestTheRatesInTheDocsAreWhatIsPlayed compares them with fewer checks, as far as those
// carry.
func TestTheRatesInTheDocsAreWhatIsPlayed(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "objectives.md"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := setup.Load(filepath.Join("..", "..", "probes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := simulate.Verdicts(slo.Objectives(cfg), simulate.Checks{Games: 4000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		line := regexp.MustCompile(`(?m)^\| ` + r.Objective.Name + `[^|]*\| ([0-9.]+) % \| ([0-9.]+) % \| ([0-9.]+) % \| ([0-9.]+) %, ([0-9.]+) \|$`).FindSubmatch(docs)
		if line == nil {
			t.Errorf("%s is not in the docs", r.Objective.Name)
			continue
		}
		rates := []float64{100 * r.Healthy.Pass, 100 * r.AtTarget.Fail, 100 * r.AtProve.Pass, 100 * r.Broken.Fail, r.Broken.Runs}
		if r.Objective.Blocks() {
			rates = rates[:4] // of several ways to be broken, as bad as each other, any may be the worst
		}
		for i, got := range rates {
			said, err := strconv.ParseFloat(string(line[i+1]), 64)
			if err != nil || math.Abs(got-said) > 1.2 {
				t.Errorf("%s, column %d: the docs say %s, and it is %.2f", r.Objective.Name, i+1, line[i+1], got)
			}
		}
		if 100*r.AtTarget.Fail > 2.5 || 100*r.AtProve.Pass > 6 {
			t.Errorf("%s: wrong fails %v, wrong passes %v", r.Objective.Name, r.AtTarget.Fail, r.AtProve.Pass)
		}
	}
}
