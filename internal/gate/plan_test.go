package gate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
)

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
about 3m25s when all is well, at most 24m14s; a probe ends as soon as its verdicts stand`},
		{"some of them", world{lanes: 2}, `join: up to 14 runs on 2 lanes
not judged, as their probes are not part of this check: media-availability
about 37s when all is well, at most 13m10s; a probe ends as soon as its verdicts stand`},
		{"too few runs", world{options: Options{Runs: 3, WarmUp: 5 * time.Minute}}, `join: up to 3 runs on 1 lane
not judged, as their probes are not part of this check: media-availability
join-availability cannot be proved by 3 runs: 80% takes 14
about 13s when all is well, at most 7m5s; before it, a warm-up of at most 5m25s; a probe ends as soon as its verdicts stand`},
		{"within a time", world{lanes: 2, options: Options{For: 10 * time.Minute}}, `join: up to 14 runs on 2 lanes
not judged, as their probes are not part of this check: media-availability
about 9m18s when all is well, at most 10m25s; no run begins after 10m; a probe ends as soon as its verdicts stand`},
		{"one at a time", world{lanes: 6, budget: "{participants: 2}"}, `join: up to 14 runs on 6 lanes
not judged, as their probes are not part of this check: media-availability
about 14s when all is well, at most 14m35s; a probe ends as soon as its verdicts stand`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.w.t = t
			if got := strings.Join(tc.w.open().Plan(), "\n"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// TestRunsAreToldAsTheProbesAreConfigured: two reports of the same probes can be
// compared, whoever was first.
func TestRunsAreToldAsTheProbesAreConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := world{t: t, options: Options{Tasks: all}}.open()
		g.perform = func(_ context.Context, j *judged, lane string, n int) flows.Run {
			if j.Name == "join" {
				time.Sleep(second) // so that another one is first
			}
			return flows.Run{Probe: j.Name, Outcome: flows.Success, Started: time.Now()}
		}
		runs, _ := g.Run(t.Context())
		if !slices.IsSortedFunc(runs, func(a, b flows.Run) int {
			return cmp.Or(cmp.Compare(a.Probe, b.Probe), a.Started.Compare(b.Started))
		}) || runs[0].Probe != "join" || runs[len(runs)-1].Probe != "media" {
			t.Errorf("%d runs, not in order", len(runs))
		}
	})
}
