package report

import (
	"time"

	"github.com/dark-tower/prober/flows"
)

// RunDocument is one run as it is in a Document.
type RunDocument = runOf

// DocumentOf shows one run as JSON does.
func DocumentOf(run flows.Run) RunDocument { return jsonRun(run) }

// Duration writes three digits at most, in the unit a person would say.
func Duration(d time.Duration) string { return duration(d) }
