package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/link"
)

// patientHead has steps that would wait for longer than the test does: it is the run's own deadline
// that ends what is silent.
const patientHead = `version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  ghost: 1s
  trust: {ca_file: %s, mc: {server_name: localhost}, mh: {server_name: localhost}}
  deadlines: {sign_in: 2m, gc: 2m, mc: 2m, mh: 2m, subscribe: 2m, first_media: 2m, default: 2m, teardown: 2s}
  reference: ["%s"]
  endpoint_map: {%s}
accounts:
  pool: {email: {env: DAEMON_TEST_EMAIL}, password: {env: DAEMON_TEST_PASSWORD}}
lanes:
  - {name: join, pool: pool, use: run, rest: 0s}
  - {name: media, pool: pool, use: run, rest: 0s}
  - {name: who, pool: pool, use: run}
`

const patientProbes = `probes:
  - {name: join, flow: join, lanes: [join], interval: 1h, timeout: 2s}
  - {name: media, flow: media, lanes: [media], interval: 1h, timeout: 5s, media: {duration: 3s, settle: 100ms}}
  - {name: sign-in, flow: sign_in, lanes: [who], interval: 1h, timeout: 1s}
`

// TestWhateverNeverAnswersIsEndedAndCountedAndLeavesNothing takes the answers away,
// one kind after the other.
func TestWhateverNeverAnswersIsEndedAndCountedAndLeavesNothing(t *testing.T) {
	t.Setenv("DAEMON_TEST_EMAIL", "{account}@daemon.test")
	t.Setenv("DAEMON_TEST_PASSWORD", "a-password-for-all")
	p := emptyPlace(t)
	links, err := link.NewFleet(append(append([]string(nil), p.ControllerURLs...), p.HandlerURLs...), link.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	var endpoints []string
	for advertised, dialed := range links.Endpoints() {
		endpoints = append(endpoints, fmt.Sprintf("%q: %q", advertised, dialed))
	}
	reference := strings.TrimPrefix(p.ACURL, "http://")
	p.furnish(t, fmt.Sprintf(patientHead, p.ACURL, p.GCURL, p.ca, reference, strings.Join(endpoints, ", ")), p.CAPEM, patientProbes, "")
	d := p.start(t)
	silent := func(urls []string) func() {
		return func() {
			for _, u := range urls {
				if err := links.Link(u).Set(link.Spec{Up: link.Conditions{Loss: 1}, Down: link.Conditions{Loss: 1}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		name, probe string
		bend        fault.Faults
		cut         func() // once people talk, or at once
		talking     bool
		step        flows.Step
	}{
		{"AC", "sign-in", fault.Faults{AC: fault.AC{SignInNever: true}}, nil, false, flows.StepSignIn},
		{"GC", "join", fault.Faults{GC: fault.GC{JoinNever: true}}, nil, false, flows.StepGCAssign},
		{"the network before MC", "join", fault.Faults{}, silent(p.ControllerURLs), false, flows.StepMCConnect},
		{"MC", "join", fault.Faults{MC: fault.MC{JoinNever: true}}, nil, false, flows.StepMCJoin},
		{"the network before the handlers", "join", fault.Faults{}, silent(p.HandlerURLs), false, flows.StepMHConnect},
		{"MC after the join", "join", fault.Faults{MC: fault.MC{NeverAssign: true}}, nil, false, flows.StepSubscribe},
		{"the handlers", "join", fault.Faults{MH: fault.MH{Silent: true}}, nil, false, flows.StepFirstMedia},
		{"everything, while people talk and when they leave", "media", fault.Faults{}, silent(append(p.ControllerURLs, p.HandlerURLs...)), true, flows.StepTalk},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.Faults().Set(c.bend)
			if c.cut != nil && !c.talking {
				c.cut()
			}
			before, _ := d.sample(failedByHand(c.probe))
			begun, answer := time.Now(), make(chan string, 1)
			go func() {
				_, body, _ := d.ask(http.MethodPost, "/api/v1/probes/"+c.probe+"/run")
				answer <- body
			}()
			if c.talking {
				d.until("people talk", func() bool {
					return strings.Contains(d.log.String(), `"probe":"media","flow":"media","actor":"speaker 1","step":"first_media"`)
				})
				c.cut()
			}
			var run struct {
				Outcome  flows.Outcome
				Failure  *struct{ Step flows.Step }
				Duration float64 `json:"duration_seconds"`
			}
			if body := <-answer; json.Unmarshal([]byte(body), &run) != nil || run.Outcome != flows.Failed || run.Failure.Step != c.step {
				t.Errorf("want a failure at %s: %s", c.step, body)
			}
			if took := time.Since(begun); took > 30*time.Second || run.Duration > 20 {
				t.Errorf("took %v, of it %v s before it was judged", took, run.Duration)
			}
			if after, _ := d.sample(failedByHand(c.probe)); after != before+1 {
				t.Errorf("%v failed runs, and %v before", after, before)
			}
			d.until("nothing of the run is left", func() bool { return len(d.busy()) == 0 })
			p.Faults().Set(fault.Faults{})
			if err := links.Set(link.Spec{}); err != nil {
				t.Fatal(err)
			}
			d.until("all is well again", func() bool {
				status, body, err := d.ask(http.MethodPost, "/api/v1/probes/"+c.probe+"/run")
				return err == nil && status == http.StatusOK && strings.Contains(body, `"outcome": "success"`)
			})
		})
	}
}

func failedByHand(probe string) string {
	flow := strings.ReplaceAll(probe, "-", "_")
	return fmt.Sprintf(`dt_synthetic_runs_total{flow=%q,outcome="failure",probe=%q,trigger="check"}`, flow, probe)
}

var ofRuns = regexp.MustCompile(`github\.com/dark-tower/prober/(flows|internal/darktower|internal/webtransport)[.(/][^\s]*`)

// busy are the functions of runs and of people in meetings that some goroutine is in.
func (r *running) busy() []string {
	r.t.Helper()
	_, goroutines := r.get("/debug/pprof/goroutine?debug=1")
	return ofRuns.FindAllString(goroutines, -1)
}
