package observability

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/setup"
)

// binary is the prober, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "observability-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "prober")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/prober").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the prober: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

const configuration = `version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  ghost: 1s
  trust: {ca_file: %s, mc: {server_name: localhost}, mh: {server_name: localhost}}
  deadlines: {sign_in: 3s, gc: 3s, mc: 2s, mh: 1s, subscribe: 3s, first_media: 2s, default: 3s, teardown: 500ms}
accounts:
  pool: {email: {env: OBSERVED_EMAIL}, password: {env: OBSERVED_PASSWORD}}
lanes:
  - {name: a, pool: pool, use: run, rest: 500ms}
  - {name: b, pool: pool, use: run, rest: 500ms}
  - {name: talk, pool: pool, use: run, rest: 500ms}
  - {name: who, pool: pool, use: run}
daemon: {listen: "127.0.0.1:0", first_run: 2s, drain: 5s, traces: {keep_one_in: 1}, keep: 2000}
probes:
  - name: join
    flow: join
    lanes: [a, b]
    interval: %s
    timeout: %s
    objectives: [{sli: availability, target: 99%%}]
  - name: media
    flow: media
    lanes: [talk]
    interval: %s
    timeout: %s
    media: {duration: 2s, settle: 300ms}
    objectives: [{sli: one_way_latency, target: 99%%, threshold: 150ms}]
  - name: sign-in
    flow: sign_in
    lanes: [who]
    interval: %s
    timeout: 2s
`

// daemon is `prober run` as a process.
type daemon struct {
	*child
	t   *testing.T
	url string
}

// startDaemon provides for the lanes and starts the daemon on a platform.
func startDaemon(t *testing.T, stack *devstack.Stack, pace time.Duration, environment ...string) *daemon {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	files := setup.Files{Config: filepath.Join(dir, "probes.yaml"), Lanes: filepath.Join(dir, "lanes.json")}
	text := fmt.Sprintf(configuration, stack.ACURL, stack.GCURL, ca, pace, pace*2-time.Second, 3*pace, 3*pace-time.Second, 2*pace*2)
	for path, content := range map[string][]byte{ca: stack.CAPEM, files.Config: []byte(text)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OBSERVED_EMAIL", "{account}@observed.test")
	t.Setenv("OBSERVED_PASSWORD", "a-password-for-all")
	cfg, err := setup.Load(files.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Provide(t.Context(), cfg, files, "", nil); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "--config", files.Config, "--lanes", files.Lanes)
	cmd.Env = append(os.Environ(), environment...)
	d := &daemon{t: t}
	said := &lockedBuffer{}
	cmd.Stderr, cmd.Stdout = said, said
	d.child = spawnInto(t, "the prober", cmd, said)
	listening := regexp.MustCompile(`listening on (http://\S+)`)
	eventually(t, "the daemon listens", func() bool { return listening.MatchString(said.String()) || !d.alive() })
	found := listening.FindStringSubmatch(said.String())
	if found == nil {
		t.Fatalf("the daemon did not start: %s", said.String())
	}
	d.url = found[1]
	return d
}

// finished is what the API says of a run.
type finished struct {
	ID, Probe, Outcome string
	TraceID            string `json:"trace_id"`
	Started            time.Time
	Failure            *struct{ Step, Hop, Reason, Detail string }
}

// String is the outcome, and whose fault it was.
func (f finished) String() string {
	if f.Failure == nil {
		return f.Outcome
	}
	return fmt.Sprintf("%s: %s at %s (%s)", f.Outcome, f.Failure.Step, f.Failure.Hop, f.Failure.Reason)
}

// runs are the finished runs of a probe since a moment, or of all with an empty name.
func (d *daemon) runs(probe string, since time.Time) []finished {
	d.t.Helper()
	var answer struct{ Runs []finished }
	if err := json.Unmarshal([]byte(d.get("/api/v1/runs?limit=200&probe="+probe)), &answer); err != nil {
		d.t.Fatal(err)
	}
	var out []finished
	for _, r := range answer.Runs {
		if r.Started.After(since) {
			out = append(out, r)
		}
	}
	return out
}

func (d *daemon) get(path string) string {
	d.t.Helper()
	resp, err := http.Get(d.url + path)
	if err != nil {
		d.t.Fatalf("the daemon does not answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: status %d, %v: %s", path, resp.StatusCode, err, body)
	}
	return string(body)
}

// sample is one series of the daemon's own exposition.
func (d *daemon) sample(series string) float64 {
	d.t.Helper()
	for line := range strings.Lines(d.get("/metrics")) {
		if rest, found := strings.CutPrefix(line, series+" "); found {
			var value float64
			if _, err := fmt.Sscan(rest, &value); err != nil {
				d.t.Fatal(err)
			}
			return value
		}
	}
	d.t.Fatalf("there is no series %s", series)
	return 0
}

// stop ends the daemon as a cluster does, and returns its exit code.
func (d *daemon) stop() int {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(35 * time.Second):
		d.t.Fatal("the daemon took longer to stop than a pod is given")
	}
	return d.cmd.ProcessState.ExitCode()
}
