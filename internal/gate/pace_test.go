package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
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

func TestALaneRunsOneAfterAnotherAndRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, lanes: 2}.run(t.Context())
		if j.Verdict != slo.Pass || len(made) != 14 {
			t.Errorf("%d runs: %s", len(made), j.Line())
		}
		last := make(map[string]time.Duration)
		for _, p := range made {
			if end, ran := last[p.lane]; ran && p.begun-end != 5*second {
				t.Errorf("%s rests for %v", p.lane, p.begun-end)
			}
			last[p.lane] = p.done
		}
		if len(last) != 2 || atOnce(made) != 2 || j.Took != 37*second {
			t.Errorf("%d lanes, %d runs at once, in %v", len(last), atOnce(made), j.Took)
		}
	})
}

func TestNoMoreThanFourRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(string, string, int) (time.Duration, flows.Run) {
			return 10 * second, flows.Run{Outcome: flows.Success}
		}
		made, j := world{t: t, lanes: 7, play: slow}.run(t.Context())
		if atOnce(made) != 4 || j.Verdict != slo.Pass {
			t.Errorf("%d runs at once: %s", atOnce(made), j.Line())
		}
	})
}

func TestTheBudgetIsKept(t *testing.T) {
	for _, tc := range []struct {
		budget string
		more   string
		most   int
	}{
		{"{participants: 2}", "", 1},
		{"{participants: 5}", "", 2},
		{"{datagrams_per_second: 100}", "", 1},
		{"{participants: 9}", "", 4},
		{"{participants: 8}", ", join: {anchor: resident}", 2}, // six stay, and one comes in a run
	} {
		t.Run(tc.budget+tc.more, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if made, j := (world{t: t, lanes: 6, budget: tc.budget, more: tc.more}).run(t.Context()); atOnce(made) != tc.most || j.Verdict != slo.Pass {
					t.Errorf("%d runs at once, want %d: %s", atOnce(made), tc.most, j.Line())
				}
			})
		})
	}
}

func TestAProbeThatTheBudgetHasNoRoomForIsRefused(t *testing.T) {
	for budget, want := range map[string]string{
		"{participants: 1}":          "a run of probe join brings 2 people who send up to 100 datagrams per second, and daemon.budget leaves 1 and 1000; raise it, or check fewer probes",
		"{datagrams_per_second: 50}": "a run of probe join brings 2 people who send up to 100 datagrams per second, and daemon.budget leaves 16 and 50; raise it, or check fewer probes",
	} {
		if _, err := (world{t: t, budget: budget}).try(); err == nil || err.Error() != want {
			t.Errorf("%s: %v", budget, err)
		}
	}
}

func TestRunsAreSpreadOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, lanes: 4, options: Options{Spread: 140 * second}}.run(t.Context())
		for i, p := range made {
			if p.begun != time.Duration(i)*10*second {
				t.Errorf("run %d begins after %v", i, p.begun)
			}
		}
		if j.Verdict != slo.Pass {
			t.Error(j.Line())
		}
	})
}

// TestABoundIsKept: what does not fit is known beforehand, and what takes longer than
// it should is not waited for.
func TestABoundIsKept(t *testing.T) {
	t.Run("all fits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			made, j := world{t: t, lanes: 2, options: Options{For: 5 * time.Minute}}.run(t.Context())
			last := made[len(made)-1].begun
			if len(made) != 14 || j.Verdict != slo.Pass || last < 4*time.Minute || last > 5*time.Minute {
				t.Errorf("%d runs, the last after %v: %s", len(made), last, j.Line())
			}
		})
	})
	t.Run("fewer are planned", func(t *testing.T) {
		w := world{t: t, options: Options{For: time.Minute}}
		if plan := w.open().Plan(); plan[0] != "join: up to 10 runs on 1 lane, as no more of 14 fit into 1m" || !slices.Contains(plan, "join-availability cannot be proved by 10 runs: 80% takes 14") {
			t.Errorf("plan %q", plan)
		}
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			if made, j := w.run(t.Context()); j.Verdict != slo.Inconclusive || j.CouldNotMeasure || len(made) > 10 {
				t.Errorf("%d runs: %s", len(made), j.Line())
			}
		})
	})
	t.Run("runs take longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow := func(string, string, int) (time.Duration, flows.Run) {
				return 19 * second, flows.Run{Outcome: flows.Success}
			}
			made, j := world{t: t, lanes: 2, options: Options{For: time.Minute}, play: slow}.run(t.Context())
			if len(made) != 6 || j.Took.Round(second) != 71*second || j.Verdict != slo.Inconclusive || j.CouldNotMeasure {
				t.Errorf("%d runs in %v: %s", len(made), j.Took, j.Line())
			}
		})
	})
}

