package signin_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/flows/signin"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryRunAsksACWithTheNextAccount(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{Seats: 2})
	stage := p.Stage(t, 0)
	flow := &signin.Flow{Stage: stage}
	for n := range 4 {
		before := time.Now()
		run := flowtest.Play{Flow: flows.SignIn, Script: flow, Stage: stage}.Perform(t.Context(), t)
		if run.Outcome != flows.Success {
			t.Fatalf("run %d: %v", n, run.Failure)
		}
		if len(run.Steps) != 1 || run.Steps[0].Step != flows.StepSignIn || len(run.Steps[0].Phases) == 0 {
			t.Errorf("run %d: steps %+v: AC was not asked", n, run.Steps)
		}
		if run.Leaves != (flows.Leaves{}) {
			t.Errorf("run %d: leaves %+v, and nobody had joined", n, run.Leaves)
		}
		token, ok := stage.Platform.Accounts.Remembered(stage.Accounts[n%2])
		if !ok || token.ExpiresAt.Before(before) {
			t.Errorf("run %d did not sign in with account %d", n, n%2+1)
		}
	}
	if other, ok := stage.Platform.Accounts.Remembered(stage.Accounts[1]); !ok || other.Value == "" {
		t.Error("the accounts do not take turns")
	}
}

func TestARefusalThatWasNeverAnythingElseIsTheSetUp(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.SignIn, func(s *people.Stage) flows.Script { return &signin.Flow{Stage: s} }, []flowtest.Row{
		{Name: "nothing is wrong", Want: flowtest.Green()},
		{Name: "a wrong password", Bend: fault.Faults{AC: fault.AC{SignInStatus: 401}}, Want: flowtest.Open(flows.StepSignIn, flows.CauseSetup)},
		{Name: "no service", Bend: fault.Faults{AC: fault.AC{SignInStatus: 503}}, Want: flowtest.Red(flows.ActorPerson, flows.StepSignIn, flows.AC, flows.Unavailable)},
		{Name: "asked to stay away", Bend: fault.Faults{AC: fault.AC{SignInStatus: 429, RetryAfter: time.Minute}}, Want: flowtest.Throttled(flows.ActorPerson, flows.StepSignIn),
			Look: func(t *testing.T, run flows.Run) {
				if f := run.Failure; !f.BackOff || f.RetryAfter != time.Minute {
					t.Errorf("back off %v, retry after %v", f.BackOff, f.RetryAfter)
				}
			}},
	})
}
