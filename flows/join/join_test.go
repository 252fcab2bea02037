package join_test

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

func script(stage *people.Stage) flows.Script { return &join.Flow{Stage: stage} }

// at is the moment at which the measured person begins a step.
func at(step flows.Step) flowtest.Moment {
	return flowtest.Moment{Actor: flows.ActorPerson, Step: step}
}

// red is a failure of the measured person's step.
func red(step flows.Step, hop flows.Hop, reason flows.Reason) flowtest.Verdict {
	return flowtest.Red(flows.ActorPerson, step, hop, reason)
}

func anchors(step flows.Step, hop flows.Hop, reason flows.Reason) flowtest.Verdict {
	return flowtest.Red(flows.ActorAnchor, step, hop, reason)
}

func ac(f fault.AC) fault.Faults { return fault.Faults{AC: f} }
func gc(f fault.GC) fault.Faults { return fault.Faults{GC: f} }
func mc(f fault.MC) fault.Faults { return fault.Faults{MC: f} }
func mh(f fault.MH) fault.Faults { return fault.Faults{MH: f} }

func TestWhatGoesWrongAtAC(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	signIn := flows.StepSignIn
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "thinking long is no failure", Bend: ac(fault.AC{SignInDelay: 50 * time.Millisecond}), Want: flowtest.Green(),
			Look: func(t *testing.T, run flows.Run) {
				if d := run.Steps[0].Duration; run.Steps[0].Step != signIn || d < 50*time.Millisecond {
					t.Errorf("step %s took %v", run.Steps[0].Step, d)
				}
			}},
		{Name: "an internal error", Bend: ac(fault.AC{SignInStatus: 500}), Want: anchors(signIn, flows.AC, flows.Unavailable)},
		{Name: "an internal error for the person", Bend: ac(fault.AC{SignInStatus: 503}), At: at(signIn), Want: red(signIn, flows.AC, flows.Unavailable)},
		{Name: "a refusal that was never anything else is the set-up", Bend: ac(fault.AC{SignInStatus: 401}), Want: flowtest.Open(signIn, flows.CauseSetup)},
		{Name: "an organisation that was never there is the set-up", Bend: ac(fault.AC{SignInStatus: 404}), Want: flowtest.Open(signIn, flows.CauseSetup)},
		{Name: "a refusal after a success", Bend: ac(fault.AC{SignInStatus: 401}), Again: true, Want: anchors(signIn, flows.AC, flows.Rejected)},
		{Name: "another account's success says nothing of this one", Bend: ac(fault.AC{SignInStatus: 401}), At: at(signIn), Want: flowtest.Open(signIn, flows.CauseSetup)},
		{Name: "asked to stay away", Bend: ac(fault.AC{SignInStatus: 429, RetryAfter: time.Minute}), Want: flowtest.Throttled(flows.ActorAnchor, signIn)},
		{Name: "no answer", Bend: ac(fault.AC{SignInNever: true}), Hurry: true, Want: anchors(signIn, flows.AC, flows.Timeout)},
		{Name: "a key that nobody knows", Bend: ac(fault.AC{WrongKey: true}), Want: anchors(flows.StepGCAssign, flows.GC, flows.Rejected)},
	})
}