var (
	down      = flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Unavailable, Detail: "503"}}
	lost      = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseNetwork}}
	crowded   = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepMCJoin, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane}}
	throttled = flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled, BackOff: true, RetryAfter: 90 * second}}
)

func TestWhoSpoilsItsOwnRunsGivesUp(t *testing.T) {
	for _, tc := range []struct {
		name string
		lost func(lane string, n int) bool
		runs int
		code int
	}{
		{"from the beginning", func(string, int) bool { return true }, 5, report.ExitProber},
		{"the network goes away half-way", func(_ string, n int) bool { return n > 6 }, 11, report.ExitProber},
		{"now and then", func(_ string, n int) bool { return n%5 == 0 }, 17, report.ExitOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, j := world{t: t, play: func(_, lane string, n int) (time.Duration, flows.Run) {
					if tc.lost(lane, n) {
						return second, lost
					}
					return second, flows.Run{Outcome: flows.Success}
				}}.run(t.Context())
				if len(made) != tc.runs || j.ExitCode() != tc.code {
					t.Errorf("%d runs, exit code %d: %s", len(made), j.ExitCode(), j.Line())
				}
			})
		})
	}
}

// TestNobodyWaitsForALaneThatIsNotNeeded: one lane has a ghost for 45 s; the other one
// makes what runs there are left, and then it is over.
func TestNobodyWaitsForALaneThatIsNotNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, lanes: 2, gate: "{prove: 50%, runs: 5}", play: func(_, lane string, n int) (time.Duration, flows.Run) {
			if lane == "join-2" {
				return second, crowded
			}
			return second, flows.Run{Outcome: flows.Success}
		}}.run(t.Context())
		if j.Verdict != slo.Pass || len(made) != 6 || j.Took != 25*second {
			t.Errorf("%d runs in %v: %s", len(made), j.Took, j.Line())
		}
	})
}

func TestAServiceThatAsksToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, play: func(_, _ string, n int) (time.Duration, flows.Run) {
			if n == 1 {
				return second, throttled
			}
			return second, flows.Run{Outcome: flows.Success}
		}}.run(t.Context())
		if made[1].begun-made[0].done != time.Minute || j.Verdict != slo.Pass {
			t.Errorf("asked again after %v: %s", made[1].begun-made[0].done, j.Line())
		}
	})
}

func TestAPlatformThatOnlyAsksToBeLeftAloneIsNotTheProbersTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, play: func(string, string, int) (time.Duration, flows.Run) { return second, throttled }}.run(t.Context())
		if j.ExitCode() != report.ExitInconclusive || len(made) != 17 {
			t.Errorf("%d runs, exit code %d: %s", len(made), j.ExitCode(), j.Line())
		}
	})
}

func TestAWarmUpIsWaitedForAndNotJudged(t *testing.T) {
	for _, tc := range []struct {
		name    string
		until   int // the platform works from this run on
		broken  flows.Run
		warmUp  report.WarmUp
		verdict slo.Verdict
	}{
		{"it works", 1, down, report.WarmUp{Runs: 1, Took: second, Ready: true}, slo.Pass},
		{"its keys are not there yet", 4, down, report.WarmUp{Runs: 4, Took: 19 * second, Ready: true}, slo.Pass},
		{"somebody was in the lane's meeting", 2, crowded, report.WarmUp{Runs: 2, Took: 47 * second, Ready: true}, slo.Pass},
		{"it never works", 1000, down, report.WarmUp{Runs: 9, Took: 49 * second, Last: "gc_join at gc (unavailable): 503"}, slo.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, seen := 0, 0
				var said []report.WarmUp
				made, j := world{t: t, options: Options{WarmUp: 50 * second, OnWarmUp: func(w report.WarmUp, over bool) {
					if over {
						said = append(said, w)
					}
				}, OnRun: func(flows.Run) { seen++ }},
					play: func(string, string, int) (time.Duration, flows.Run) {
						if asked++; asked < tc.until {
							return second, tc.broken
						}
						return second, flows.Run{Outcome: flows.Success}
					}}.run(t.Context())
				if j.Verdict != tc.verdict || *j.WarmUp != tc.warmUp || !slices.Equal(said, []report.WarmUp{tc.warmUp}) {
					t.Errorf("%+v: %s", *j.WarmUp, j.Line())
				}
				if f := j.Findings[0]; f.Judged != len(made)-tc.warmUp.Runs || seen != len(made) {
					t.Errorf("%d runs were judged and %d shown, of %d", f.Judged, seen, len(made))
				}
				for i, p := range made[1:] {
					if p.begun < made[i].done+5*second {
						t.Errorf("run %d begins %v after the one before it", i+1, p.begun-made[i].done)
					}
				}
			})
		})
	}
}

