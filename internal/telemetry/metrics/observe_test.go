package metrics

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

// timeout is the platform's failure of a join, and lag the prober's own.
var (
	timeout = flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.Timeout}
	lag     = flows.Failure{Step: flows.StepFirstMedia, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLag}
)

func TestARunMovesTheSeriesThatItIsEvidenceFor(t *testing.T) {
	steps := map[string]float64{
		"step_duration_seconds{flow=join,probe=join,step=gc_assign}": 1, "step_duration_seconds{flow=join,probe=join,step=gc_join}": 1,
		"step_duration_seconds{flow=join,probe=join,step=first_media}":         1,
		"step_phase_duration_seconds{flow=join,phase=connect,step=gc_join}":    1,
		"step_phase_duration_seconds{flow=join,phase=first_byte,step=gc_join}": 1,
		"step_phase_duration_seconds{flow=join,phase=rest,step=gc_join}":       1,
	}
	always := map[string]float64{
		"last_run_timestamp_seconds{probe=join}": seconds(epoch.Add(1200 * time.Millisecond)), "self_lag_seconds": 1, "leaves_total{probe=join,result=clean}": 2,
		"trace_continuity_total{hop=mc,result=continued}":          1,
		"certificate_expiry_timestamp_seconds{service=mc-service}": seconds(epoch.Add(48 * time.Hour)),
	}
	ended := func(outcome, trigger string) map[string]float64 {
		out := map[string]float64{"runs_total{flow=join,outcome=" + outcome + ",probe=join,trigger=" + trigger + "}": 1}
		if trigger == "schedule" {
			out["run_duration_seconds{flow=join,outcome="+outcome+",probe=join}"] = 1
		}
		return out
	}
	aborted := failed(joined(), flows.Failure{Step: flows.StepMCJoin, Hop: flows.Prober, Reason: flows.Self})
	aborted.Outcome = flows.Aborted
	byHand := func(r flows.Run) flows.Run { r.Trigger = flows.OnDemand; return r }
	informational := joined()
	informational.Informational = true
	success := map[string]float64{"last_success_timestamp_seconds{probe=join}": seconds(epoch.Add(1200 * time.Millisecond)), "time_to_media_seconds{probe=join}": 1}

	for _, c := range []struct {
		name string
		run  flows.Run
		want []map[string]float64
	}{
		{"a success", joined(), []map[string]float64{ended("success", "schedule"), steps, always, success}},
		{"an informational one", informational, []map[string]float64{ended("success", "schedule"), steps, always, success}},
		{"a failure of the platform", failed(joined(), timeout), []map[string]float64{ended("failure", "schedule"), steps, always,
			{"failures_total{flow=join,hop=mc,probe=join,reason=timeout,step=mc_join}": 1, "consecutive_failures{probe=join}": 1}}},
		{"a run that the platform throttled", failed(joined(), flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled}),
			[]map[string]float64{ended("inconclusive", "schedule"), steps, always, {"failures_total{flow=join,hop=gc,probe=join,reason=throttled,step=gc_join}": 1}}},
		{"a run that the prober spoiled", failed(joined(), lag), []map[string]float64{ended("inconclusive", "schedule"), always,
			{"failures_total{flow=join,hop=prober,probe=join,reason=self,step=first_media}": 1, "self_tainted_runs_total{cause=lag,probe=join}": 1}}},
		{"a panic outside of any step", failed(joined(), flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CausePanic}),
			[]map[string]float64{ended("inconclusive", "schedule"), always,
				{"failures_total{flow=join,hop=prober,probe=join,reason=self,step=none}": 1, "self_tainted_runs_total{cause=panic,probe=join}": 1}}},
		{"a run that was shut down", aborted, []map[string]float64{ended("aborted", "schedule"), steps, always}},
		{"a success by hand", byHand(joined()), []map[string]float64{ended("success", "check")}},
		{"a failure by hand", byHand(failed(joined(), timeout)), []map[string]float64{ended("failure", "check")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := make(map[string]float64)
			for _, part := range c.want {
				maps.Copy(want, part)
			}
			m := fresh(one()...)
			got := moved(t, m, func() { m.Observe(c.run, false) })
			for name, v := range want {
				if got[name] != v {
					t.Errorf("%s moved by %v, want %v", name, got[name], v)
				}
				delete(got, name)
			}
			for name, v := range got {
				t.Errorf("%s moved by %v: it is no evidence for that", name, v)
			}
		})
	}
}

func TestFailuresInARowAreCountedUntilASuccess(t *testing.T) {
	m := fresh(one()...)
	for i, c := range []struct {
		run  flows.Run
		want float64
	}{
		{failed(joined(), timeout), 1}, {failed(joined(), timeout), 2}, {failed(joined(), lag), 2},
		{func() flows.Run { r := failed(joined(), lag); r.Outcome = flows.Aborted; return r }(), 2},
		{failed(joined(), timeout), 3}, {joined(), 0}, {failed(joined(), timeout), 1},
	} {
		m.Observe(c.run, false)
		if got := series(t, m)["consecutive_failures{probe=join}"]; got != c.want {
			t.Errorf("after %d runs: %v, want %v", i+1, got, c.want)
		}
	}
}