func TestWhatGoesWrongAtGC(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	assign, ask := flows.StepGCAssign, flows.StepGCJoin
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "thinking long is no failure", Bend: gc(fault.GC{JoinDelay: 50 * time.Millisecond}), Want: flowtest.Green(),
			Look: func(t *testing.T, run flows.Run) {
				if *run.TimeToMedia < 50*time.Millisecond {
					t.Errorf("time to media %v", *run.TimeToMedia)
				}
			}},
		{Name: "no assignment", Bend: gc(fault.GC{JoinStatus: 503}), Want: anchors(assign, flows.GC, flows.Unavailable)},
		{Name: "an internal error", Bend: gc(fault.GC{JoinStatus: 500}), At: at(ask), Want: red(ask, flows.GC, flows.Unavailable)},
		{Name: "a bad gateway without an envelope", Bend: gc(fault.GC{JoinStatus: 502}), At: at(ask), Want: red(ask, flows.GC, flows.Unavailable)},
		{Name: "a refusal", Bend: gc(fault.GC{JoinStatus: 403}), At: at(ask), Want: red(ask, flows.GC, flows.Rejected)},
		{Name: "asked to stay away", Bend: gc(fault.GC{JoinStatus: 429, RetryAfter: time.Minute}), At: at(ask), Want: flowtest.Throttled(flows.ActorPerson, ask)},
		{Name: "a request that GC gave up", Bend: gc(fault.GC{JoinStatus: 408}), At: at(ask), Want: red(ask, flows.GC, flows.Timeout)},
		{Name: "no answer", Bend: gc(fault.GC{JoinNever: true}), At: at(ask), Hurry: true, Want: red(ask, flows.GC, flows.Timeout)},
		{Name: "a connection that is reset", Bend: gc(fault.GC{JoinReset: true}), At: at(ask), Want: red(ask, flows.GC, flows.Unavailable)},
		{Name: "an MC without an address", Bend: gc(fault.GC{OmitEndpoint: true}), At: at(ask), Want: red(ask, flows.GC, flows.Protocol)},
		{Name: "two people of one meeting at two MCs", Bend: gc(fault.GC{SplitMeeting: true}), Want: red(ask, flows.GC, flows.Protocol)},
		{Name: "a meeting that was never there is the set-up", Bend: gc(fault.GC{MeetingNotFound: true}), Want: flowtest.Open(assign, flows.CauseSetup)},
		{Name: "a meeting that is not there any more", Bend: gc(fault.GC{MeetingNotFound: true}), Again: true, Want: anchors(assign, flows.GC, flows.Rejected)},
		{Name: "a meeting that the anchor has found", Bend: gc(fault.GC{MeetingNotFound: true}), At: at(ask), Want: red(ask, flows.GC, flows.Rejected)},
		{Name: "a token that has expired", Bend: gc(fault.GC{ExpiredToken: true}), At: at(ask), Want: red(flows.StepMCJoin, flows.MC, flows.Rejected)},
	})
}

func TestWhatGoesWrongAtMC(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	connect, enter, subscribe := flows.StepMCConnect, flows.StepMCJoin, flows.StepSubscribe
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "thinking long is no failure", Bend: mc(fault.MC{JoinDelay: 50 * time.Millisecond}), Want: flowtest.Green()},
		{Name: "messages from the future are no failure", Bend: mc(fault.MC{UnknownMessages: true}), Want: flowtest.Green()},
		{Name: "connections refused", Bend: mc(fault.MC{RefuseConnections: true}), At: at(connect), Want: red(connect, flows.MC, flows.Unavailable)},
		{Name: "connections refused from the start", Bend: mc(fault.MC{RefuseConnections: true}), Want: anchors(connect, flows.MC, flows.Unavailable)},
		{Name: "an invalid request", Bend: mc(fault.MC{JoinError: 1}), At: at(enter), Want: red(enter, flows.MC, flows.Rejected)},
		{Name: "an unauthorized join", Bend: mc(fault.MC{JoinError: 2}), At: at(enter), Want: red(enter, flows.MC, flows.Rejected)},
		{Name: "a forbidden join", Bend: mc(fault.MC{JoinError: 3}), At: at(enter), Want: red(enter, flows.MC, flows.Rejected)},
		{Name: "a meeting that MC does not know", Bend: mc(fault.MC{JoinError: 4}), At: at(enter), Want: red(enter, flows.MC, flows.Rejected)},
		{Name: "a meeting that is restarting", Bend: mc(fault.MC{JoinError: 5}), At: at(enter), Want: red(enter, flows.MC, flows.Unavailable)},
		{Name: "an internal error", Bend: mc(fault.MC{JoinError: 6}), At: at(enter), Want: red(enter, flows.MC, flows.Unavailable)},
		{Name: "an MC that is full", Bend: mc(fault.MC{JoinError: 7}), At: at(enter), Want: red(enter, flows.MC, flows.Unavailable)},
		{Name: "no answer to the join", Bend: mc(fault.MC{JoinNever: true}), At: at(enter), Hurry: true, Want: red(enter, flows.MC, flows.Timeout)},
		{Name: "a connection that ends behind the answer", Bend: mc(fault.MC{DropAfterJoin: true}), At: at(enter), Want: red(subscribe, flows.MC, flows.Closed), Or: red(flows.StepMHConnect, flows.MC, flows.Closed)},
		{Name: "a declaration refused", Bend: mc(fault.MC{RejectCapability: true}), At: at(subscribe), Want: red(subscribe, flows.MC, flows.Protocol)},
		{Name: "the anchor's declaration refused", Bend: mc(fault.MC{RejectCapability: true}), Want: anchors(subscribe, flows.MC, flows.Protocol)},
		{Name: "no assignment", Bend: mc(fault.MC{NeverAssign: true}), At: at(subscribe), Hurry: true, Want: red(subscribe, flows.MC, flows.Timeout)},
		{Name: "no directive", Bend: mc(fault.MC{NeverDirect: true}), At: at(subscribe), Hurry: true, Want: red(subscribe, flows.MC, flows.Timeout)},
		{Name: "messages that are lost", Bend: mc(fault.MC{DropOutboundEvery: 1}), At: at(subscribe), Hurry: true, Want: red(subscribe, flows.MC, flows.Timeout)},
		{Name: "another key for each", Bend: mc(fault.MC{WrongKEK: true}), Hurry: true, Want: red(flows.StepFirstMedia, flows.MC, flows.Protocol)},
		{Name: "other identities than were sent", Bend: mc(fault.MC{WrongRosterKey: true}), Hurry: true, Want: red(flows.StepFirstMedia, flows.MC, flows.Protocol)},
	})
}

