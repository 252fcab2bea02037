package observability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// required turns a skip into a failure: where the gate runs, a skip is no pass.
const required = "DARKTOWER_REQUIRE_TELEMETRY"

// prometheus is a server of its own that scrapes one target every second.
type prometheus struct {
	*child
	url string
}

func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv(required) != "" {
			t.Fatal(err)
		}
		t.Skip("there is no prometheus here (the Debian package of that name has it)")
	}
	dir, addr := t.TempDir(), freeAddr(t)
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `global: {scrape_interval: 1s}
storage: {exemplars: {max_exemplars: 10000}}
scrape_configs:
  - job_name: synthetic-prober
    static_configs: [{targets: [%q]}]
`, target), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{url: "http://" + addr}
	p.child = spawn(t, "prometheus", exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--enable-feature=exemplar-storage", "--web.listen-address="+addr, "--log.level=warn"))
	eventually(t, "Prometheus is ready", func() bool { return reachable(p.url + "/-/ready") })
	return p
}

// freeAddr is an address of loopback that nobody listens on at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func reachable(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// query asks the server; into is the data of its answer.
func (p *prometheus) query(t *testing.T, path string, args url.Values, into any) {
	t.Helper()
	resp, err := http.Get(p.url + path + "?" + args.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", path, err, answer.Error)
	}
}

// value is the first value of an instant query; ok is false without one.
func (p *prometheus) value(t *testing.T, query string) (value float64, ok bool) {
	t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	p.query(t, "/api/v1/query", url.Values{"query": {query}}, &data)
	if len(data.Result) == 0 {
		return 0, false
	}
	if _, err := fmt.Sscan(data.Result[0].Value[1].(string), &value); err != nil {
		t.Fatal(err)
	}
	return value, true
}

// exemplars are the trace ids that the exemplars of a metric point to.
func (p *prometheus) exemplars(t *testing.T, metric string) map[string]bool {
	t.Helper()
	var data []struct {
		Exemplars []struct {
			Labels struct {
				TraceID string `json:"trace_id"`
			}
		}
	}
	p.query(t, "/api/v1/query_exemplars", url.Values{"query": {metric},
		"start": {fmt.Sprint(time.Now().Add(-time.Hour).Unix())}, "end": {fmt.Sprint(time.Now().Add(time.Minute).Unix())}}, &data)
	out := make(map[string]bool)
	for _, series := range data {
		for _, e := range series.Exemplars {
			out[e.Labels.TraceID] = true
		}
	}
	return out
}

// child is a process that the test has started.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func spawn(t *testing.T, name string, cmd *exec.Cmd) *child {
	t.Helper()
	said := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	return spawnInto(t, name, cmd, said)
}

// spawnInto starts a process that writes into said.
func spawnInto(t *testing.T, name string, cmd *exec.Cmd, said *lockedBuffer) *child {
	t.Helper()
	c := &child{cmd: cmd, done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(c.done) }()
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			tail := said.String()
			t.Logf("%s said:\n%s", name, tail[max(0, len(tail)-4000):])
		}
	})
	return c
}

// lockedBuffer is what a process has said so far.
type lockedBuffer struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// kill ends the process for good.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.done
}

func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}
