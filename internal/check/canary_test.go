package check_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary/spy"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mc"
	"github.com/dark-tower/prober/internal/devstack/mh"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

// canaryConfig has every flow, each as short as it may be, and deadlines that are
// soon missed.
const canaryConfig = `
version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  trust:
    ca_file: %s
    mc: {server_name: localhost}
    mh: {server_name: localhost}
  deadlines: {sign_in: 2s, gc: 2s, mc: 2s, mh: 2s, subscribe: 2s, first_media: 2s, default: 2s}
  reference: ["%s"]
accounts:
  canary:
    email: {env: "CANARY_EMAIL_{account}"}
    password: {env: "CANARY_PASSWORD_{account}"}
    display_name: {env: "CANARY_NAME_{account}"}
lanes:
  - {name: join, pool: canary, use: check, rest: 0s}
  - {name: media, pool: canary, use: check, rest: 0s}
  - {name: clean, pool: canary, use: check, rest: 0s}
  - {name: handler, pool: canary, use: check, rest: 0s}
  - {name: abrupt, pool: canary, use: check, rest: 0s}
  - {name: migrate, pool: canary, use: check, rest: 0s}
probes:
  - {name: join, flow: join, lanes: [join], interval: 1m, timeout: 20s, join: {anchor: resident}}
  - {name: media, flow: media, lanes: [media], interval: 1m, timeout: 20s, media: {duration: 1s, settle: 100ms}}
  - {name: clean, flow: reconnect, lanes: [clean], interval: 1m, timeout: 20s, reconnect: {disconnect: clean, steady: 100ms}}
  - {name: handler, flow: reconnect, lanes: [handler], interval: 1m, timeout: 20s, reconnect: {disconnect: handler, steady: 100ms}}
  - {name: abrupt, flow: reconnect, lanes: [abrupt], interval: 1m, timeout: 20s, reconnect: {disconnect: abrupt, steady: 100ms}}
  - {name: migrate, flow: reconnect, lanes: [migrate], interval: 1m, timeout: 20s, reconnect: {disconnect: migrate, steady: 100ms}}
`

// cages hold every secret that this test binary has met.
var cages spy.Cages

func canaryName(t *testing.T) string {
	t.Helper()
	b := make([]byte, 9)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return "canary-" + hex.EncodeToString(b)
}

// plantAccounts gives every account of cfg an email, a password and a name that
// cannot be mistaken for anything else.
func plantAccounts(t *testing.T, cfg *config.Config) {
	t.Helper()
	for _, lane := range cfg.Lanes {
		for n := range lane.Accounts {
			account := fmt.Sprintf("%s_%d", strings.ToUpper(lane.Name), n+1)
			local := canaryName(t)
			for kind, value := range map[string]string{"EMAIL": local + "@" + canaryName(t) + ".test", "PASSWORD": canaryName(t), "NAME": "Mx " + canaryName(t)} {
				t.Setenv("CANARY_"+kind+"_"+account, value)
				cages.Secrets.Plant(strings.ToLower(kind), value)
			}
			cages.Secrets.Plant("local part of an email", local)
		}
	}
}

// bends are ways to make a run fail, each with what else a server gives away.
var bends = []struct {
	name   string
	probe  string
	bend   fault.Faults
	echo   func(*spy.Spy)
	wanted flows.Hop
}{
	{"AC echoes", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoAC.Store(400) }, flows.AC},
	{"AC echoes with 500", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoAC.Store(500) }, flows.AC},
	{"AC signs with a wrong key", "join", fault.Faults{AC: fault.AC{WrongKey: true}}, nil, flows.GC},
	{"GC echoes", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoGC.Store(400) }, flows.GC},
	{"GC echoes with 503", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoGC.Store(503) }, flows.GC},
	{"GC is throttling", "join", fault.Faults{GC: fault.GC{JoinStatus: 429, RetryAfter: time.Second}}, nil, flows.GC},
	{"GC does not answer", "join", fault.Faults{GC: fault.GC{JoinNever: true}}, nil, flows.GC},
	{"GC hands out expired tokens", "join", fault.Faults{GC: fault.GC{ExpiredToken: true}}, nil, flows.MC},
	{"MC echoes", "join", fault.Faults{}, func(s *spy.Spy) { s.EchoMC.Store(true) }, flows.MC},
	{"MC refuses", "join", fault.Faults{MC: fault.MC{JoinError: 2}}, nil, flows.MC},
	{"MC drops people", "join", fault.Faults{MC: fault.MC{DropAfterJoin: true}}, nil, flows.MC},
	{"MC refuses capabilities", "join", fault.Faults{MC: fault.MC{RejectCapability: true}}, nil, flows.MC},
	{"MC gives everybody another key", "media", fault.Faults{MC: fault.MC{WrongKEK: true}}, nil, flows.MC},
	{"MC publishes other identities", "media", fault.Faults{MC: fault.MC{WrongRosterKey: true}}, nil, flows.MC},
	{"handlers refuse", "join", fault.Faults{MH: fault.MH{RejectConnect: true}}, nil, flows.MH},
	{"handlers corrupt frames", "media", fault.Faults{MH: fault.MH{CorruptEvery: 1}}, nil, flows.MH},
}

