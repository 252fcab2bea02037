package flowtest

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// Row is one way in which a run can go.
type Row struct {
	Name  string
	Bend  fault.Faults // of the platform, from At on
	At    Moment
	Hurry bool // a deadline is to be missed: deadlines are short
	// Again has the row's run follow a good one, after which all have to sign in anew.
	Again bool
	// Stage, if set, changes the lane before the run.
	Stage func(t *testing.T, stage *people.Stage)
	// When, if set, happens besides Bend.
	When func(t *testing.T)
	Want Verdict
	Or   Verdict // if set, as good as Want: which one is a matter of moments
	// Look, if set, looks at the run besides.
	Look func(t *testing.T, run flows.Run)
}

// hurries are the deadlines of rows in a hurry. A busy machine misses the first ones
// also where all is well; then the row has another try.
var hurries = []time.Duration{Soon, 10 * Soon}

// Rows makes a run for each row, one after the other, on the platform's first
// lane, and lets the lane rest after each.
func (p *Platform) Rows(t *testing.T, flow flows.Flow, script func(*people.Stage) flows.Script, rows []Row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			var run flows.Run
			tries := []time.Duration{patience}
			if row.Hurry {
				tries = hurries
			}
			for _, deadline := range tries {
				var came bool
				run, came = p.row(t, flow, script, row, deadline)
				if came && (row.Want.fits(run) || row.Or.fits(run)) {
					break
				}
			}
			if !row.Or.fits(run) {
				row.Want.Check(t, run)
			}
			if run.Leaves.Unclean > 0 {
				t.Errorf("leaves: %+v", run.Leaves)
			}
			if row.Look != nil {
				row.Look(t, run)
			}
		})
	}
}

// row makes one run and reports whether it came to the row's moment.
func (p *Platform) row(t *testing.T, flow flows.Flow, script func(*people.Stage) flows.Script, row Row, deadline time.Duration) (flows.Run, bool) {
	t.Helper()
	stage := p.Stage(t, 0)
	if row.Stage != nil {
		row.Stage(t, stage)
	}
	if row.Again {
		Green().Check(t, Play{Flow: flow, Script: script(stage), Stage: stage}.Perform(t.Context(), t))
		for _, cred := range stage.Accounts {
			stage.Platform.Accounts.Forget(cred)
		}
		p.Rest(t)
	}
	stage.Platform.Deadlines, stage.Deadlines = Within(deadline)
	run, came := Play{Flow: flow, Script: script(stage), Stage: stage, At: row.At, When: func() {
		if row.Bend != (fault.Faults{}) {
			p.Faults().Set(row.Bend)
		}
		if row.When != nil {
			row.When(t)
		}
	}}.perform(t.Context(), t)
	p.Faults().Set(fault.Faults{})
	p.Rest(t)
	return run, came
}
