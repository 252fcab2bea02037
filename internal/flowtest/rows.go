package flowtest

import (
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// Row is one way in which a run can go.
type Row struct {
	Name  string
	Bend  fault.Faults // of the platform, from At on
	At    Moment
	Hurry bool // a deadline is to be missed: deadlines are Hurried
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

// Rows makes a run for each row, one after the other, on the platform's first
// lane, and lets the lane rest after each.
func (p *Platform) Rows(t *testing.T, flow flows.Flow, script func(*people.Stage) flows.Script, rows []Row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			if row.Hurry {
				stage.Platform.Deadlines, stage.Deadlines = Hurried()
			}
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
			run := Play{Flow: flow, Script: script(stage), Stage: stage, At: row.At, When: func() {
				if row.Bend != (fault.Faults{}) {
					p.Faults().Set(row.Bend)
				}
				if row.When != nil {
					row.When(t)
				}
			}}.Perform(t.Context(), t)
			p.Faults().Set(fault.Faults{})
			if want := row.Want; row.Or == (Verdict{}) || !row.Or.fits(run) {
				want.Check(t, run)
			}
			if run.Leaves.Unclean > 0 {
				t.Errorf("leaves: %+v", run.Leaves)
			}
			if row.Look != nil {
				row.Look(t, run)
			}
			p.Rest(t)
		})
	}
}