func TestWhatGoesWrongAtTheMediaHandlers(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	connect, subscribe, hear := flows.StepMHConnect, flows.StepSubscribe, flows.StepFirstMedia
	one := p.HandlerIDs[0]
	p.Rows(t, flows.Join, script, []flowtest.Row{
		{Name: "one of two refuses: the meeting goes on over the other", Bend: mh(fault.MH{Only: one, RefuseConnections: true}), Want: flowtest.Green()},
		{Name: "one of two takes nobody: the meeting goes on over the other", Bend: mh(fault.MH{Only: one, RejectConnect: true}), Want: flowtest.Green()},
		{Name: "binding slowly is no failure", Bend: mh(fault.MH{ConnectDelay: 50 * time.Millisecond}), Want: flowtest.Green()},
		{Name: "connections refused", Bend: mh(fault.MH{RefuseConnections: true}), At: at(connect), Want: red(connect, flows.MH, flows.Unavailable)},
		{Name: "people refused", Bend: mh(fault.MH{RejectConnect: true}), At: at(connect), Want: red(subscribe, flows.MH, flows.Closed)},
		{Name: "binding too slowly", Bend: mh(fault.MH{ConnectDelay: 20 * time.Second}), At: at(connect), Hurry: true, Want: red(subscribe, flows.MC, flows.Timeout)},
		{Name: "silence", Bend: mh(fault.MH{Silent: true}), Hurry: true, Want: red(hear, flows.MH, flows.NoMedia)},
		{Name: "everything lost before the relay", Bend: mh(fault.MH{LoseIngressEvery: 1}), Hurry: true, Want: red(hear, flows.MH, flows.NoMedia)},
		{Name: "everything lost behind the relay", Bend: mh(fault.MH{LoseEgressEvery: 1}), Hurry: true, Want: red(hear, flows.MH, flows.NoMedia)},
		{Name: "everything damaged", Bend: mh(fault.MH{CorruptEvery: 1}), Hurry: true, Want: red(hear, flows.MH, flows.Protocol)},
		{Name: "everything late", Bend: mh(fault.MH{Delay: 20 * time.Second}), Hurry: true, Want: red(hear, flows.MH, flows.NoMedia)},
	})
}

func none() fault.Faults   { return fault.Faults{} }
func gcDown() fault.Faults { return gc(fault.GC{JoinStatus: 503}) }
