package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
)

// Hints says what the user can do about runs without a verdict. provision is the
// command line that makes what a lane lacks; empty when there is none.
func Hints(runs []flows.Run, provision string, ghost time.Duration) []string {
	caused := func(cause flows.Cause) bool {
		return slices.ContainsFunc(runs, func(r flows.Run) bool { return r.Failure != nil && r.Failure.Cause == cause })
	}
	var hints []string
	if caused(flows.CauseSetup) && provision != "" {
		hints = append(hints, fmt.Sprintf("an account or a meeting is not there as configured; `%s` makes what is missing, and says what is wrong", provision))
	}
	if caused(flows.CauseLane) {
		hints = append(hints, fmt.Sprintf("somebody was in a lane's meeting: a lane is for one prober at a time, and the platform forgets who did not leave within %v", ghost))
	}
	if len(runs) > 0 && !slices.ContainsFunc(runs, func(r flows.Run) bool { return !r.Informational }) {
		hints = append(hints, "all of these probes are informational: they decide nothing, and so there is no verdict")
	}
	return hints
}
