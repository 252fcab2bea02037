package deploy_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
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
	warmUp := regexp.MustCompile(`--warm-up=(\S+)`).FindSubmatch(job)
	if warmUp == nil {
		t.Fatal("the Job does not wait for what has just been deployed")
	}
	waiting, err := time.ParseDuration(string(warmUp[1]))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("kustomize/overlays/kind/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	longest := longestGate(cfg)
	tries := number("backoffLimit") + 1
	grace := time.Duration(number("terminationGracePeriodSeconds")) * time.Second
	need := time.Duration(tries) * (waiting + longest + grace)
	if deadline := time.Duration(number("activeDeadlineSeconds")) * time.Second; deadline < need {
		t.Errorf("%d tries of up to %s to warm up and %s to decide need %s, and the Job is ended after %s", tries, waiting, longest, need, deadline)
	}
}

// longestGate is how long the runs of a gate take when each takes all of its time;
// probes run beside each other, and the lanes of a probe as well.
func longestGate(cfg *config.Config) time.Duration {
	var longest time.Duration
	for _, p := range cfg.Probes {
		lanes := cfg.LanesOf(p, config.Check)
		runs := 0
		for _, o := range p.Objectives {
			if o.Gate != nil {
				runs = max(runs, o.Gate.Runs)
			}
		}
		if runs == 0 || len(lanes) == 0 {
			continue
		}
		var rest time.Duration
		for _, l := range lanes {
			rest = max(rest, l.Rest.D())
		}
		turns := time.Duration((runs + len(lanes) - 1) / len(lanes))
		longest = max(longest, turns*(p.Timeout.D()+rest))
	}
	return longest
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
