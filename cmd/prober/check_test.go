package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
)

// document is what machines read.
type document struct {
	FormatVersion int `json:"format_version"`
	ExitCode      int `json:"exit_code"`
	Runs          []struct {
		Probe   string        `json:"probe"`
		Lane    string        `json:"lane"`
		Outcome flows.Outcome `json:"outcome"`
		Steps   []struct {
			Step    flows.Step `json:"step"`
			Seconds float64    `json:"duration_seconds"`
		} `json:"steps"`
		Failure *struct {
			Step   flows.Step   `json:"step"`
			Hop    flows.Hop    `json:"hop"`
			Reason flows.Reason `json:"reason"`
			Cause  flows.Cause  `json:"cause"`
			Detail string       `json:"detail"`
		} `json:"failure"`
	} `json:"runs"`
}

func (r result) document(t *testing.T) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(r.stdout), &d); err != nil {
		t.Fatalf("standard output is not one JSON document: %v\n%v", err, r)
	}
	return d
}

// starved reports whether all that went wrong is that this machine stood still.
func (d document) starved() bool {
	for _, r := range d.Runs {
		if r.Outcome != flows.Success && (r.Failure == nil || r.Failure.Cause != flows.CauseLag && r.Failure.Cause != flows.CauseDrops) {
			return false
		}
	}
	return true
}

