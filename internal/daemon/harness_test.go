package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary/spy"
	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/ac"
	"github.com/dark-tower/prober/internal/flowtest"
	"github.com/dark-tower/prober/internal/setup"
)

// cages hold every secret that this test binary has met.
var cages spy.Cages

func TestMain(m *testing.M) {
	spy.WatchKeys(&cages.Secrets)
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of the harness.
const patience = 60 * time.Second

const head = `version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  ghost: 1s
  trust: {ca_file: %s, mc: {server_name: localhost}, mh: {server_name: localhost}}
  deadlines: {sign_in: 5s, gc: 5s, mc: 3s, mh: 2s, subscribe: 3s, first_media: 2s, default: 3s, teardown: 900ms}
accounts:
  pool:
    email: {env: DAEMON_TEST_EMAIL}
    password: {env: DAEMON_TEST_PASSWORD}
lanes:
  - {name: a, pool: pool, use: run, rest: 100ms}
  - {name: b, pool: pool, use: run, rest: 100ms}
  - {name: talk, pool: pool, use: run, rest: 100ms}
  - {name: clean, pool: pool, use: run, rest: 100ms}
  - {name: who, pool: pool, use: run}
`

const probes = `probes:
  - name: join
    flow: join
    lanes: [a, b]
    interval: 2s
    timeout: 3s
    objectives: [{sli: availability, target: 90%}, {sli: time_to_media, target: 90%, threshold: 2s}]
  - name: media
    flow: media
    lanes: [talk]
    interval: 8s
    timeout: 7s
    media: {duration: 1s, settle: 300ms}
    objectives: [{sli: one_way_latency, target: 90%, threshold: 150ms}]
  - name: reconnect
    flow: reconnect
    lanes: [clean]
    interval: 10s
    timeout: 8s
    reconnect: {disconnect: clean, steady: 100ms, restore: 2s}
  - name: sign-in
    flow: sign_in
    lanes: [who]
    interval: 8s
    timeout: 2s
`

// place is an embedded platform with a folder of files for a daemon.
type place struct {
	*devstack.Stack
	files setup.Files
	ca    string
	head  string // of the configuration, up to the lanes
}

func newPlace(t *testing.T, probes string) *place {
	t.Helper()
	p := emptyPlace(t)
	t.Setenv("DAEMON_TEST_EMAIL", "{account}@daemon.test")
	t.Setenv("DAEMON_TEST_PASSWORD", "a-password-for-all")
	p.furnish(t, fmt.Sprintf(head, p.ACURL, p.GCURL, p.ca), p.CAPEM, probes, "")
	return p
}

// emptyPlace has a platform, and nothing is provided for on it.
func emptyPlace(t *testing.T) *place {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{Times: flowtest.ShortTimes(), Limits: ac.Limits{Registrations: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Errorf("closing the platform: %v", err)
		}
	})
	dir := t.TempDir()
	return &place{Stack: stack, ca: filepath.Join(dir, "ca.pem"),
		files: setup.Files{Config: filepath.Join(dir, "probes.yaml"), Lanes: filepath.Join(dir, "lanes.json")}}
}

// furnish writes the files, and provides for the lanes.
func (p *place) furnish(t *testing.T, head string, authorities []byte, probes, daemon string) {
	t.Helper()
	p.head = head
	write(t, p.ca, string(authorities))
	p.configure(t, probes, daemon)
	cfg, err := setup.Load(p.files.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Provide(t.Context(), cfg, p.files, "", nil); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration; daemon is what stands below daemon.
func (p *place) configure(t *testing.T, probes, daemon string) {
	t.Helper()
	write(t, p.files.Config, p.head+"daemon: {listen: \"127.0.0.1:0\", first_run: 100ms, drain: 5s"+daemon+"}\n"+probes)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// running is a daemon in this process.
type running struct {
	t      *testing.T
	url    string
	bearer string // shown with every request, unless empty
	log    *journal
	reload chan struct{}
	tell   func()       // to stop
	stop   func() error // tell, and wait until it has
}

// start runs a daemon until stop is called, or the test ends.
func (p *place) start(t *testing.T, change ...func(*daemon.Options)) *running {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{t: t, log: &journal{}, reload: make(chan struct{}, 1), tell: func() { cancel(flows.ErrShutdown) }}
	listening, done := make(chan net.Addr, 1), make(chan error, 1)
	options := daemon.Options{Files: p.files, Out: r.log, Version: "test", Revision: "none", Instance: "test",
		Reload: r.reload, OnListening: func(a net.Addr) { listening <- a }}
	for _, c := range change {
		c(&options)
	}
	go func() { done <- daemon.Run(ctx, options) }()
	select {
	case addr := <-listening:
		_, port, _ := net.SplitHostPort(addr.String())
		r.url = "http://127.0.0.1:" + port
	case err := <-done:
		t.Fatalf("the daemon did not start: %v", err)
	}
	var once sync.Once
	var result error
	r.stop = func() error {
		once.Do(func() {
			r.tell()
			select {
			case result = <-done:
			case <-time.After(patience):
				result = fmt.Errorf("the daemon does not stop")
			}
		})
		return result
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stopping the daemon: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	r.until("the scheduler starts runs", func() bool { status, _ := r.get("/ready"); return status == http.StatusOK })
	return r
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	status, body, err := r.ask(http.MethodGet, path)
	if err != nil {
		r.t.Fatal(err)
	}
	return status, body
}

// ask makes a request, with further headers as they are written.
func (r *running) ask(method, path string, headers ...string) (int, string, error) {
	req, err := http.NewRequest(method, r.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	if r.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.bearer)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// sample is the value of one series, by its exact text; ok is false without it.
func (r *running) sample(series string) (value float64, ok bool) {
	r.t.Helper()
	_, body := r.get("/metrics")
	for line := range strings.Lines(body) {
		if rest, found := strings.CutPrefix(line, series+" "); found {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				r.t.Fatalf("%s: %v", line, err)
			}
			return value, true
		}
	}
	return 0, false
}

// until waits until a condition holds.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited %v in vain until %s\n%s", patience, what, r.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// atLeast waits until a series has reached a value.
func (r *running) atLeast(series string, n float64) {
	r.t.Helper()
	r.until(fmt.Sprintf("%s >= %v", series, n), func() bool { v, ok := r.sample(series); return ok && v >= n })
}

// runs are the finished runs of a probe, newest first, as the API shows them.
func (r *running) runs(query string) []map[string]any {
	r.t.Helper()
	status, body := r.get("/api/v1/runs?" + query)
	var answer struct{ Runs []map[string]any }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		r.t.Fatalf("status %d, %v: %s", status, err, body)
	}
	return answer.Runs
}

// journal is a log that can be read while it is written.
type journal struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
