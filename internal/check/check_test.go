package check_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/setup"
)

const joins = `
version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  trust: {ca_file: %s, mc: {server_name: localhost}, mh: {server_name: localhost}}
accounts:
  pool: {allow_inline: true, email: {value: "{account}@a.test"}, password: {value: "a-password"}}
lanes:
  - {name: join-a, pool: pool, use: check, rest: 300ms}
  - {name: join-b, pool: pool, use: check, rest: 300ms}
  - {name: resident, pool: pool, use: check, rest: 0s}
probes:
  - {name: join, flow: join, lanes: [join-a, join-b], interval: 1m, timeout: 40s}
  - {name: resident, flow: join, lanes: [resident], interval: 1m, timeout: 40s, join: {anchor: resident}}
`

// stage starts a platform and provides for the lanes of joins.
func stage(t *testing.T) (*devstack.Stack, *setup.Site) {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, stack.CAPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("probes.yaml", fmt.Appendf(nil, joins, stack.ACURL, stack.GCURL, ca))
	if err != nil {
		t.Fatal(err)
	}
	files := setup.Files{Lanes: filepath.Join(dir, "lanes.json")}
	if _, err := setup.Provide(t.Context(), cfg, files, "", nil); err != nil {
		t.Fatal(err)
	}
	site, err := setup.Open(cfg, files, config.Check, []string{"join-a", "join-b", "resident"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	return stack, site
}

func TestRunsTakeTurnsAndLanesRest(t *testing.T) {
	stack, site := stage(t)
	tasks, err := check.Select(site.Config, nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	var rested, told []string
	var steps int
	c, err := check.New(check.Options{Site: site, Tasks: tasks, Runs: 3,
		OnStep: func(string, int, string, flows.Step, bool) { steps++ },
		OnRest: func(lane string, _ time.Duration) { rested = append(rested, lane) },
		OnRun:  func(r flows.Run) { told = append(told, r.ID) },
	})
	if err != nil {
		t.Fatal(err)
	}
	runs := c.Run(t.Context())
	if stack.ActiveMeetings() == 0 {
		t.Error("a resident anchor leaves between runs")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var order, ids []string
	asked := make(map[string]int)
	ended := make(map[string]time.Time)
	for _, r := range runs {
		order, ids = append(order, r.Lane), append(ids, r.ID)
		if r.Outcome != flows.Success || r.Trigger != flows.OnDemand {
			t.Errorf("%s on %s: %s, %v", r.Probe, r.Lane, r.Outcome, r.Failure)
		}
		if last, ok := ended[r.Lane]; ok && r.Lane == "join-a" && r.Started.Sub(last) < 300*time.Millisecond {
			t.Errorf("the lane rested for %v, and is to rest for 300ms", r.Started.Sub(last))
		}
		ended[r.Lane] = r.Started.Add(r.Duration)
		for _, s := range r.Steps {
			if s.Step == flows.StepGCAssign {
				asked[r.Lane]++
			}
		}
	}
	if want := []string{"join-a", "resident", "join-b", "resident", "join-a", "resident"}; !slices.Equal(order, want) {
		t.Errorf("ran on %v, want %v", order, want)
	}
	if asked["resident"] != 1 || asked["join-a"] != 2 {
		t.Errorf("assigned %v: a resident anchor is brought in once, others each time", asked)
	}
	if !slices.Equal(told, ids) || steps == 0 {
		t.Errorf("told of %d runs and %d steps", len(told), steps)
	}
	if slices.Contains(rested, "join-b") {
		t.Errorf("rested %v: nobody had been on join-b", rested)
	}
	if err := stack.Quiesce(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptedCheckKnowsWhatItHasAndLeavesNobody(t *testing.T) {
	stack, site := stage(t)
	tasks, err := check.Select(site.Config, []string{"join"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c, err := check.New(check.Options{Site: site, Tasks: tasks, Runs: 2, OnStep: func(_ string, run int, actor string, step flows.Step, _ bool) {
		if run == 2 && actor == flows.ActorPerson && step == flows.StepMCJoin {
			cancel(flows.ErrShutdown)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	runs := c.Run(ctx)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if len(runs) != 2 || runs[0].Outcome != flows.Success || runs[1].Outcome != flows.Aborted || runs[1].Leaves.Unclean > 0 {
		t.Errorf("got %d runs: %+v", len(runs), runs)
	}
	// A ghost would be held for much longer.
	soon, stop := context.WithTimeout(t.Context(), 8*time.Second)
	defer stop()
	if err := stack.Quiesce(soon); err != nil {
		t.Errorf("somebody is left in the meeting: %v", err)
	}
}

func TestAnInterruptedRestIsNoRun(t *testing.T) {
	_, site := stage(t)
	tasks, err := check.Select(site.Config, []string{"join"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c, err := check.New(check.Options{Site: site, Tasks: tasks, Runs: 5, OnRest: func(string, time.Duration) { cancel(flows.ErrShutdown) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	if runs := c.Run(ctx); len(runs) != 1 || runs[0].Outcome != flows.Success {
		t.Errorf("got %d runs", len(runs))
	}
}

func TestALaneWithoutAMeetingIsNotStarted(t *testing.T) {
	cfg, err := config.Parse("probes.yaml", []byte(selectable))
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := check.Select(cfg, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	full := map[string]httpapi.Secret{"join-a": "Abc123Abc123", "clean": "Abc123Abc124"}
	for name, site := range map[string]*setup.Site{
		"no meeting":  {Config: cfg, Accounts: config.Accounts{"join-a": make([]account.Credentials, 2), "clean": make([]account.Credentials, 2)}},
		"no accounts": {Config: cfg, Meetings: full},
	} {
		c, err := check.New(check.Options{Site: site, Tasks: tasks})
		if err == nil || !strings.Contains(err.Error(), "lane join-a has "+name) {
			t.Errorf("%s: error %v", name, err)
		}
		if c != nil {
			t.Error(errors.Join(c.Close(t.Context())))
		}
	}
}
