package gate

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
)

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

// TestNothingTakesLongerThanAtMost plays what is worst for a gate: runs that take all of
// their time, lanes with ghosts, a service that asks for a minute, others in the way.
func TestNothingTakesLongerThanAtMost(t *testing.T) {
	const most = 25 * second // of a run: its timeout and the clean-up
	slow := flows.Run{Outcome: flows.Success}
	ghost := flows.Run{Outcome: flows.Success, Leaves: flows.Leaves{Unclean: 1}}
	minute := throttled
	minute.Failure = &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled, BackOff: true, RetryAfter: time.Minute}
	always := func(run flows.Run) func(int) flows.Run { return func(int) flows.Run { return run } }
	now := func(every int, run flows.Run) func(int) flows.Run {
		return func(n int) flows.Run {
			if n%every == 0 {
				return run
			}
			return slow
		}
	}
	plays := map[string]func(n int) flows.Run{
		"slow": always(slow), "ghosts": always(ghost), "asked to wait": now(2, minute), "seldom asked to wait": now(6, minute),
		"down": always(down), "nobody can judge": now(3, lost), "by chance": func(n int) flows.Run {
			return []flows.Run{slow, ghost, minute, crowded, slow, slow, lost}[(n*n*7+n*3)%7]
		},
	}
	worlds := map[string]world{
		"one lane":         {},
		"three lanes":      {lanes: 3},
		"room for two":     {lanes: 5, budget: "{participants: 4}"},
		"room for one":     {lanes: 20, gate: "{prove: 80%, runs: 60}", budget: "{participants: 2}"},
		"everything":       {lanes: 6, options: Options{Tasks: all}},
		"spread":           {lanes: 2, options: Options{Spread: 3 * time.Minute}},
		"a bound":          {lanes: 2, options: Options{For: 4 * time.Minute}},
		"after a warm-up":  {options: Options{WarmUp: 2 * time.Minute}},
		"few runs":         {lanes: 2, options: Options{Runs: 3}},
		"warm-up, bounded": {options: Options{WarmUp: 2 * time.Minute, For: time.Minute, Tasks: all}},
	}
	closest := 0.0
	for where, w := range worlds {
		for what, run := range plays {
			synctest.Test(t, func(t *testing.T) {
				w.t = t
				bound := w.open().AtMost()
				n := 0
				var mu sync.Mutex
				w.play = func(string, string, int) (time.Duration, flows.Run) {
					mu.Lock()
					defer mu.Unlock()
					n++
					return most, run(n)
				}
				_, j := w.run(t.Context())
				if j.Took > bound {
					t.Errorf("%s, %s: %v, and at most were %v", where, what, j.Took, bound)
				}
				closest = max(closest, float64(j.Took)/float64(bound))
			})
		}
	}
	if closest < 0.9 {
		t.Errorf("no gate takes more than %.0f %% of what it may take at most: that is no bound to plan with", 100*closest)
	}
}
