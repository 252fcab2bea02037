package rules

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// latest counts bad runs among as many as fit into a window, after clean days.
type latest struct {
	size int
	runs []bool
}

func (l latest) bad() int {
	n := 0
	for _, bad := range l.runs[max(0, len(l.runs)-l.size):] {
		if bad {
			n++
		}
	}
	return n
}

func (l latest) share() float64 { return float64(l.bad()) / float64(l.size) }

// detection is how many runs it takes from the first one of a trouble until the
// condition holds, by the rules' own numbers; 0: never within three days.
func detection(every time.Duration, trouble func(run int) bool, condition func(over func(time.Duration) latest) bool) int {
	var runs []bool
	for n := range int(72 * time.Hour / every) {
		runs = append(runs, trouble(n))
		if !runs[n] && n > 0 {
			continue // only a bad run makes it worse
		}
		if condition(func(w time.Duration) latest { return latest{int(w / every), runs} }) {
			return n + 1
		}
	}
	return 0
}

func (b burn) holds(o slo.Objective) func(func(time.Duration) latest) bool {
	return func(over func(time.Duration) latest) bool {
		long, short, limit := over(b.long), over(b.short), b.factor*o.Budgeted()
		return long.bad() >= 5 && short.bad() >= 3 && long.share() > limit && short.share() > limit
	}
}

// timetable says how soon the shipped alerts see two troubles.
func timetable(t *testing.T) string {
	t.Helper()
	type kind struct {
		target float64
		every  time.Duration
	}
	var out strings.Builder
	out.WriteString("| target | a run every | trouble | down | 14x | 6x | mostly bad | 3x | 1x |\n|---|---|---|---|---|---|---|---|---|\n")
	seen := make(map[kind]bool)
	available := make(map[kind]bool)
	objectives := slices.DeleteFunc(watch(shipped(t)).judged, func(o slo.Objective) bool { return severityOf(o.Role) == "" })
	for _, o := range objectives {
		k := kind{o.Target, between(o)}
		available[k] = available[k] || o.SLI == config.Availability
	}
	for _, o := range objectives {
		k := kind{o.Target, between(o)}
		if seen[k] {
			continue
		}
		seen[k] = true
		for _, trouble := range []struct {
			name string
			bad  func(int) bool
		}{{"every run", func(int) bool { return true }}, {"one in 20", func(n int) bool { return n%20 == 0 }}} {
			cell := func(applies bool, wait time.Duration, condition func(func(time.Duration) latest) bool) string {
				if !applies {
					return "-"
				}
				n := detection(k.every, trouble.bad, condition)
				if n == 0 {
					return "never"
				}
				return spoken(time.Duration(n)*k.every + wait)
			}
			cells := []string{cell(available[k], 30*time.Second, func(over func(time.Duration) latest) bool {
				return over(failuresInARow*k.every).bad() == failuresInARow
			})}
			for _, b := range burns() {
				cells = append(cells, cell(b.applies(o), b.hold, b.holds(o)))
			}
			cells = slices.Insert(cells, 3, cell(wide(o) && fits(o, 15*time.Minute), 30*time.Second, func(over func(time.Duration) latest) bool {
				return over(15*time.Minute).bad() >= 3 && over(15*time.Minute).share() > 0.5 && over(5*time.Minute).share() > 0.5
			}))
			fmt.Fprintf(&out, "| %s %% | %s | %s | %s |\n", number(100*k.target), spoken(k.every), trouble.name, strings.Join(cells, " | "))
		}
	}
	return out.String()
}

// spoken writes a duration with two units at the most.
func spoken(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		d = d.Round(time.Hour)
		return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute && d%time.Minute != 0:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return duration(d)
}

var marked = regexp.MustCompile(`(?s)(<!-- detection -->\n).*?(<!-- /detection -->)`)

func TestTheDocsSayHowSoonAlertsFire(t *testing.T) {
	path := filepath.Join(repository, "docs", "alerts.md")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !marked.Match(got) {
		t.Fatalf("%s has no place for the table", path)
	}
	want := marked.ReplaceAll(got, []byte("${1}\n"+timetable(t)+"\n${2}"))
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the rules say: go test ./internal/slo/rules -update writes it", path)
	}
}

// What is known of these objectives from elsewhere.
func TestDetectionAgreesWithTheArithmetic(t *testing.T) {
	always := func(int) bool { return true }
	for _, tc := range []struct {
		target float64
		every  time.Duration
		burn   int
		runs   int
	}{
		{0.999, 15 * time.Second, 0, 5},
		{0.999, time.Minute, 0, 5},
		{0.99, time.Minute, 0, 9},
		{0.99, time.Minute, 1, 22},
		{0.995, 30 * time.Second, 0, 9},
		{0.995, 30 * time.Second, 1, 22},
		{0.99, time.Minute, 2, 44},
	} {
		o := slo.Objective{Target: tc.target, Interval: tc.every, EventsPerRun: 1}
		if got := detection(tc.every, always, burns()[tc.burn].holds(o)); got != tc.runs {
			t.Errorf("%g every %s, %s: %d runs, not %d", tc.target, tc.every, burns()[tc.burn].condition, got, tc.runs)
		}
	}
}