func TestTheEmbeddedPlatformIsGreen(t *testing.T) {
	nowhere(t)
	t.Setenv("TMPDIR", t.TempDir())
	began := time.Now()
	r := run(t.Context(), "check", "--devstack", "--output", "json")
	took := time.Since(began)
	d := r.document(t)
	if r.code != report.ExitOK && d.starved() {
		t.Skipf("this machine is too busy to tell: %v", r)
	}
	r.must(t, report.ExitOK)
	if len(d.Runs) < 6 || d.ExitCode != 0 || r.stderr != "" {
		t.Errorf("%d runs, exit code %d in the document, on standard error: %s", len(d.Runs), d.ExitCode, r.stderr)
	}
	if took > patience {
		t.Errorf("took %v", took)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// TestExitCodes shows each verdict, and that text and JSON agree on it.
func TestExitCodes(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	wrong := p
	wrong.files.Config = filepath.Join(t.TempDir(), "probes.yaml")
	content, err := os.ReadFile(p.files.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrong.files.Config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, wrong.files.Config, "throw-away-{account}", "another-{account}")

	for _, tc := range []struct {
		name    string
		on      platform
		bend    fault.Faults
		code    int
		outcome flows.Outcome
		says    string
		hint    string
	}{
		{"all is well", p, fault.Faults{}, report.ExitOK, flows.Success, "time to media", ""},
		{"GC has failed", p, fault.Faults{GC: fault.GC{JoinStatus: 503}}, report.ExitFailed, flows.Failed, "hop gc, step gc_assign, unavailable", ""},
		{"MC refuses", p, fault.Faults{MC: fault.MC{JoinError: 4}}, report.ExitFailed, flows.Failed, "hop mc, step mc_join, rejected", ""},
		{"GC wants to be left alone", p, fault.Faults{GC: fault.GC{JoinStatus: 429}}, report.ExitInconclusive, flows.Inconclusive, "hop gc, step gc_assign, throttled", ""},
		{"the password is wrong", wrong, fault.Faults{}, report.ExitProber, flows.Inconclusive, "hop prober, step sign_in, self/setup", "`prober provision --config "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Faults().Set(tc.bend)
			defer p.Faults().Set(fault.Faults{})
			text := run(t.Context(), tc.on.check("join")...).must(t, tc.code)
			if !strings.Contains(text.stdout, tc.says) || !strings.HasPrefix(text.stdout, "join  "+string(tc.outcome)+"\n") ||
				(text.stderr == "") != (tc.hint == "") || !strings.Contains(text.stderr, tc.hint) {
				t.Errorf("want %q, got %v", tc.says, text)
			}
			if err := p.Quiesce(t.Context()); err != nil { // a meeting that was left is not to be entered at once
				t.Fatal(err)
			}
			machine := run(t.Context(), tc.on.check("join", "--output", "json")...).must(t, tc.code)
			d := machine.document(t)
			if d.ExitCode != tc.code || d.FormatVersion != report.FormatVersion || len(d.Runs) != 1 || d.Runs[0].Outcome != tc.outcome || machine.stderr != text.stderr {
				t.Errorf("the document disagrees: %v", machine)
			}
			if f := d.Runs[0].Failure; f != nil && !strings.Contains(text.stdout, fmt.Sprintf("hop %s, step %s, %s", f.Hop, f.Step, f.Reason)) {
				t.Errorf("the document says %+v, the text %s", f, text.stdout)
			}
		})
	}
}

func TestInformationalProbesAloneAreNoVerdict(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	r := run(t.Context(), p.check("reconnect-abrupt")...).must(t, report.ExitProber)
	if !strings.HasPrefix(r.stdout, "reconnect-abrupt  success (informational") || !strings.Contains(r.stderr, "there is no verdict") {
		t.Errorf("got %v", r)
	}
}

func TestSeveralProbesAndRuns(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	r := run(t.Context(), p.check("join", "--probe", "reconnect-clean", "--runs", "2", "-o", "json")...).must(t, 0)
	var order []string
	for _, x := range r.document(t).Runs {
		order = append(order, x.Probe)
	}
	if got := strings.Join(order, " "); got != "join reconnect-clean join reconnect-clean" {
		t.Errorf("ran %s", got)
	}
}

func TestNobodyAnswersIsSoonSaid(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	args := append([]string{"check"}, p.check("join")[1:5]...) // all probes
	r := run(t.Context(), append(args, "--output", "json")...).must(t, report.ExitFailed)
	for _, x := range r.document(t).Runs {
		if f := x.Failure; f == nil || f.Hop != flows.AC || f.Step != flows.StepSignIn || f.Reason != flows.Unavailable {
			t.Errorf("%s: %+v", x.Probe, f)
		}
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
	provisioned := run(t.Context(), "provision", "--config", p.files.Config, "--lanes", p.files.Lanes).must(t, report.ExitFailed)
	if !strings.Contains(provisioned.stderr, "connection refused") || provisioned.stdout != "" {
		t.Errorf("got %v", provisioned)
	}
}

func TestAReportThatCannotBeWrittenIsNoVerdict(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	var stderr bytes.Buffer
	code := execute(t.Context(), p.check("join"), brokenPipe{}, &stderr)
	if code != report.ExitProber || !strings.Contains(stderr.String(), "prober: the report: no space left") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestInterruptedBeforeAnythingHasRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(flows.ErrShutdown)
	r := run(ctx, "check", "--devstack").must(t, report.ExitInterrupted)
	if r.stdout != "" || r.stderr != "prober: interrupted\n" {
		t.Errorf("got %v", r)
	}
}

func TestProvision(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	fresh := filepath.Join(t.TempDir(), "lanes.json")
	args := []string{"provision", "--config", p.files.Config, "--lanes", fresh, "--use", "check"}
	first := run(t.Context(), args...).must(t, 0)
	if first.stdout != "0 accounts registered, 12 signed in; 6 meetings created, 0 verified; lane file "+fresh+"\n" ||
		strings.Count(first.stderr, ": created\n") != 6 {
		t.Errorf("got %v", first)
	}
	if again := run(t.Context(), args...).must(t, 0); !strings.Contains(again.stdout, "0 meetings created, 6 verified") || again.stderr != "" {
		t.Errorf("got %v", again)
	}

	lanes, err := provision.LoadLanes(fresh)
	if err != nil {
		t.Fatal(err)
	}
	var codes canary.Cage
	for _, name := range lanes.Names() {
		code, _ := lanes.Code(name)
		codes.Plant("code of "+name, code.Reveal())
	}
	shown := run(t.Context(), append(args, "--print")...).must(t, 0)
	if found := codes.Find(shown.stdout); len(found) != 6 {
		t.Errorf("--print shows %v", found)
	}
	secret := run(t.Context(), append(args, "--output", "secret", "--secret-name", "lanes", "--namespace", "probing")...).must(t, 0)
	if !strings.HasPrefix(secret.stdout, "apiVersion: v1\nkind: Secret\n") || !strings.Contains(secret.stdout, `namespace: "probing"`) {
		t.Errorf("got %v", secret)
	}
	for name, text := range map[string]string{"provision": first.stdout + first.stderr, "the log of --print": shown.stderr, "the log of a Secret": secret.stderr} {
		if found := codes.Find(text); len(found) > 0 {
			t.Errorf("%s shows %v", name, found)
		}
	}
}

func TestProvisionSaysWhoseFaultItIs(t *testing.T) {
	p := newPlatform(t, devstack.Options{})
	args := []string{"provision", "--config", p.files.Config, "--lanes", filepath.Join(t.TempDir(), "lanes.json")}
	p.Faults().Set(fault.Faults{GC: fault.GC{CreateStatus: 503}})
	if r := run(t.Context(), args...).must(t, report.ExitFailed); !strings.Contains(r.stderr, "GC refused to create a meeting: 503") {
		t.Errorf("got %v", r)
	}
	p.Faults().Set(fault.Faults{})
	edit(t, p.files.Config, "throw-away-{account}", "another-{account}")
	if r := run(t.Context(), args...).must(t, report.ExitUsage); !strings.Contains(r.stderr, "its password is another one") {
		t.Errorf("got %v", r)
	}
}

// TestNothingSecretIsPrinted searches what commands print, at their most
// talkative, for the accounts and the meetings that they work with.
func TestNothingSecretIsPrinted(t *testing.T) {
	var cage canary.Cage
	p := newPlatform(t, devstack.Options{})
	for _, lane := range []string{"join-check", "media-check"} {
		for n := 1; n <= 2; n++ {
			cage.Plant("password", fmt.Sprintf("throw-away-%s-%d", lane, n))
			cage.Plant("email", fmt.Sprintf("%s-%d@devstack.test", lane, n))
		}
	}
	lanes, err := provision.LoadLanes(p.files.Lanes)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := lanes.Code("join-check")
	cage.Plant("meeting code", code.Reveal())
	dir := t.TempDir()
	t.Setenv(summaryVariable, filepath.Join(dir, "summary.md"))
	if err := os.WriteFile(filepath.Join(dir, "message"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bend := range []fault.Faults{
		{}, {GC: fault.GC{JoinStatus: 404}}, {AC: fault.AC{SignInStatus: 401}}, {MC: fault.MC{JoinError: 2}}, {MH: fault.MH{RejectConnect: true}},
	} {
		p.Faults().Set(bend)
		for _, args := range [][]string{
			p.check("join", "--verbose"), p.check("join", "--verbose", "--output", "json"),
			p.check("join", "--gate", "--runs", "1", "--for", "0s", "--warm-up", "1ms", "--verbose", "--termination-log", filepath.Join(dir, "message"),
				"--junit", filepath.Join(dir, "gate.xml"), "--html", filepath.Join(dir, "gate.html")),
			{"config", "show", "--config", p.files.Config},
			{"provision", "--config", p.files.Config, "--lanes", p.files.Lanes},
		} {
			if r := run(t.Context(), args...); len(cage.Find(r.stdout+r.stderr)) > 0 {
				t.Errorf("%v prints %v", args, cage.Find(r.stdout+r.stderr))
			}
		}
		for _, name := range []string{"summary.md", "message", "gate.xml", "gate.html"} {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if found := cage.Find(string(content)); err != nil || len(content) == 0 || len(found) > 0 {
				t.Errorf("%s: %d bytes, %v, with %v", name, len(content), err, found)
			}
		}
	}
	if r := run(t.Context(), p.check("join", "--verbose")...); !strings.Contains(r.stderr, " DEBUG ") {
		t.Errorf("--verbose says nothing: %v", r)
	}
}
