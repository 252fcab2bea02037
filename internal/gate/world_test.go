package gate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

// world is a configuration whose runs are played: they take their time, and come to
// what the test says.
type world struct {
	t       *testing.T
	lanes   int // of join; media has one
	budget  string
	more    string // probes
	gate    string // of join
	options Options
	play    func(probe, lane string, n int) (took time.Duration, run flows.Run)
}

// played is a run that was made.
type played struct {
	probe, lane string
	n           int
	begun, done time.Duration // since the beginning
}

const second = time.Second

// run plays a gate, in a bubble of its own.
func (w world) run(ctx context.Context) (made []played, j report.Judgement) {
	w.t.Helper()
	g := w.open()
	began := time.Now()
	var mu sync.Mutex
	g.perform = func(ctx context.Context, p *judged, lane string, n int) flows.Run {
		took, run := time.Second, flows.Run{Outcome: flows.Success}
		if w.play != nil {
			took, run = w.play(p.Name, lane, n)
		}
		begun := time.Since(began)
		select {
		case <-time.After(took):
		case <-ctx.Done():
			run.Outcome = flows.Aborted
		}
		run.Probe, run.Lane = p.Name, lane
		mu.Lock()
		defer mu.Unlock()
		made = append(made, played{p.Name, lane, n, begun, time.Since(began)})
		return run
	}
	_, j = g.Run(ctx)
	return made, j
}

func (w world) open() *Gate {
	w.t.Helper()
	g, err := w.try()
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func (w world) try() (*Gate, error) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, `version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:2", organisation: devtest}
accounts: {pool: {email: {env: "EMAIL_{account}"}, password: {env: PASSWORD}}}
`)
	if w.budget != "" {
		fmt.Fprintf(&b, "daemon: {budget: %s}\n", w.budget)
	}
	fmt.Fprint(&b, "lanes:\n  - {name: media, pool: pool, use: check}\n  - {name: silent, pool: pool, use: check}\n")
	var names []string
	for i := range max(1, w.lanes) {
		names = append(names, fmt.Sprintf("join-%d", i+1))
		fmt.Fprintf(&b, "  - {name: %s, pool: pool, use: check, rest: 5s}\n", names[i])
	}
	how := w.gate
	if how == "" {
		how = "{prove: 80%, runs: 14}"
	}
	fmt.Fprintf(&b, `probes:
  - {name: join, flow: join, lanes: [%s], interval: 1m, timeout: 20s, objectives: [{sli: availability, target: 99%%, gate: %s}]%s}
  - {name: media, flow: media, lanes: [media], interval: 1m, timeout: 20s, media: {participants: 2, duration: 8s, settle: 1s}, objectives: [{sli: availability, target: 99%%, gate: {prove: 80%%, runs: 14}}]}
  - {name: silent, flow: join, lanes: [silent], interval: 1m, timeout: 20s, objectives: [{sli: availability, target: 99%%}]}
`, strings.Join(names, ", "), how, w.more)
	cfg, err := config.Parse("pace.yaml", []byte(b.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	site := &setup.Site{Config: cfg, Accounts: make(map[string][]account.Credentials), Meetings: make(map[string]httpapi.Secret)}
	for _, l := range cfg.Lanes {
		site.Accounts[l.Name] = make([]account.Credentials, 2)
		site.Meetings[l.Name] = "Abc123Abc123"
	}
	o := w.options
	o.Site = site
	if o.Tasks == nil {
		if o.Tasks, err = check.Select(cfg, []string{"join"}, 100); err != nil {
			w.t.Fatal(err)
		}
	} else if len(o.Tasks) == 0 {
		if o.Tasks, err = check.Select(cfg, nil, 100); err != nil {
			w.t.Fatal(err)
		}
	}
	g := &Gate{opts: o}
	return g, g.open()
}

// all selects every probe.
var all = []check.Task{}

// atOnce is how many of these were under way at once, at most.
func atOnce(made []played) (most int) {
	for _, a := range made {
		n := 0
		for _, b := range made {
			if b.begun <= a.begun && a.begun < b.done {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

var (
	down       = flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Unavailable, Detail: "503"}}
	lost       = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseNetwork}}
	crowded    = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepMCJoin, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane}}
	throttled  = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled, BackOff: true, RetryAfter: 50 * second}}
	dismissed  = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled, BackOff: true, RetryAfter: 90 * second}}
	overloaded = flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Unavailable, BackOff: true, RetryAfter: 90 * second}}
)