// TestAnInterruptionKeepsWhatIsKnown: whoever is in a meeting leaves, nobody else comes,
// and there is no verdict, however much was proved.
func TestAnInterruptionKeepsWhatIsKnown(t *testing.T) {
	for name, after := range map[string]time.Duration{"during a run": 30*second + 500*time.Millisecond, "between runs": 33 * second, "during the warm-up": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer time.AfterFunc(after, stop).Stop()
				made, j := world{t: t, options: Options{Tasks: all, WarmUp: time.Minute}}.run(ctx)
				if j.ExitCode() != report.ExitInterrupted || j.Took != after || !strings.HasPrefix(j.Line(), "INTERRUPTED") {
					t.Errorf("exit code %d after %v: %s", j.ExitCode(), j.Took, j.Line())
				}
				if judged := j.Findings[0].Judged; judged == 0 != (name == "during the warm-up") || judged >= 14 {
					t.Errorf("%d of %d runs judged", judged, len(made))
				}
			})
		})
	}
}

func TestItIsToldHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last []Stand
		told := 0
		made, _ := world{t: t, lanes: 2, options: Options{Tasks: all, OnStand: func(s []Stand) { told, last = told+1, s }}, play: func(_, _ string, n int) (time.Duration, flows.Run) {
			if n == 2 {
				return second, lost
			}
			return second, flows.Run{Outcome: flows.Success}
		}}.run(t.Context())
		want := []Stand{{Probe: "join", Planned: 14, Runs: 15, Bad: 1, Done: true}, {Probe: "media", Planned: 14, Runs: 15, Bad: 1, Done: true}}
		if told != len(made) || !slices.Equal(last, want) {
			t.Errorf("told %d times of %d runs, at last %+v", told, len(made), last)
		}
	})
}

func TestThePlanSaysWhatIsNotGoingToBeKnown(t *testing.T) {
	for _, tc := range []struct {
		name string
		w    world
		want string
	}{
		{"all probes", world{lanes: 2, options: Options{Tasks: all, Spread: time.Minute}}, `join: up to 14 runs on 2 lanes
media: up to 14 runs on 1 lane
silent: not run, as none of its objectives gates
about 3m25s when all is well, longer when runs are slow or fail; a probe ends as soon as its verdicts stand`},
		{"some of them", world{lanes: 2}, `join: up to 14 runs on 2 lanes
not judged, as their probes are not part of this check: media-availability
about 37s when all is well, longer when runs are slow or fail; a probe ends as soon as its verdicts stand`},
		{"too few runs", world{options: Options{Runs: 3, WarmUp: 5 * time.Minute}}, `join: up to 3 runs on 1 lane
not judged, as their probes are not part of this check: media-availability
join-availability cannot be proved by 3 runs: 80% takes 14
about 13s when all is well, longer when runs are slow or fail; before it, a warm-up of at most 5m; a probe ends as soon as its verdicts stand`},
		{"within a time", world{lanes: 2, options: Options{For: 10 * time.Minute}}, `join: up to 14 runs on 2 lanes
not judged, as their probes are not part of this check: media-availability
about 9m18s when all is well; no run begins after 10m; a probe ends as soon as its verdicts stand`},
		{"one at a time", world{lanes: 6, budget: "{participants: 2}"}, `join: up to 14 runs on 6 lanes
not judged, as their probes are not part of this check: media-availability
about 14s when all is well, longer when runs are slow or fail; a probe ends as soon as its verdicts stand`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.w.t = t
			if got := strings.Join(tc.w.open().Plan(), "\n"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}
