package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

// daemon starts `prober run` on an embedded platform in another process.
func startDaemon(t *testing.T) (d *process, dir, url string) {
	t.Helper()
	dir = t.TempDir()
	_, provision, _ := serve(t, "--dir", dir)
	start(t, false, prober, provision...).end(t).must(t, 0)
	edit(t, filepath.Join(dir, setup.DefaultConfig), "first_run: 1s", "first_run: 100ms, listen: \"127.0.0.1:0\"")
	d = start(t, false, prober, "run", "--config", filepath.Join(dir, setup.DefaultConfig), "--lanes", filepath.Join(dir, "lanes.json"))
	d.await(t, &d.stderr, "listening on http://")
	return d, dir, regexp.MustCompile(`http://\S+`).FindString(d.stderr.String())
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", url, resp.StatusCode, err, body)
	}
	return string(body)
}

func TestTheDaemonReloadsOnAHangupAndStopsOnTerm(t *testing.T) {
	d, dir, url := startDaemon(t)
	defer http.DefaultClient.CloseIdleConnections()
	if !strings.Contains(fetch(t, url+"/metrics"), "dt_synthetic_interval_seconds{probe=\"media\"} 30") {
		t.Error("the probe of the configuration is not in the metrics")
	}
	edit(t, filepath.Join(dir, setup.DefaultConfig), "interval: 30s", "interval: 40s")
	d.signal(t, syscall.SIGHUP)
	d.await(t, &d.stdout, "the configuration was read again")
	if !strings.Contains(fetch(t, url+"/metrics"), "dt_synthetic_interval_seconds{probe=\"media\"} 40") {
		t.Error("the new interval is not in force")
	}
	edit(t, filepath.Join(dir, setup.DefaultConfig), "interval: 40s", "interval: soon")
	d.signal(t, syscall.SIGHUP)
	d.await(t, &d.stdout, "the old one stays in force")
	if !strings.Contains(fetch(t, url+"/metrics"), "dt_synthetic_config_last_reload_successful 0") {
		t.Error("a reload that failed is not in the metrics")
	}
	d.await(t, &d.stdout, `"step":"sign_in"`)
	begun := time.Now()
	d.signal(t, syscall.SIGTERM)
	r := d.end(t).must(t, report.ExitOK)
	if took := time.Since(begun); took > 35*time.Second {
		t.Errorf("stopping took %v, more than a pod is given", took)
	}
	for line := range strings.Lines(r.stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestADaemonThatCannotBeginSaysWhy(t *testing.T) {
	d, dir, url := startDaemon(t)
	config := filepath.Join(dir, setup.DefaultConfig)
	edit(t, config, "127.0.0.1:0", strings.TrimPrefix(url, "http://"))
	taken := run(t.Context(), "run", "--config", config, "--lanes", filepath.Join(dir, "lanes.json")).must(t, report.ExitProber)
	if !strings.Contains(taken.stderr, "daemon.listen") || !strings.Contains(taken.stderr, "address already in use") {
		t.Errorf("got %v", taken)
	}
	if err := os.Remove(filepath.Join(dir, "lanes.json")); err != nil {
		t.Fatal(err)
	}
	missing := run(t.Context(), "run", "--config", config, "--lanes", filepath.Join(dir, "lanes.json")).must(t, report.ExitUsage)
	if !strings.Contains(missing.stderr, "prober provision") || !strings.Contains(missing.stderr, "--use run") {
		t.Errorf("got %v", missing)
	}
	d.signal(t, syscall.SIGTERM)
	d.end(t).must(t, report.ExitOK)
}

func TestADaemonThatCannotKeepItsBudgetsSaysSoAtTheEnd(t *testing.T) {
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	_, provision, _ := serve(t, "--dir", dir)
	start(t, false, prober, provision...).end(t).must(t, 0)
	config := filepath.Join(dir, setup.DefaultConfig)
	edit(t, config, "first_run: 1s", "first_run: 10m, listen: \"127.0.0.1:0\", state_file: \""+filepath.Join(state, "budgets.json")+"\"")
	d := start(t, false, prober, "run", "--config", config, "--lanes", filepath.Join(dir, "lanes.json"))
	d.await(t, &d.stdout, "the prober runs")
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	d.signal(t, syscall.SIGTERM)
	if r := d.end(t).must(t, report.ExitProber); !strings.Contains(r.stderr, "daemon.state_file: the error budgets were not saved") || strings.Contains(r.stderr, "interrupted") {
		t.Errorf("got %v", r)
	}
}
