package deploy_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/gate"
	"github.com/dark-tower/prober/internal/setup"
)

// TestTheJobGivesTheCheckTheTimeItTakes: a Job that is ended by its deadline has no
// verdict, and would be taken for a bad deployment.
func TestTheJobGivesTheCheckTheTimeItTakes(t *testing.T) {
	job, err := os.ReadFile("kustomize/components/gate/job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	number := func(field string) int {
		found := regexp.MustCompile(field + `: (\d+)`).FindSubmatch(job)
		if found == nil {
			t.Fatalf("the Job has no %s", field)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	length := func(flag string) time.Duration {
		found := regexp.MustCompile(`--` + flag + `=(\S+)`).FindSubmatch(job)
		if found == nil {
			t.Fatalf("the Job has no --%s", flag)
		}
		d, err := time.ParseDuration(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	cfg, err := config.Load("kustomize/overlays/kind/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	longest := atMost(t, cfg, gate.Options{WarmUp: length("warm-up"), For: length("for")})
	tries := number("backoffLimit") + 1
	grace := time.Duration(number("terminationGracePeriodSeconds")) * time.Second
	need := time.Duration(tries) * (longest + grace)
	if deadline := time.Duration(number("activeDeadlineSeconds")) * time.Second; deadline < need {
		t.Errorf("%d tries of up to %s each, and %s to leave, need %s, and the Job is ended after %s", tries, longest, grace, need, deadline)
	}
}

// atMost is how long the gate itself says that it takes. In that time it must be able to
// make all of its runs.
func atMost(t *testing.T, cfg *config.Config, o gate.Options) time.Duration {
	t.Helper()
	tasks, err := check.Select(cfg, nil, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	o.Tasks = tasks
	o.Site = &setup.Site{Config: cfg, Accounts: make(map[string][]account.Credentials), Meetings: make(map[string]httpapi.Secret)}
	for _, l := range cfg.Lanes {
		o.Site.Accounts[l.Name] = make([]account.Credentials, 2)
		o.Site.Meetings[l.Name] = "Abc123Abc123"
	}
	g, err := gate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for _, line := range g.Plan() {
		if strings.Contains(line, "fit into") || strings.Contains(line, "cannot be proved") {
			t.Error(line)
		}
	}
	return g.AtMost()
}

// TestTheGracePeriodHasRoomForTheEnd adds up what happens after SIGTERM.
func TestTheGracePeriodHasRoomForTheEnd(t *testing.T) {
	cfg, err := config.Load("kustomize/overlays/kind/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := os.ReadFile("kustomize/base/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const leaving, flushing = 5 * time.Second, 3 * time.Second // of the daemon
	need := cfg.Daemon.Drain.D() + cfg.Platform.Deadlines.Teardown.D() + leaving + flushing
	if !strings.Contains(string(deployment), "terminationGracePeriodSeconds: 35 ") || need > 35*time.Second {
		t.Errorf("the end takes up to %s, and there are 35s", need)
	}
}
