package daemon_test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary/spy"
	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/setup"
)

// canaryHead has an account of its own for everybody, so that every secret is one
// that cannot be mistaken.
const canaryHead = `version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  ghost: 1s
  trust: {ca_file: %s, mc: {server_name: localhost}, mh: {server_name: localhost}}
  deadlines: {sign_in: 2s, gc: 1s, mc: 1s, mh: 1s, subscribe: 1s, first_media: 1s, default: 1s, teardown: 900ms}
  reference: ["%s"]
accounts:
  canary:
    email: {env: "CANARY_EMAIL_{account}"}
    password: {env: "CANARY_PASSWORD_{account}"}
    display_name: {env: "CANARY_NAME_{account}"}
lanes:
  - {name: join, pool: canary, use: run, rest: 100ms}
  - {name: media, pool: canary, use: run, rest: 100ms}
  - {name: cut, pool: canary, use: run, rest: 100ms}
  - {name: who, pool: canary, use: run}
`

const canaryProbes = `probes:
  - {name: join, flow: join, lanes: [join], interval: 10s, timeout: 8s}
  - {name: media, flow: media, lanes: [media], interval: 10s, timeout: 8s, media: {duration: 1s, settle: 100ms}}
  - {name: cut, flow: reconnect, lanes: [cut], interval: 10s, timeout: 8s, reconnect: {disconnect: clean, steady: 100ms, restore: 3s}}
  - {name: sign-in, flow: sign_in, lanes: [who], interval: 4s, timeout: 2s}
`

// bends make runs fail while servers give away what they know.
var bends = []struct {
	name, probe string
	bend        fault.Faults
	echo        func(*spy.Spy)
	hop         flows.Hop
}{
	{"AC refuses with all that was asked", "sign-in", fault.Faults{}, func(s *spy.Spy) { s.EchoAC.Store(401) }, flows.AC},
	{"GC refuses with all that was asked", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoGC.Store(400) }, flows.GC},
	{"MC refuses with all that was asked", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoMC.Store(true) }, flows.MC},
	{"MC gives everybody another key", "media", fault.Faults{MC: fault.MC{WrongKEK: true}}, nil, flows.MC},
	{"MC lets nobody hear", "cut", fault.Faults{MC: fault.MC{NeverAssign: true}}, nil, flows.MC},
	{"handlers forward nothing", "join", fault.Faults{MH: fault.MH{Silent: true}}, nil, flows.MH},
	{"handlers corrupt frames", "media", fault.Faults{MH: fault.MH{CorruptEvery: 1}}, nil, flows.MH},
	{"AC is away, and says so with all that was asked", "sign-in", fault.Faults{}, func(s *spy.Spy) { s.EchoAC.Store(503) }, flows.AC},
	{"GC is away, and says so with all that was asked", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoGC.Store(503) }, flows.GC},
}

func canaryName(t *testing.T) string {
	t.Helper()
	b := make([]byte, 9)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return "canary-" + hex.EncodeToString(b)
}

// TestNoSecretComesOutOfTheDaemon has a daemon with failing runs of every kind on a
// platform whose every secret is known, and searches all that it says to anybody.
func TestNoSecretComesOutOfTheDaemon(t *testing.T) {
	collector := collectortest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.GRPCEndpoint)
	p := emptyPlace(t)
	between := spy.New(t, p.Stack, &cages)
	for _, account := range []string{"JOIN_1", "JOIN_2", "MEDIA_1", "MEDIA_2", "CUT_1", "CUT_2", "WHO_1", "WHO_2"} {
		for kind, value := range map[string]string{"EMAIL": canaryName(t) + "@" + canaryName(t) + ".test", "PASSWORD": canaryName(t), "NAME": "Mx " + canaryName(t)} {
			t.Setenv("CANARY_"+kind+"_"+account, value)
			cages.Secrets.Plant(strings.ToLower(kind), value)
		}
	}
	token, key := canaryName(t), canaryName(t)
	t.Setenv("CANARY_TOKEN", token)
	t.Setenv("CANARY_KEY", key)
	cages.Secrets.Plant("daemon.token", token)
	cages.Secrets.Plant("daemon.logs.hash_key", key)
	wide := func(format string) string {
		return `, listen: ":0", token: {env: CANARY_TOKEN}, traces: {keep_one_in: 1}, logs: {level: debug, format: ` + format + `, hash_key: {env: CANARY_KEY}}`
	}
	head := fmt.Sprintf(canaryHead, between.AC, between.GC, p.ca, strings.TrimPrefix(between.AC, "http://"))
	p.furnish(t, head, between.CAPEM, canaryProbes, "")
	said := make(map[string]string) // by where
	for _, format := range []string{"json", "text"} {
		write(t, p.files.Config, head+"daemon: {first_run: 100ms, drain: 2s"+wide(format)+"}\n"+canaryProbes)
		d := p.start(t)
		d.bearer = token
		for _, probe := range []string{"join", "media", "cut", "sign-in"} {
			d.until(probe+" has succeeded", func() bool { return len(d.runs("outcome=success&probe="+probe)) > 0 })
		}
		trials := bends
		if format == "text" {
			trials = bends[:3] // the lines of all runs are on their pages as text besides
		}
		for _, b := range trials {
			p.Faults().Set(b.bend)
			if b.echo != nil {
				b.echo(between)
			}
			d.failing(b.name, b.probe, b.hop)
			p.Faults().Set(fault.Faults{})
			between.EchoAC.Store(0)
			between.EchoGC.Store(0)
			between.EchoMC.Store(false)
		}
		d.look(said)
		mistakes(t, p, d, said)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		said["log, "+format] = d.log.String()
	}
	said["errors"] = unbegun(t, p)
	traces, err := json.Marshal(collector.Traces(t))
	if err != nil {
		t.Fatal(err)
	}
	said["spans"] = string(traces)

	for _, kind := range []string{"email", "password", "name", "daemon.token", "user token", "meeting token", "meeting code", "join_token", "meeting_kek", "random key"} {
		if cages.Secrets.Count()[kind] == 0 {
			t.Errorf("no %s was ever seen", kind)
		}
	}
	for where, text := range said {
		if len(text) < 100 {
			t.Errorf("%s says only %q", where, text)
		}
		for _, leak := range cages.Secrets.Find(text) {
			t.Errorf("%s: %s", where, leak)
		}
		for _, leak := range cages.Identities.Find(text) {
			if who := strings.HasPrefix(leak, "media_handler_url") || strings.HasPrefix(leak, "mh_url"); !who || strings.HasPrefix(where, "log") || strings.HasPrefix(where, "/metrics") {
				t.Errorf("%s: %s", where, leak)
			}
		}
		if at := regexp.MustCompile(`\b127\.0\.0\.1\b`).FindStringIndex(text); at != nil && (strings.HasPrefix(where, "log") || strings.HasPrefix(where, "/metrics")) {
			t.Errorf("%s: an address, after %q", where, text[max(0, at[0]-80):at[0]])
		}
	}
	t.Logf("searched %d places for %v", len(said), cages.Secrets.Count())
}

