package check_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary/spy"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/setup"
)

func perform(t *testing.T, out *output, opts check.Options) []flows.Run {
	t.Helper()
	c, err := check.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	runs := c.Run(t.Context())
	out.add("check as a value", "%v\n%+v\n%#v", c, c, c)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return runs
}

// goodRuns runs every flow.
func goodRuns(t *testing.T, out *output, site *setup.Site, tasks []check.Task, tracer trace.Tracer) []flows.Run {
	t.Helper()
	runs := perform(t, out, check.Options{Site: site, Tasks: tasks, Tracer: tracer})
	if len(runs) != len(tasks) {
		t.Errorf("%d runs of %d probes", len(runs), len(tasks))
	}
	for _, r := range runs {
		if r.Outcome == flows.Failed {
			t.Errorf("%s: %v", r.Probe, r.Failure)
		}
		if n := len(r.Transcript.Messages); r.Flow != flows.SignIn && (n < 8 || len(r.Connections) < 4 || r.Connections[0].Certificate == nil) {
			t.Errorf("%s: %d messages and %d connections to be searched", r.Probe, n, len(r.Connections))
		}
	}
	return runs
}

// badRuns bends the platform in every way that makes a server talk.
func badRuns(t *testing.T, out *output, site *setup.Site, tasks []check.Task, tracer trace.Tracer, stack *devstack.Stack, between *spy.Spy) []flows.Run {
	t.Helper()
	var all []flows.Run
	for _, b := range bends {
		for _, lane := range site.Accounts {
			for _, cred := range lane {
				site.Platform.Accounts.Forget(cred) // so that AC is asked again
			}
		}
		if err := stack.Quiesce(t.Context()); err != nil {
			t.Fatal(err)
		}
		stack.Faults().Set(b.bend)
		if b.echo != nil {
			b.echo(between)
		}
		var task []check.Task
		for _, x := range tasks {
			if x.Probe.Name == b.probe {
				task = append(task, x)
			}
		}
		runs := perform(t, out, check.Options{Site: site, Tasks: task, Tracer: tracer})
		stack.Faults().Set(fault.Faults{})
		between.EchoAC.Store(0)
		between.EchoGC.Store(0)
		between.EchoMC.Store(false)
		for _, r := range runs {
			if r.Failure == nil || r.Failure.Hop != b.wanted && r.Failure.Hop != flows.Prober {
				t.Errorf("%s: the run came to %s, %v", b.name, r.Outcome, r.Failure)
			}
		}
		all = append(all, runs...)
	}
	return all
}

// misconfigured collects the errors of a wrong set-up.
func misconfigured(t *testing.T, out *output, cfg *config.Config, files setup.Files) {
	t.Helper()
	const where = "error of a wrong set-up"
	lanes := []string{"join", "media"}
	t.Setenv("CANARY_PASSWORD_JOIN_1", os.Getenv("CANARY_PASSWORD_JOIN_1")[:7]) // too short
	t.Setenv("CANARY_EMAIL_JOIN_2", os.Getenv("CANARY_EMAIL_JOIN_1"))           // the same user twice
	t.Setenv("CANARY_EMAIL_MEDIA_1", os.Getenv("CANARY_PASSWORD_MEDIA_1"))      // in the wrong place
	t.Setenv("CANARY_NAME_MEDIA_2", "")
	_, err := setup.Open(cfg, files, config.Check, lanes, nil)
	out.addError(where, err)

	other := *cfg
	other.Platform.Organisation = "demo"
	_, err = setup.Open(&other, files, config.Check, lanes, nil)
	out.addError(where, err)
	codes, err := os.ReadFile(files.Lanes)
	if err != nil {
		t.Fatal(err)
	}
	broken := files
	broken.Lanes += ".broken"
	if err := os.WriteFile(broken.Lanes, bytes.Replace(codes, []byte(`"code": "`), []byte(`"code": "!`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = setup.Open(cfg, broken, config.Check, lanes, nil)
	out.addError(where, err)
	inline, err := os.ReadFile(files.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PASSWORD", "EMAIL", "NAME"} {
		value := os.Getenv("CANARY_" + name + "_CLEAN_1")
		wrong := strings.Replace(string(inline), `{env: "CANARY_`+name+`_{account}"}`, `{value: "`+value+`"}`, 1)
		_, err := config.Parse("probes.yaml", []byte(wrong))
		if err == nil {
			t.Errorf("an inline %s was accepted", name)
		}
		out.addError(where, err)
		_, err = config.Parse("probes.yaml", []byte(strings.Replace(wrong, "value: ", "", 1)))
		out.addError(where, err)
	}
}
