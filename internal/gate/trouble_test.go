package gate

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/slo"
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

func TestAServiceThatAsksToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, play: func(_, _ string, n int) (time.Duration, flows.Run) {
			if n == 1 {
				return second, throttled
			}
			return second, flows.Run{Outcome: flows.Success}
		}}.run(t.Context())
		if made[1].begun-made[0].done != 50*second || j.Verdict != slo.Pass {
			t.Errorf("asked again after %v: %s", made[1].begun-made[0].done, j.Line())
		}
	})
}

// TestNobodyComesBackSoonerThanHeWasAskedTo: a pipeline waits for a minute, and whoever
// asks for more is left alone. One that is down is asked again: that is what has to be
// found out.
func TestNobodyComesBackSoonerThanHeWasAskedTo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		says   flows.Run
		warmUp time.Duration
		runs   int
		took   time.Duration
		code   int
	}{
		{"it wants to be asked less", dismissed, 0, 1, second, report.ExitInconclusive},
		{"it says so during the warm-up", dismissed, 5 * time.Minute, 1, second, report.ExitInconclusive},
		{"it is overloaded", overloaded, 0, 2, 62 * second, report.ExitFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, j := world{t: t, options: Options{WarmUp: tc.warmUp}, play: func(string, string, int) (time.Duration, flows.Run) { return second, tc.says }}.run(t.Context())
				if j.ExitCode() != tc.code || len(made) != tc.runs || j.Took != tc.took {
					t.Errorf("%d runs in %v, exit code %d: %s", len(made), j.Took, j.ExitCode(), j.Line())
				}
			})
		})
	}
}

func TestAPlatformThatOnlyAsksToBeLeftAloneIsNotTheProbersTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, j := world{t: t, play: func(string, string, int) (time.Duration, flows.Run) { return second, throttled }}.run(t.Context())
		if j.ExitCode() != report.ExitInconclusive || len(made) != 5 {
			t.Errorf("%d runs, exit code %d: %s", len(made), j.ExitCode(), j.Line())
		}
	})
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
