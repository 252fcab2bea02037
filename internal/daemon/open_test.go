package daemon

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// signIns needs nothing of a platform to begin.
const signIns = `version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:1", organisation: devtest}
accounts:
  pool: {email: {env: "HUNG_EMAIL_{account}"}, password: {env: HUNG_PASSWORD}}
lanes:
  - {name: who, pool: pool, use: run, accounts: 1}
daemon: {listen: "127.0.0.1:0", first_run: 0s, drain: 0s}
probes:
  - {name: sign-in, flow: sign_in, lanes: [who], interval: 1s, timeout: 1s, objectives: [{name: it, sli: availability, target: 90%, allow_coarse: true}]}
`

type buffer struct {
	mu sync.Mutex // protects b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// ready is a daemon that is open and has not begun.
func ready(t *testing.T) (*Daemon, func(context.Context) error, *buffer) {
	t.Helper()
	t.Setenv("HUNG_EMAIL_WHO_1", "somebody@daemon.test")
	t.Setenv("HUNG_PASSWORD", "a-password")
	path := filepath.Join(t.TempDir(), "probes.yaml")
	if err := os.WriteFile(path, []byte(signIns), 0o600); err != nil {
		t.Fatal(err)
	}
	log := new(buffer)
	d, listener, err := open(t.Context(), Options{Files: setup.Files{Config: path}, Out: log, Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return d, func(ctx context.Context) error { return d.run(ctx, listener) }, log
}

func TestARunThatNeverReturnsDoesNotKeepTheDaemonFromEnding(t *testing.T) {
	d, run, log := ready(t)
	d.ending, d.closing = 400*time.Millisecond, 200*time.Millisecond
	hung, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.scheduler = schedule.New(schedule.Options{Instance: "test", Run: func(context.Context, schedule.Start) flows.Run {
		once.Do(func() { close(hung) })
		<-release
		return flows.Run{}
	}})
	d.scheduler.Apply([]schedule.Probe{{Name: "sign-in", Interval: time.Second}}, schedule.Budget{})
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	<-hung
	stop(flows.ErrShutdown)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for a run that never returns")
	}
	for _, want := range []string{"a run does not end, and is left behind", "the prober has stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say: %s\n%s", want, log)
		}
	}
	close(release)
}

// TestARunThatBrokeOffHasItsLine has the observer told of a run that no flow has
// finished, and so nobody has logged.
func TestARunThatBrokeOffHasItsLine(t *testing.T) {
	d, run, log := ready(t)
	ctx, stop := context.WithCancelCause(t.Context())
	stop(flows.ErrShutdown)
	broken := flows.Run{ID: "00000000-0000-4000-8000-000000000001", Probe: "sign-in", Flow: flows.SignIn, Lane: "who", Trigger: flows.Scheduled, Outcome: flows.Inconclusive,
		Failure: &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CausePanic, Detail: "panic: it broke at 10.96.0.7"}}
	o := (*observer)(d)
	o.Started(schedule.Start{Probe: "sign-in", Trigger: flows.Scheduled})
	o.Finished(schedule.Start{Probe: "sign-in", Trigger: flows.Scheduled}, broken)
	if !strings.Contains(log.String(), "panic: it broke") || strings.Count(log.String(), `"outcome":"inconclusive"`) != 1 {
		t.Errorf("the log has\n%s", log)
	}
	kept, ok := d.history.Get(broken.ID)
	if !ok || len(kept.Log) != 1 || !strings.Contains(kept.Log[0], "panic: it broke") {
		t.Errorf("kept: %v, with the log %q", ok, kept.Log)
	}

	hashes := regexp.MustCompile(`h:[0-9a-f]{16}`)
	if here, there := hashes.FindString(log.String()), hashes.FindString(kept.Log[0]); here == "" || here != there {
		t.Errorf("an address is %q in the log and %q in what is kept of it", here, there)
	}

	gone := broken
	gone.ID, gone.Probe = "00000000-0000-4000-8000-000000000002", "removed"
	o.Finished(schedule.Start{Probe: "removed", Trigger: flows.Scheduled}, gone)
	if runs := d.history.Recent(history.Query{Probe: "removed"}); len(runs) != 0 {
		t.Errorf("a probe that is gone has %d runs", len(runs))
	}
	if err := run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAnAbortedRunIsNeitherGoodNorBad(t *testing.T) {
	d, run, _ := ready(t)
	ctx, stop := context.WithCancelCause(t.Context())
	stop(flows.ErrShutdown)
	o := (*observer)(d)
	for n, outcome := range []flows.Outcome{flows.Failed, flows.Aborted, flows.Aborted} {
		o.Finished(schedule.Start{Probe: "sign-in", Trigger: flows.Scheduled}, flows.Run{ID: fmt.Sprint(n), Probe: "sign-in", Flow: flows.SignIn, Trigger: flows.Scheduled, Outcome: outcome,
			Failure: &flows.Failure{Step: flows.StepSignIn, Hop: flows.AC, Reason: flows.Timeout}})
	}
	for name, want := range map[string]float64{"consecutive_failures": 1, "slo_events_total": 1, "slo_bad_events_total": 1} {
		families, err := d.metrics.Gatherer().Gather()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == metrics.Prefix+name })
		if i < 0 || len(families[i].Metric) != 1 {
			t.Fatalf("no %s", name)
		}
		m := families[i].Metric[0]
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if err := run(ctx); err != nil {
		t.Error(err)
	}
}

func TestHealthAndReadinessAreTheSchedulers(t *testing.T) {
	d, run, _ := ready(t)
	ask := func(path string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
		d.web.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range []string{"/health", "/ready"} {
		if status := ask(path); status != http.StatusServiceUnavailable {
			t.Errorf("%s is %d before the scheduler runs", path, status)
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	for deadline := time.Now().Add(time.Minute); ask("/ready") != http.StatusOK; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never ready")
		}
	}
	stop(flows.ErrShutdown)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/health", "/ready"} {
		if status := ask(path); status != http.StatusServiceUnavailable {
			t.Errorf("%s is %d when the scheduler has stopped", path, status)
		}
	}
}
