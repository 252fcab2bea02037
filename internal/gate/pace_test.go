package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
)

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
