// Package report shows finished runs: as tables on a terminal, as JSON for
// machines, and as the exit code of a check. Everything is computed from
// flows.Run; nothing here measures, judges or talks to anybody.
package report

import "github.com/dark-tower/prober/flows"

// Exit codes of a check.
const (
	ExitOK           = 0
	ExitFailed       = 1   // at least one run failed
	ExitUsage        = 2   // usage or configuration
	ExitInconclusive = 3   // nothing failed, something could not be judged
	ExitProber       = 4   // no run could be judged, because of the prober or its setup
	ExitInterrupted  = 130 // ended by the user
)

// ExitCode judges a set of runs, informational ones left out. No runs at all is
// no evidence, and so never 0.
func ExitCode(runs []flows.Run) int {
	var judged, inconclusive int
	for _, r := range runs {
		if r.Informational {
			continue
		}
		switch r.Outcome {
		case flows.Failed:
			return ExitFailed
		case flows.Success:
			judged++
		default:
			inconclusive++
			if r.Failure != nil && r.Failure.Hop != flows.Prober {
				judged++ // it was the platform's answer that left it open
			}
		}
	}
	switch {
	case judged == 0:
		return ExitProber
	case inconclusive > 0:
		return ExitInconclusive
	}
	return ExitOK
}
