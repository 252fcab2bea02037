package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

// joins is the least file with a probe of flow join every 15 s.
func joins(objectives ...string) string {
	return strings.NewReplacer("flow: media", "flow: join", "interval: 30s", "interval: 15s", "timeout: 20s", "timeout: 5s").Replace(least) +
		"    objectives:\n      - " + strings.Join(objectives, "\n      - ") + "\n"
}

func TestObjectivesThatCannotBeMeantAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"an objective that one bad run nearly uses up", joins("{sli: availability, target: 99.99%, role: warn, window: 1d}"),
			`t.yaml:21:37: probes[0].objectives[0].target: one bad run of one every 15s takes 174% of the budget of 99.99% over 1d; run more often, lower the target, set role: inform, or set allow_coarse: true`},
		{"frames do not make a bad run cheaper", objective("{sli: delivery_ratio, target: 99.9%, role: page, window: 1d}"),
			`t.yaml:21:39: probes[0].objectives[0].target: one bad run of one every 30s takes 35% of the budget of 99.9% over 1d; run more often, lower the target, set role: inform, or set allow_coarse: true`},
		{"a burn that can never be", joins("{sli: availability, target: 66%, role: warn}"),
			`t.yaml:21:37: probes[0].objectives[0].target: burning 3 times a budget of 34% takes 102% of the events, so that no alert can come of it; raise the target above 66.7%, or set role: inform`},
		{"a page that its windows are too short for", strings.Replace(joins("{sli: availability, target: 99%, role: page}"), "interval: 15s", "interval: 11m", 1),
			`t.yaml:21:48: probes[0].objectives[0].role: with a run every 11m there are never 3 bad ones within 30m, and a page takes as many; run at least every 10m, or set role: warn`},
		{"a page on a wide budget that its windows are too short for", strings.Replace(joins("{sli: availability, target: 97%, role: page}"), "interval: 15s", "interval: 6m", 1),
			`t.yaml:21:48: probes[0].objectives[0].role: with a run every 6m there are never 3 bad ones within 15m, and a page takes as many; run at least every 5m, or set role: warn`},
		{"a gate whose runs prove nothing", joins("{sli: availability, target: 99%, gate: {prove: 95%, runs: 58}}"),
			`t.yaml:21:67: probes[0].objectives[0].gate.runs: 58 runs cannot prove 95% with a confidence of 95%, even if all are good; set runs: 59, or prove less`},
		{"a gate on frames whose runs prove nothing", objective("{sli: delivery_ratio, target: 99%, gate: {prove: 80%, runs: 14}}"),
			`t.yaml:21:69: probes[0].objectives[0].gate.runs: 14 runs cannot prove 80% with a confidence of 95%, even if all are good; set runs: 16, or prove less`},
		{"a gate of which nothing comes", joins("{sli: availability, target: 95%, gate: {runs: 4}}"),
			`t.yaml:21:48: probes[0].objectives[0].gate: 4 runs prove nothing worth while of a target of 95%; set more runs, or say with prove what a pass is to prove`},
		{"a gate for which hardly anything is good enough", joins("{sli: availability, target: 50%, role: inform, gate: yes}"),
			`t.yaml:21:62: probes[0].objectives[0].gate: 61 runs prove nothing worth while of a target of 50%; set more runs, or say with prove what a pass is to prove`},
		{"a gate that is a number", joins("{sli: availability, target: 99%, gate: 90%}"),
			`t.yaml:21:48: probes[0].objectives[0].gate: must be yes, no, or how to judge; write yes, or name what differs, such as {prove: 90%, runs: 61}`},
		{"a gate that is a list", joins("{sli: availability, target: 99%, gate: [yes]}"),
			`t.yaml:21:48: probes[0].objectives[0].gate: must be yes, no, or how to judge; write yes, or name what differs, such as {prove: 90%, runs: 61}`},
		{"a gate with a field that is not there", joins("{sli: availability, target: 99%, gate: {proof: 90%}}"),
			`t.yaml:21:49: probes[0].objectives[0].gate: there is no field "proof" here; did you mean "prove"?`},
		{"a gate of an informational probe", strings.Replace(joins("{sli: availability, target: 99%, gate: {runs: 5}}"), "flow: join", "flow: join\n    informational: true", 1),
			`t.yaml:22:48: probes[0].objectives[0].gate: the probe is informational, and its objectives gate nothing; remove the gate`},
		{"a confidence of a coin", joins("{sli: availability, target: 99%, gate: {prove: 90%, confidence: 40%}}"),
			`t.yaml:21:73: probes[0].objectives[0].gate.confidence: is below 50%; 95% is usual`},
		{"two objectives of one name", joins("{name: up, sli: availability, target: 99%}", "{name: up, sli: duration, threshold: 5s, target: 99%}"),
			`t.yaml:22:16: probes[0].objectives[1].name: "up" is the name of probes[0].objectives[0] already; give it a name of its own`},
		{"a name that another one has by default", joins("{name: talk-duration, sli: availability, target: 99%}", "{sli: duration, threshold: 5s, target: 99%}"),
			`t.yaml:22:9: probes[0].objectives[1]: "talk-duration" is the name of probes[0].objectives[0] already; give it a name of its own`},
		{"a name that cannot be", joins("{name: Up time, sli: availability, target: 99%}"),
			`t.yaml:21:16: probes[0].objectives[0].name: "Up time" cannot be a name; use a-z, 0-9 and single hyphens, beginning with a letter, at most 80 characters`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse("t.yaml", []byte(tc.file)); err == nil || err.Error() != tc.want {
				t.Errorf("got\n%v\nwant\n%s", err, tc.want)
			}
		})
	}
}