// failing runs a probe by hand until a run of it has failed at a hop.
func (r *running) failing(what, probe string, hop flows.Hop) {
	r.t.Helper()
	r.until(what, func() bool {
		status, body, err := r.ask(http.MethodPost, "/api/v1/probes/"+probe+"/run")
		var run struct {
			Failure *struct{ Hop flows.Hop }
		}
		if err != nil || status == http.StatusOK && json.Unmarshal([]byte(body), &run) != nil {
			r.t.Fatalf("status %d, %v: %s", status, err, body)
		}
		return run.Failure != nil && run.Failure.Hop == hop
	})
}

// look notes everything that the port says.
func (r *running) look(said map[string]string) {
	r.t.Helper()
	_, said["/metrics"] = r.get("/metrics")
	for name, accept := range map[string]string{"OpenMetrics": "application/openmetrics-text", "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		_, said["/metrics as "+name], _ = r.ask(http.MethodGet, "/metrics", "Accept: "+accept)
	}
	for _, path := range []string{"/", "/api/v1/probes", "/api/v1/runs?limit=200"} {
		_, said[path] = r.get(path)
	}
	for _, run := range r.runs("limit=200") {
		id := run["id"].(string)
		_, page := r.get("/runs/" + id)
		_, whole := r.get("/api/v1/runs/" + id)
		said["pages of runs"] += page
		said["runs of the API"] += whole
	}
	for _, header := range []string{"Authorization: Bearer wrong", "Authorization: Basic d3Jvbmc6d3Jvbmc=", "Host: evil.example", "Origin: http://evil.example"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			_, body, _ := r.ask(method, "/api/v1/probes/join/run", header)
			said["refusals"] += body
		}
	}
}

// mistakes has the daemon read configurations that are wrong.
func mistakes(t *testing.T, p *place, d *running, said map[string]string) {
	t.Helper()
	good, err := os.ReadFile(p.files.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PASSWORD", "EMAIL", "NAME"} {
		value := os.Getenv("CANARY_" + name + "_JOIN_1")
		for _, inline := range []string{`{value: "` + value + `"}`, `"` + value + `"`, "*" + strings.ReplaceAll(value, "@", "")} {
			write(t, p.files.Config, strings.Replace(string(good), `{env: "CANARY_`+name+`_{account}"}`, inline, 1))
			before := strings.Count(d.log.String(), "the old one stays in force")
			d.reload <- struct{}{}
			d.until("the mistake is refused", func() bool {
				return strings.Count(d.log.String(), "the old one stays in force") > before
			})
		}
	}
	write(t, p.files.Config, string(good))
	_, said["/ with a configuration that is wrong"] = d.get("/")
}

// unbegun is what daemons say that cannot begin.
func unbegun(t *testing.T, p *place) string {
	t.Helper()
	var said []string
	try := func(what string) {
		err := daemon.Run(t.Context(), daemon.Options{Files: p.files, Out: &journal{}, Instance: "test"})
		if err == nil {
			t.Fatalf("began with %s", what)
		}
		said = append(said, fmt.Sprintf("%s: %v\n%+v\n%#v\n%q", what, err, err, err, err))
	}
	for _, name := range []string{"CANARY_EMAIL_JOIN_1", "CANARY_PASSWORD_MEDIA_2", "CANARY_TOKEN"} {
		value := os.Getenv(name)
		t.Setenv(name, "")
		try("nothing in " + name)
		t.Setenv(name, value[:6])
		try("too little in " + name)
		t.Setenv(name, value)
	}
	lanes, err := os.ReadFile(p.files.Lanes)
	if err != nil {
		t.Fatal(err)
	}
	broken := p.files.Lanes + ".broken"
	write(t, broken, strings.Replace(string(lanes), `"code": "`, `"code": "!`, 1))
	p.files = setup.Files{Config: p.files.Config, Lanes: broken}
	try("a lane file that is broken")
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "CANARY_EMAIL_JOIN_1") }) {
		t.Error("nothing says which variable is missing")
	}
	return strings.Join(said, "\n")
}
