package rules

import (
	"regexp"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// about lists the severities of the alerts that name an objective or a probe.
func about(f file, name string) map[string]string {
	out := make(map[string]string)
	for _, r := range f.alerts() {
		if regexp.MustCompile(`[="|]` + name + `["|]`).MatchString(r.Expr) {
			out[r.Alert] += r.Labels["severity"]
		}
	}
	return out
}

func TestTheRoleDecidesWhomAnObjectiveReaches(t *testing.T) {
	for _, tc := range []struct {
		role string
		want map[string]string
	}{
		{"page", map[string]string{"SyntheticJoinBudgetBurn14x": "page", "SyntheticJoinBudgetBurn6x": "page", "SyntheticJoinBudgetBurn3x": "warning", "SyntheticJoinBudgetBurn1x": "warning", "SyntheticJoinBudgetExhausted": "warning"}},
		{"warn", map[string]string{"SyntheticJoinBudgetBurn14x": "warning", "SyntheticJoinBudgetBurn6x": "warning", "SyntheticJoinBudgetBurn3x": "warning", "SyntheticJoinBudgetBurn1x": "warning", "SyntheticJoinBudgetExhausted": "warning"}},
		{"inform", map[string]string{}},
	} {
		t.Run(tc.role, func(t *testing.T) {
			f := read(t, generate(t, probesOf(t, "name: x, flow: join, interval: 15s, timeout: 10s, objectives: [{name: it, sli: gc_join, threshold: 1s, target: 99.9%, role: "+tc.role+"}]")))
			got := about(f, "it")
			if len(got) != len(tc.want) {
				t.Errorf("alerts %v, not %v", got, tc.want)
			}
			for alert, severity := range tc.want {
				if got[alert] != severity {
					t.Errorf("%s is a %q, not a %q", alert, got[alert], severity)
				}
			}
		})
	}
}

func TestAFlowIsDownForWhomItsAvailabilityIsPromised(t *testing.T) {
	for role, want := range map[string]string{"page": "page", "warn": "warning", "inform": ""} {
		f := read(t, generate(t, probesOf(t, "name: p, flow: media, interval: 1m, timeout: 30s, objectives: [{sli: availability, target: 99%, role: "+role+"}]")))
		got := ""
		for _, r := range f.named("SyntheticMediaDown") {
			got += r.Labels["severity"]
		}
		if got != want {
			t.Errorf("role %s: severity %q, not %q", role, got, want)
		}
	}
}

func TestJoinToMediaNeverPagesAsShipped(t *testing.T) {
	f := read(t, generate(t, shipped(t)))
	got := about(f, "join-time-to-media")
	if len(got) == 0 {
		t.Fatal("nothing looks at it")
	}
	for alert, severity := range got {
		if severity != "warning" {
			t.Errorf("%s is a %s", alert, severity)
		}
	}
}

func TestRulesThatCannotFireAreLeftOut(t *testing.T) {
	f := read(t, generate(t, probesOf(t,
		"name: wide, flow: join, interval: 15s, timeout: 10s, objectives: [{name: wide, sli: duration, threshold: 1s, target: 95%, role: page}]",
		"name: wider, flow: join, interval: 15s, timeout: 10s, objectives: [{name: wider, sli: duration, threshold: 1s, target: 70%, role: page}]",
		"name: slow, flow: join, interval: 3m, timeout: 10s, objectives: [{name: slow, sli: duration, threshold: 1s, target: 99%, role: page}]",
		"name: slower, flow: join, interval: 15m, timeout: 10s, objectives: [{name: slower, sli: duration, threshold: 1s, target: 99%, role: warn, allow_coarse: true}]",
	)))
	for name, want := range map[string]string{
		"wide":   "1x 3x Exhausted MostlyBad",
		"wider":  "1x 3x Exhausted MostlyBad",
		"slow":   "1x 3x 6x Exhausted",
		"slower": "1x 3x Exhausted",
	} {
		var got []string
		for _, suffix := range []string{"1x", "3x", "6x", "14x", "Exhausted", "MostlyBad"} {
			for alert := range about(f, name) {
				if strings.HasSuffix(strings.TrimPrefix(alert, "SyntheticJoinBudgetBurn"), suffix) && (suffix != "1x" || strings.HasSuffix(alert, "Burn1x")) {
					got = append(got, suffix)
				}
			}
		}
		if list := strings.Join(got, " "); list != want {
			t.Errorf("%s: %s, not %s", name, list, want)
		}
	}
}

// What the configuration accepts as a page can page.
func TestEveryObjectiveThatMayPageHasAPage(t *testing.T) {
	accepted := 0
	for _, interval := range []string{"15s", "1m", "100s", "5m", "10m", "11m", "1h"} {
		for _, target := range []string{"70%", "90%", "95%", "97%", "97.1%", "99%", "99.9%", "99.99%"} {
			cfg, err := parse("name: p, flow: join, interval: " + interval + ", timeout: 10s, objectives: [{name: it, sli: gc_join, threshold: 1s, role: page, allow_coarse: true, target: " + target + "}]")
			if err != nil {
				continue
			}
			accepted++
			pages := 0
			for _, severity := range about(read(t, generate(t, cfg)), "it") {
				if severity == "page" {
					pages++
				}
			}
			if pages == 0 {
				t.Errorf("every %s at %s: no page", interval, target)
			}
		}
	}
	if accepted < 20 {
		t.Errorf("only %d configurations were accepted", accepted)
	}
}

func TestPagesAreHeldWhileNothingIsMeasured(t *testing.T) {
	for name, cfg := range variety(t) {
		for _, r := range read(t, generate(t, cfg)).alerts() {
			if r.Labels["severity"] == "page" && r.Labels["component"] != "certificate" &&
				(!strings.Contains(r.Expr, `ALERTS{alertname="`+r.Alert+`"`) || r.KeepFiringFor == "") {
				t.Errorf("%s: %s resolves when the prober hangs", name, r.Alert)
			}
		}
	}
}

func TestAPausedProbeAlertsNobodyAndKeepsItsRecords(t *testing.T) {
	f := read(t, generate(t, variety(t)["a paused probe"]))
	if got := about(f, "join"); len(got) != 0 {
		t.Errorf("alerts about it: %v", got)
	}
	if got := about(f, "other"); len(got) == 0 {
		t.Error("no alerts about the other")
	}
	found := false
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			found = found || r.Record == objective && r.Labels["slo"] == "join-availability"
		}
	}
	if !found {
		t.Error("its objective is not recorded, and the daemon shows it")
	}
}

func TestEveryObjectiveOfTheShippedConfigurationIsRecorded(t *testing.T) {
	cfg := shipped(t)
	roles := make(map[string]string)
	for _, g := range read(t, generate(t, cfg)).Groups {
		for _, r := range g.Rules {
			if r.Record == objective {
				roles[r.Labels["slo"]] = r.Labels["role"] + " " + r.Expr
			}
		}
	}
	for _, o := range slo.Objectives(cfg) {
		if want := string(o.Role) + " vector(" + number(o.Target) + ")"; roles[o.Name] != want {
			t.Errorf("%s is recorded as %q, not %q", o.Name, roles[o.Name], want)
		}
	}
	for _, o := range slo.Objectives(cfg) {
		if got := about(read(t, generate(t, cfg)), o.Name); (len(got) > 0) != (o.Role != config.Inform) && coverageAlone(got) == (o.Role != config.Inform) {
			t.Errorf("%s (%s) has the alerts %v", o.Name, o.Role, got)
		}
	}
}

// coverageAlone tells that nothing but the samples are looked at.
func coverageAlone(alerts map[string]string) bool {
	_, coverage := alerts["SyntheticLowCoverage"]
	return len(alerts) == 1 && coverage
}