func TestWhatIsProbablyNotMeantIsWarnedOf(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"an objective that a bad run takes a noticeable part of", strings.Replace(joins("{sli: availability, target: 99.9%, role: page}"), "interval: 15s", "interval: 1m", 1),
			`t.yaml:21:37: probes[0].objectives[0].target: one bad run of one every 1m takes 2.3% of the budget of 99.9% over 30d; run more often or lower the target: at most 1% keeps chance out of it; allow_coarse: true accepts it`},
		{"one that wakes nobody, however coarse it is", joins("{sli: availability, target: 99.99%, window: 1d}"),
			`t.yaml:21:37: probes[0].objectives[0].target: one bad run of one every 15s takes 174% of the budget of 99.99% over 1d; run more often or lower the target: at most 1% keeps chance out of it; allow_coarse: true accepts it`},
		{"an objective that is known to be coarse", joins("{sli: availability, target: 99.99%, window: 1d, role: page, allow_coarse: true}"), ""},
		{"a bad run that takes exactly a hundredth", joins("{sli: availability, target: 99%, window: 41h40m, role: warn}"), ""},
		{"sign-ins of a flow that remembers its tokens", joins("{sli: sign_in, target: 99%, threshold: 350ms, role: warn}"),
			`t.yaml:21:15: probes[0].objectives[0].sli: a flow that remembers its tokens asks AC only when one has run out, about every 30m here; put the objective on a probe of flow sign_in`},
		{"the assignment of a resident anchor", strings.Replace(joins("{sli: gc_assign, target: 99%, threshold: 1s, role: warn}"), "timeout: 5s", "timeout: 5s\n    join: {anchor: resident}", 1),
			`t.yaml:22:15: probes[0].objectives[0].sli: a resident anchor is brought in once and then stays, so that there is hardly any event; set anchor: transient, or remove the objective`},
		{"a gate of a probe that no check runs", joins("{sli: availability, target: 99%, gate: {prove: 90%}}"),
			`t.yaml:21:48: probes[0].objectives[0].gate: the probe has no lane for checks, so that no check judges this; add a lane with use: check to the probe, or remove the gate`},
		{"a gate of sign-ins, which no check makes", strings.NewReplacer("flow: media", "flow: sign_in", "use: run", "use: check", "interval: 30s", "interval: 1m").Replace(objective("{sli: availability, target: 99%, gate: yes}")),
			`t.yaml:21:48: probes[0].objectives[0].gate: a check runs no probe of flow sign_in, so that none judges this; remove the gate: every other flow signs in as well`},
		{"a gate on frames, which an outage has none of", checked(objective("{sli: delivery_ratio, target: 99%, gate: yes}")),
			`t.yaml:21:50: probes[0].objectives[0].gate: a run that fails too early has no event of delivery_ratio, so that an outage would be inconclusive; let an objective gate that every failed run is bad for, such as availability`},
		{"a gate on frames beside one on runs", checked(objective("{sli: delivery_ratio, target: 99%, gate: yes}\n      - {sli: availability, target: 99%, gate: yes}")), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Parse("t.yaml", []byte(tc.file))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range c.Warnings() {
				got = append(got, w.In("t.yaml"))
			}
			if strings.Join(got, "\n") != tc.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

// checked gives the probe of a file a lane for checks.
func checked(file string) string { return strings.Replace(file, "use: run", "use: check", 1) }

// TestAGateIsAsUsualForItsTarget: yes is enough, and what it comes to is what the plan
// then says.
func TestAGateIsAsUsualForItsTarget(t *testing.T) {
	for _, tc := range []struct {
		target, gate string
		want         string // empty: none
	}{
		{"99.9%", "yes", "95% 61"}, {"99.5%", "yes", "90% 61"}, {"99%", "yes", "90% 61"}, {"95%", "yes", "85% 61"}, {"90%", "yes", "75% 61"},
		{"99%", "true", "90% 61"}, {"99%", "{}", "90% 61"}, {"99%", "{runs: 30}", "85% 30"}, {"99%", "{runs: 5}", "50% 5"}, {"99%", "{runs: 300}", "95% 300"},
		{"99%", "{confidence: 99%}", "85% 61"}, {"99%", "{prove: 70%}", "70% 61"}, {"99%", "no", ""}, {"99%", "false", ""},
	} {
		c, err := Parse("t.yaml", []byte(checked(joins("{sli: availability, target: "+tc.target+", gate: "+tc.gate+"}"))))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if g := c.Probes[0].Objectives[0].Gate; g != nil {
			got = fmt.Sprint(g.Prove, " ", g.Runs)
		}
		if got != tc.want {
			t.Errorf("target %s, gate: %s is %q, want %q", tc.target, tc.gate, got, tc.want)
		}
		if w := c.Warnings(); len(w) > 0 {
			t.Errorf("target %s, gate: %s: %v", tc.target, tc.gate, w)
		}
	}
	c, err := Parse("t.yaml", []byte(checked(objective("{sli: delivery_ratio, target: 99.5%, gate: yes}"))))
	if err != nil {
		t.Fatal(err)
	}
	if g := c.Probes[0].Objectives[0].Gate; g == nil || g.Prove != 0.90 || g.Runs != 61 {
		t.Errorf("frames: %+v", g)
	}
}

func TestTheShippedConfigurationPassesItsOwnJudgement(t *testing.T) {
	c := shipped(t)
	for _, w := range c.Warnings() {
		t.Error(w.In("probes.yaml"))
	}
	for _, p := range c.Probes {
		for _, o := range p.Objectives {
			if o.Name == "" {
				t.Errorf("the objective %s of %s has no name of its own, which dashboards could rely on", o.SLI, p.Name)
			}
			if o.Window != Duration(30*24*time.Hour) {
				t.Errorf("%s is over %s", o.Name, o.Window)
			}
			if o.SLI == TimeToMedia && o.Gate != nil {
				t.Errorf("%s gates: the wall clock of a join is an objective, and never a gate", o.Name)
			}
		}
	}
}

func TestObjectivesAreNamedAfterProbeAndSLI(t *testing.T) {
	p := Probe{Name: "join", Objectives: []Objective{
		{SLI: TimeToMedia, Threshold: Duration(2 * time.Second)},
		{SLI: "gc_join", Threshold: Duration(500 * time.Millisecond)},
		{SLI: "gc_join", Threshold: Duration(1500 * time.Millisecond)},
		{Name: "own", SLI: Availability},
	}}
	for i, want := range []string{"join-time-to-media", "join-gc-join-500ms", "join-gc-join-1-5s", "own"} {
		if got := p.ObjectiveName(i); got != want {
			t.Errorf("objective %d is %s, want %s", i, got, want)
		}
	}
}

func TestEventsAreExpectedByWhatTheFlowDoes(t *testing.T) {
	three := Probe{Flow: flows.Media, Interval: Duration(30 * time.Second), Media: &Media{Participants: 3, Duration: Duration(10 * time.Second)}, Lanes: []string{"a"}}
	join := Probe{Flow: flows.Join, Interval: Duration(15 * time.Second), Lanes: []string{"a"}}
	reconnect := Probe{Flow: flows.Reconnect, Interval: Duration(time.Minute), Lanes: []string{"a"}}
	signIn := Probe{Flow: flows.SignIn, Interval: Duration(10 * time.Minute), Lanes: []string{"s"}}
	c := &Config{Lanes: []Lane{{Name: "a", Use: Run, Accounts: 4}, {Name: "s", Use: Run, Accounts: 4}}}
	for _, tc := range []struct {
		name     string
		probe    Probe
		sli      SLI
		perRun   float64
		interval time.Duration
	}{
		{"a run succeeds once", three, Availability, 1, 30 * time.Second},
		{"frames of every ordered pair", three, OneWayLatency, 6 * 500, 10 * time.Millisecond},
		{"ordered pairs", three, RelayShare, 6, 5 * time.Second},
		{"everybody joins at MC", three, "mc_join", 3, 10 * time.Second},
		{"all but the first ask as later joiners", three, "gc_join", 2, 15 * time.Second},
		{"the first asks for an assignment", three, "gc_assign", 1, 30 * time.Second},
		{"everybody hears everybody else", three, "first_media", 6, 5 * time.Second},
		{"one talk", three, "talk", 1, 30 * time.Second},
		{"the anchor of a join is not measured", join, "mc_join", 1, 15 * time.Second},
		{"no frames in a join", join, OneWayLatency, 0, 0},
		{"tokens last for an hour", join, "sign_in", 2.0 * 15 / 3600, 30 * time.Minute},
		{"both of a reconnect", reconnect, "mc_connect", 2, 30 * time.Second},
		{"one restoration", reconnect, "restore", 1, time.Minute},
		{"each account in turn", signIn, "sign_in", 1, 150 * time.Second},
		{"AC's availability there", signIn, ACAvailability, 1, 150 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := c.EventsPerRun(tc.probe, tc.sli); got != tc.perRun {
				t.Errorf("%v events in a run, want %v", got, tc.perRun)
			}
			if got := c.EventInterval(tc.probe, tc.sli); got.Round(time.Microsecond) != tc.interval {
				t.Errorf("an event every %v, want %v", got, tc.interval)
			}
		})
	}
}
