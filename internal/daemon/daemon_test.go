package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

const (
	joinsGood = `dt_synthetic_runs_total{flow="join",outcome="success",probe="join",trigger="schedule"}`
	reloaded  = `dt_synthetic_config_last_reload_successful`
)

func TestEveryProbeRunsOnItsScheduleAndIsSeenEverywhere(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	for _, probe := range []string{"join", "media", "reconnect", "sign-in"} {
		d.until(probe+" has succeeded", func() bool { return len(d.runs("outcome=success&probe="+probe)) > 0 })
	}
	d.atLeast(joinsGood, 2)
	d.atLeast(`dt_synthetic_slo_events_total{flow="join",service="platform",slo="join-availability"}`, 2)
	d.atLeast(`dt_synthetic_media_frames_total{probe="media",result="delivered"}`, 50)
	if v, ok := d.sample(`dt_synthetic_slo_bad_events_total{flow="join",service="platform",slo="join-availability"}`); !ok || v != 0 {
		t.Errorf("bad events %v, there: %v", v, ok)
	}
	for _, path := range []string{"/health", "/ready", "/", "/api/v1/probes"} {
		if status, body := d.get(path); status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, status, body)
		}
	}
	run := d.runs("probe=join&limit=1")[0]
	if status, body := d.get("/runs/" + run["id"].(string)); status != http.StatusOK || !strings.Contains(body, "gc_join") {
		t.Errorf("the page of a run: status %d", status)
	}
	for _, want := range []string{`"probe":"join"`, `"flow":"media"`, `"outcome":"success"`, run["trace_id"].(string)} {
		if !strings.Contains(d.log.String(), want) {
			t.Errorf("the log does not have %s", want)
		}
	}
	for line := range strings.Lines(d.log.String()) {
		var record struct {
			Timestamp, Level, Target string
			Fields                   struct{ Message string }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Timestamp == "" || record.Level == "" || record.Target == "" || record.Fields.Message == "" {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if n := p.ActiveMeetings(); n > 0 {
		if err := p.Quiesce(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestARunByHandMovesNoSLI(t *testing.T) {
	p := newPlace(t, strings.ReplaceAll(probes, "interval: 2s", "interval: 1h"))
	d := p.start(t)
	resp, err := http.Post(d.url+"/api/v1/probes/join/run", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var run struct {
		Outcome, Trigger string
		Steps            []any
	}
	if err := json.NewDecoder(resp.Body).Decode(&run); err != nil || resp.StatusCode != http.StatusOK || run.Outcome != "success" || len(run.Steps) == 0 {
		t.Fatalf("status %d, %v: %+v", resp.StatusCode, err, run)
	}
	if v, _ := d.sample(`dt_synthetic_runs_total{flow="join",outcome="success",probe="join",trigger="check"}`); v != 1 {
		t.Errorf("%v runs by hand", v)
	}
	for _, series := range []string{joinsGood, `dt_synthetic_slo_events_total{flow="join",service="platform",slo="join-availability"}`,
		`dt_synthetic_time_to_media_seconds_count{probe="join"}`} {
		if v, ok := d.sample(series); !ok || v != 0 {
			t.Errorf("%s is %v, there: %v", series, v, ok)
		}
	}
}

func TestAReloadChangesWhatHasChangedAndNothingElse(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	d.atLeast(joinsGood, 2)
	before, _ := d.sample(joinsGood)

	without, _, _ := strings.Cut(probes, "  - name: reconnect")
	p.configure(t, without+"  - {name: again, flow: reconnect, lanes: [clean], interval: 10s, timeout: 8s, reconnect: {disconnect: clean}}\n"+
		"  - {name: sign-in, flow: sign_in, lanes: [who], interval: 8s, timeout: 2s}\n", "")
	d.reload <- struct{}{}
	d.until("the new probe is there", func() bool {
		_, ok := d.sample(`dt_synthetic_interval_seconds{probe="again"}`)
		return ok
	})
	if after, ok := d.sample(joinsGood); !ok || after < before {
		t.Errorf("an unchanged probe had %v good runs and has %v", before, after)
	}
	if _, ok := d.sample(`dt_synthetic_interval_seconds{probe="reconnect"}`); ok {
		t.Error("a removed probe has left a series behind")
	}
	at, _ := d.sample(`dt_synthetic_config_last_reload_success_timestamp_seconds`)

	p.configure(t, strings.ReplaceAll(probes, "flow: media", "flow: medai"), "")
	d.reload <- struct{}{}
	d.until("the mistake is seen", func() bool { v, _ := d.sample(reloaded); return v == 0 })
	if !strings.Contains(d.log.String(), "medai") {
		t.Error("the log does not say what is wrong")
	}
	if later, _ := d.sample(`dt_synthetic_config_last_reload_success_timestamp_seconds`); later != at {
		t.Error("a reload that failed counts as the last good one")
	}
	if _, ok := d.sample(`dt_synthetic_interval_seconds{probe="again"}`); !ok {
		t.Error("the old configuration is not in force any more")
	}
	now, _ := d.sample(joinsGood)
	d.atLeast(joinsGood, now+1)

	p.configure(t, without+"  - {name: again, flow: reconnect, lanes: [clean], interval: 10s, timeout: 8s, reconnect: {disconnect: clean}}\n"+
		"  - {name: sign-in, flow: sign_in, lanes: [who], interval: 8s, timeout: 2s}\n", ", logs: {level: debug}")
	d.reload <- struct{}{}
	d.until("it is mended", func() bool { v, _ := d.sample(reloaded); return v == 1 })
}

func TestAFailingPlatformIsNamedEverywhere(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	d.atLeast(joinsGood, 1)
	p.Faults().Set(fault.Faults{MC: fault.MC{NeverAssign: true}})
	d.atLeast(`dt_synthetic_failures_total{flow="join",hop="mc",probe="join",reason="timeout",step="subscribe"}`, 1)
	d.atLeast(`dt_synthetic_slo_bad_events_total{flow="join",service="platform",slo="join-availability"}`, 1)
	if v, _ := d.sample(`dt_synthetic_consecutive_failures{probe="join"}`); v < 1 {
		t.Errorf("%v consecutive failures", v)
	}
	if !strings.Contains(d.log.String(), `"reason":"timeout"`) {
		t.Error("the log does not have the reason")
	}
	if _, page := d.get("/"); !strings.Contains(page, "subscribe") {
		t.Error("the page does not name the step")
	}
	p.Faults().Set(fault.Faults{})
	d.until("it has recovered", func() bool { v, ok := d.sample(`dt_synthetic_consecutive_failures{probe="join"}`); return ok && v == 0 })
}

func TestBudgetsSurviveARestart(t *testing.T) {
	p := newPlace(t, probes)
	state := filepath.Join(t.TempDir(), "budgets.json")
	p.configure(t, probes, ", state_file: "+state)
	d := p.start(t)
	d.atLeast(joinsGood, 2)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = p.start(t)
	_, body := d.get("/api/v1/probes")
	var answer struct {
		Probes []struct {
			Name       string
			Objectives []struct {
				Name string
				SLI  *float64 `json:"good_ratio"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, probe := range answer.Probes {
		for _, o := range probe.Objectives {
			if o.Name == "join-availability" && (o.SLI == nil || *o.SLI != 1) {
				t.Errorf("after the restart the SLI is %v", o.SLI)
			}
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	d = p.start(t)
	d.atLeast(joinsGood, 1)
	if _, err := os.Stat(state + ".unreadable"); err != nil {
		t.Errorf("what could not be read is gone: %v", err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	p.configure(t, probes, ", state_file: "+filepath.Join(t.TempDir(), "nowhere", "budgets.json"))
	var wrong *daemon.StateError
	if err := daemon.Run(t.Context(), daemon.Options{Files: p.files, Out: &journal{}, Instance: "test"}); !errors.As(err, &wrong) {
		t.Errorf("began with a state file that cannot be written: %v", err)
	}
}

func TestStoppingInTheMiddleOfRunsLeavesNobodyBehind(t *testing.T) {
	p := newPlace(t, strings.ReplaceAll(probes, "duration: 1s, settle: 300ms", "duration: 5s, settle: 300ms"))
	p.configure(t, strings.ReplaceAll(probes, "duration: 1s, settle: 300ms", "duration: 5s, settle: 300ms"), "")
	d := p.start(t)
	d.until("people talk", func() bool { return p.ActiveMeetings() > 0 })
	begun := time.Now()
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("stopping took %v", took)
	}
	d.until("everybody has left", func() bool { return p.ActiveMeetings() == 0 })
}

func TestEverythingThatIsMissingIsSaidAtOnce(t *testing.T) {
	p := newPlace(t, probes)
	p.configure(t, probes, ", token: {env: DAEMON_TEST_TOKEN}, logs: {hash_key: {file: /nowhere/key}}")
	t.Setenv("DAEMON_TEST_PASSWORD", "")
	err := daemon.Run(t.Context(), daemon.Options{Files: p.files, Out: io.Discard})
	for _, want := range []string{"daemon.token: environment variables that are not set: DAEMON_TEST_TOKEN\n",
		"daemon.logs.hash_key: files that cannot be used: /nowhere/key (", "resolving accounts: environment variables that are not set: DAEMON_TEST_PASSWORD"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestAnOutageDoesNotThinOutItsOwnSamplesAndSlowsOnlyItsProbe(t *testing.T) {
	p := newPlace(t, probes)
	d := p.start(t)
	d.atLeast(joinsGood, 1)
	d.until("the others have begun", func() bool { return len(d.runs("probe=sign-in&outcome=success")) > 0 })
	const (
		failed  = `dt_synthetic_runs_total{flow="join",outcome="failure",probe="join",trigger="schedule"}`
		skipped = `dt_synthetic_runs_skipped_total{probe="join",reason="unavailable"}`
		backoff = `dt_synthetic_backoff_interval_seconds{probe=%q}`
		bad     = `dt_synthetic_slo_bad_events_total{flow="join",service="platform",slo="join-availability"}`
	)
	p.Faults().Set(fault.Faults{GC: fault.GC{JoinStatus: 503}})
	d.atLeast(skipped, 2)
	if v, _ := d.sample(fmt.Sprintf(backoff, "join")); v != 4 && v != 8 {
		t.Errorf("the probe runs every %v s", v)
	}
	if v, ok := d.sample(fmt.Sprintf(backoff, "sign-in")); !ok || v != 0 {
		t.Errorf("a probe that asked nobody runs every %v s", v)
	}
	p.Faults().Set(fault.Faults{})
	good, _ := d.sample(joinsGood)
	d.atLeast(joinsGood, good+1)
	d.until("it runs at its own interval again", func() bool { v, _ := d.sample(fmt.Sprintf(backoff, "join")); return v == 0 })
	runs, _ := d.sample(failed)
	slots, _ := d.sample(skipped)
	if v, _ := d.sample(bad); v != runs+slots {
		t.Errorf("%v bad events of %v failed runs and %v slots skipped because of them", v, runs, slots)
	}
}

func TestWhatIsProbablyNotMeantIsSaidAndWhatWaitsForAStartEachTime(t *testing.T) {
	p := newPlace(t, probes)
	p.configure(t, probes, ", budget: {participants: 3}")
	d := p.start(t)
	if !strings.Contains(d.log.String(), "skipped as saturated") {
		t.Errorf("the log does not say that the budget is small\n%s", d.log)
	}
	const later = "this setting takes effect with the next start"
	p.configure(t, probes, ", keep: 50")
	d.again()
	d.again()
	if n := strings.Count(d.log.String(), later); n != 2 {
		t.Errorf("said %d times of 2", n)
	}
	p.configure(t, probes, ", budget: {participants: 3}")
	d.again()
	if n := strings.Count(d.log.String(), later); n != 2 {
		t.Error("said of a setting that is as it was at the start")
	}
}