// TestNoSecretComesOut runs all flows, good and failing, against a platform whose
// every secret is known, and searches everything that comes out.
func TestNoSecretComesOut(t *testing.T) {
	var out output
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	stack, err := devstack.Start(t.Context(), devstack.Options{
		Log:            out.logger("log of the embedded platform"),
		TracerProvider: func(string) trace.TracerProvider { return provider },
		Times: devstack.Times{
			MC: mc.Times{Grace: 300 * time.Millisecond, GraceTick: 50 * time.Millisecond},
			MH: mh.Times{UnreachableJitter: 50 * time.Millisecond, NotifyBackoff: 50 * time.Millisecond},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	between := spy.New(t, stack, &cages)

	// From nothing to a site, as the commands do it.
	files := canaryFiles(t, between)
	cfg, err := setup.Load(files.Config)
	if err != nil {
		t.Fatal(err)
	}
	plantAccounts(t, cfg)
	result, err := setup.Provide(t.Context(), cfg, files, "", func(e provision.Event) { out.add("progress of provisioning", "%v", e) })
	if err != nil {
		t.Fatal(err)
	}
	out.add("result of provisioning", "%v %+v %#v %v", result, result, result, result.Lanes)
	if info, err := os.Stat(files.Lanes); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lane file has mode %v, and must be readable by its owner only (%v)", info.Mode(), err)
	}
	tasks, err := check.Select(cfg, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	site, err := setup.Open(cfg, files, config.Check, check.Lanes(tasks), out.logger("log of the prober"))
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	out.add("site as a value", "%v %+v %#v", *site, *site, *site)
	var shown bytes.Buffer
	if err := cfg.Show(&shown); err != nil {
		t.Fatal(err)
	}
	out.add("config show", "%s", shown.String())

	runs := goodRuns(t, &out, site, tasks, provider.Tracer("prober"))
	runs = append(runs, badRuns(t, &out, site, tasks, provider.Tracer("prober"), stack, between)...)
	for _, r := range runs {
		out.addRun(r)
	}
	var text, colored, document bytes.Buffer
	if err := errors.Join(report.Text{}.Write(&text, runs), report.Text{Color: true}.Write(&colored, runs), report.JSON(&document, runs, nil, report.ExitCode(runs))); err != nil {
		t.Fatal(err)
	}
	out.add("report", "%s", text.String())
	out.add("report in colour", "%s", colored.String())
	out.add("report as JSON", "%s", document.String())
	for _, r := range runs {
		if err := page.WriteRun(out.writer("page of a run"), page.RunPage{Now: r.Started, RunView: page.RunView{Run: r}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.WriteReport(out.writer("report as HTML"), page.Report{Runs: runs}); err != nil {
		t.Fatal(err)
	}
	misconfigured(t, &out, cfg, files)
	out.addSpans(exporter.GetSpans())

	// Before anything is believed: everything was planted, and everything was said.
	counts := cages.Secrets.Count()
	for _, kind := range spy.IdentityFields() {
		if cages.Identities.Count()[string(kind)] == 0 {
			t.Errorf("no %s was ever seen", kind)
		}
	}
	for _, kind := range []string{"email", "local part of an email", "password", "name", "user token", "meeting token",
		"meeting code", "join_token", "binding_token", "meeting_kek", "random key"} {
		if counts[kind] == 0 {
			t.Errorf("no %s was ever seen", kind)
		}
	}
	for _, where := range []string{"log of the embedded platform", "log of the prober", "spans", "report", "report as JSON", "report as HTML", "page of a run", "failure of a step", "config show"} {
		if out.text[where] == nil {
			t.Errorf("nothing came out of: %s", where)
		}
	}
	for _, leak := range out.leaks(&cages.Secrets) {
		t.Error(leak)
	}
	for _, where := range []string{ofTheWire, ofTheLog} {
		for _, leak := range cages.Identities.Find(out.text[where].String()) {
			t.Errorf("%s: %s", where, leak)
		}
	}
	if ip := regexp.MustCompile(`\b127\.0\.0\.1\b`).FindString(out.text[ofTheLog].String()); ip != "" {
		t.Errorf("%s: an address, %s", ofTheLog, ip)
	}
	t.Logf("searched for %v", counts)
}

func canaryFiles(t *testing.T, s *spy.Spy) setup.Files {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	files := setup.Files{Config: filepath.Join(dir, "probes.yaml"), Lanes: filepath.Join(dir, "lanes.json")}
	reference := strings.TrimPrefix(s.AC, "http://")
	for path, content := range map[string][]byte{ca: s.CAPEM, files.Config: fmt.Appendf(nil, canaryConfig, s.AC, s.GC, ca, reference)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
