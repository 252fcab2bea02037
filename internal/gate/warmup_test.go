package gate

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/slo"
)

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
