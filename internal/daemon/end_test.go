package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/slo"
)

// longTalks are the probes with a conversation that takes its time, and an objective
// of it.
func longTalks() string {
	return strings.Replace(probes, "    media: {duration: 1s, settle: 300ms}\n    objectives: [",
		"    media: {duration: 4s, settle: 300ms}\n    objectives: [{name: talks, sli: availability, target: 90%}, ", 1)
}

// byHand starts a run by hand and returns where its answer comes.
func (r *running) byHand(probe string) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		status, body, err := r.ask(http.MethodPost, "/api/v1/probes/"+probe+"/run")
		out <- answer{status, body, err}
	}()
	return out
}

type answer struct {
	status int
	body   string
	err    error
}

func (r *running) talking() {
	r.t.Helper()
	r.until("people talk", func() bool {
		return strings.Contains(r.log.String(), `"probe":"media","flow":"media","actor":"speaker 1","step":"first_media"`)
	})
}

func TestWhoIsStoppingIsHealthyAndNotReadyAndStartsNothing(t *testing.T) {
	p := newPlace(t, strings.NewReplacer("interval: 2s", "interval: 1h", "interval: 8s", "interval: 1h", "interval: 10s", "interval: 1h").Replace(longTalks()))
	d := p.start(t)
	for _, path := range []string{"/health", "/ready"} {
		d.until(path+" is ok", func() bool { status, _ := d.get(path); return status == http.StatusOK })
	}
	media := d.byHand("media")
	d.talking()
	d.tell()
	d.until("it is not ready", func() bool { status, _ := d.get("/ready"); return status == http.StatusServiceUnavailable })
	if status, body := d.get("/health"); status != http.StatusOK {
		t.Errorf("while runs end, health is %d: %s", status, body)
	}
	if status, body, err := d.ask(http.MethodPost, "/api/v1/probes/join/run"); err != nil || status != http.StatusConflict || !strings.Contains(body, "stopping") {
		t.Errorf("a run by hand is answered with %d, %v: %s", status, err, body)
	}
	if a := <-media; a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, `"outcome": "success"`) {
		t.Errorf("the run that was under way: %+v", a)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	d.nobodyIsLeft(p)
}

func (r *running) nobodyIsLeft(p *place) {
	r.t.Helper()
	r.until("everybody has left", func() bool { return p.ActiveMeetings() == 0 })
}

func TestStoppingAtAnyMoment(t *testing.T) {
	// No run may come to its own end on a slow machine: what stops it is the test.
	unhurried := strings.NewReplacer("interval: 2s\n    timeout: 3s", "interval: 8s\n    timeout: 15s", "interval: 8s\n    timeout: 7s", "interval: 15s\n    timeout: 14s",
		"interval: 10s\n    timeout: 8s", "interval: 20s\n    timeout: 19s", "interval: 8s\n    timeout: 2s", "interval: 16s\n    timeout: 7s").Replace(longTalks())
	for _, c := range []struct {
		name, timing string
		before       func(*testing.T, *place, *running)
		aborted      bool
	}{
		{"before the first run", "first_run: 10m", func(*testing.T, *place, *running) {}, false},
		{"in the midst of a run", "first_run: 100ms, drain: 0s", func(_ *testing.T, _ *place, d *running) { d.talking() }, true},
		{"in the midst of a run that takes longer than the drain", "first_run: 100ms, drain: 500ms", func(_ *testing.T, _ *place, d *running) { d.talking() }, true},
		{"in the midst of a reload", "first_run: 100ms, drain: 0s", func(t *testing.T, p *place, d *running) {
			p.configure(t, strings.Replace(unhurried, "timeout: 7s", "timeout: 6s", 1), "")
			d.reload <- struct{}{}
		}, false},
		{"after a reload that took a run's probe away", "first_run: 100ms, drain: 0s", func(t *testing.T, p *place, d *running) {
			d.talking()
			p.configure(t, strings.Replace(unhurried, "name: media", "name: other", 1), "")
			d.reload <- struct{}{}
			d.until("the probe is gone", func() bool { return strings.Contains(d.log.String(), "was read again") })
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t, probes)
			state := filepath.Join(filepath.Dir(p.files.Config), "budgets.json")
			write(t, p.files.Config, p.head+"daemon: {listen: \"127.0.0.1:0\", "+c.timing+", state_file: "+state+"}\n"+unhurried)
			d := p.start(t)
			c.before(t, p, d)
			begun := time.Now()
			if err := d.stop(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 9*time.Second {
				t.Errorf("stopping took %v", took)
			}
			if got := strings.Contains(d.log.String(), `"message":"run aborted"`); c.aborted && !got {
				t.Errorf("no run was aborted\n%s", d.log)
			}
			for line := range strings.Lines(d.log.String()) {
				if strings.Contains(line, `"outcome":"failure"`) {
					t.Errorf("a run failed: %s", line)
				}
			}
			if events, bad := counted(t, state, "talks"); events > 0 && c.aborted || bad > 0 {
				t.Errorf("a run that was aborted counts: %d events, %d of them bad", events, bad)
			}
			if !strings.Contains(d.log.String(), "the prober has stopped") {
				t.Error("the log does not say that it was the proper end")
			}
			d.nobodyIsLeft(p)
		})
	}
}

// counted are the events of an objective that a state file has.
func counted(t *testing.T, path, objective string) (events, bad uint64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state slo.State
	if err := json.Unmarshal(content, &state); err != nil {
		t.Fatal(err)
	}
	if _, there := state.Ledgers[objective]; !there {
		t.Fatalf("%s does not know %s", content, objective)
	}
	for _, h := range state.Ledgers[objective].Hours {
		events, bad = events+h[1], bad+h[2]
	}
	return events, bad
}

func TestARunWhoseCallerGoesAwayIsTakenDownAndSaysSo(t *testing.T) {
	p := newPlace(t, strings.NewReplacer("interval: 2s", "interval: 1h", "interval: 8s", "interval: 1h", "interval: 10s", "interval: 1h").Replace(longTalks()))
	d := p.start(t)
	ctx, leave := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/v1/probes/media/run", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(r); err == nil {
				err = resp.Body.Close()
			}
		}
		asked <- err
	}()
	d.talking()
	leave()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("the answer: %v", err)
	}
	d.atLeast(`dt_synthetic_runs_total{flow="media",outcome="aborted",probe="media",trigger="check"}`, 1)
	d.nobodyIsLeft(p)
	if log := d.log.String(); !strings.Contains(log, "whoever asked for the run has gone") || strings.Contains(log, "could not be started") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log:\n%s", log)
	}
}