func TestAReconnectShowsHowLongItTookAndHowLongEachSideWasSilent(t *testing.T) {
	m := fresh(one()...)
	got := moved(t, m, func() { m.Observe(returned(), false) })
	if got["time_to_restore_seconds{disconnect=clean,probe=back}"] != 1 || got["media_longest_silence_seconds{probe=back}"] != 2 {
		t.Errorf("%v", got)
	}
	got = moved(t, m, func() {
		m.Observe(failed(returned(), flows.Failure{Step: flows.StepRestore, Hop: flows.MC, Reason: flows.Timeout}), false)
	})
	for name := range got {
		if strings.HasPrefix(name, timeToRestore) || strings.HasPrefix(name, mediaSilence) {
			t.Errorf("a run that was not restored moved %s", name)
		}
	}
}

func TestWhatTheTableDoesNotHaveIsCountedAndShown(t *testing.T) {
	for _, c := range []struct {
		name string
		run  flows.Run
		want string
	}{
		{"a reason that the step does not know", failed(joined(), flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.NoMedia}),
			"failures_total{flow=join,hop=mc,probe=join,reason=protocol,step=mc_join}"},
		{"a hop that the step has nothing to do with", failed(joined(), flows.Failure{Step: flows.StepMCJoin, Hop: flows.AC, Reason: flows.Timeout}),
			"failures_total{flow=join,hop=prober,probe=join,reason=self,step=mc_join}"},
		{"a step of another flow", failed(joined(), flows.Failure{Step: flows.StepRestore, Hop: flows.MC, Reason: flows.Timeout}),
			"failures_total{flow=join,hop=prober,probe=join,reason=self,step=none}"},
		{"an outcome that there is not", func() flows.Run { r := joined(); r.Outcome = "odd"; return r }(), ""},
		{"a trigger that there is not", func() flows.Run { r := joined(); r.Trigger = ""; return r }(), ""},
		{"a failure without a failure", func() flows.Run { r := joined(); r.Outcome = flows.Failed; return r }(),
			"runs_total{flow=join,outcome=failure,probe=join,trigger=schedule}"},
		{"a phase that the step does not have", func() flows.Run {
			r := joined()
			r.Steps[3].Phases = []flows.Phase{{Name: "tls", Duration: time.Second}}
			return r
		}(), "step_duration_seconds{flow=join,probe=join,step=first_media}"},
		{"a hop that answers with no trace", func() flows.Run {
			r := joined()
			r.Continuity = []flows.Continuity{{Hop: flows.MH, Result: flows.TraceContinued}}
			return r
		}(), "runs_total{flow=join,outcome=success,probe=join,trigger=schedule}"},
		{"a cause that there is not", func() flows.Run { r := joined(); r.Self.Taints = []flows.Cause{"odd"}; return r }(),
			"runs_total{flow=join,outcome=success,probe=join,trigger=schedule}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fresh(one()...)
			got := moved(t, m, func() { m.Observe(c.run, false) })
			if got["self_dropped_total{queue=observations}"] != 1 {
				t.Error("nothing tells of it")
			}
			if c.want != "" && got[c.want] != 1 {
				t.Errorf("%s did not move: %v", c.want, got)
			}
		})
	}
}

func TestEachTaintIsCountedOnceForARun(t *testing.T) {
	m := fresh(one()...)
	run := failed(joined(), lag)
	run.Self = flows.SelfEvidence{Taints: []flows.Cause{flows.CauseLag, flows.CauseDrops}, DroppedDatagrams: 3, DroppedRecords: 2}
	got := moved(t, m, func() { m.Observe(run, false) })
	for name, want := range map[string]float64{"self_tainted_runs_total{cause=lag,probe=join}": 1, "self_tainted_runs_total{cause=drops,probe=join}": 1,
		"self_dropped_total{queue=datagrams}": 3, "self_dropped_total{queue=records}": 2} {
		if got[name] != want {
			t.Errorf("%s moved by %v, want %v", name, got[name], want)
		}
	}
}

func TestACertificateIsTheOneThatTheLatestRunMet(t *testing.T) {
	m := fresh(one()...)
	if _, there := series(t, m)["certificate_expiry_timestamp_seconds{service=mc-service}"]; there {
		t.Error("0 is an expired certificate")
	}
	m.Observe(joined(), false)
	renewed := joined()
	renewed.Connections = []flows.Connection{{Hop: flows.MC, CertificateUntil: epoch.Add(900 * time.Hour)}}
	m.Observe(renewed, false)
	without := joined()
	without.Connections = nil
	m.Observe(without, false)
	if got := series(t, m)["certificate_expiry_timestamp_seconds{service=mc-service}"]; got != seconds(epoch.Add(900*time.Hour)) {
		t.Errorf("%v", got)
	}
}
