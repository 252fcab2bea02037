package reconnect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/flows/reconnect"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

// script cuts the returner off and is as patient as the stage.
func script(kind flows.Disconnect) func(*people.Stage) flows.Script {
	return func(stage *people.Stage) flows.Script {
		return &reconnect.Flow{Stage: stage, Disconnect: kind, Steady: 100 * time.Millisecond, Patience: stage.Deadlines.Subscribe}
	}
}

// cut is the moment right behind the cut.
var cut = flowtest.Moment{Actor: flows.ActorReturner, Step: flows.StepRestore, After: true}

// later is a failure of the returner's after the cut.
func later(step flows.Step, hop flows.Hop, reason flows.Reason) flowtest.Verdict {
	return flowtest.Red(flows.ActorReturner, step, hop, reason).Later()
}

func mc(f fault.MC) fault.Faults { return fault.Faults{MC: f} }
func mh(f fault.MH) fault.Faults { return fault.Faults{MH: f} }
func gc(f fault.GC) fault.Faults { return fault.Faults{GC: f} }

// late is a watch that has seen the prober late all the time.
type late struct{}

func (late) LagDuring(from, to time.Time) time.Duration { return to.Sub(from) }
func (late) WorstDuring(_, _ time.Time) time.Duration   { return time.Second }

func tooLate(_ *testing.T, s *people.Stage) { s.Watch = late{} }

func TestWhoeverDropsComesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		handlers   int
		asDeployed bool
	}{{1, false}, {2, false}, {1, true}} {
		p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{Handlers: c.handlers, AsDeployed: c.asDeployed}})
		for _, kind := range flows.Disconnects() {
			if c.asDeployed && kind == flows.CutAbrupt {
				continue // nobody comes back from that: see below
			}
			t.Run(fmt.Sprintf("%s, handlers %d, as deployed %t", kind, c.handlers, c.asDeployed), func(t *testing.T) {
				stage := p.Stage(t, 0)
				run := flowtest.Play{Flow: flows.Reconnect, Script: script(kind)(stage), Stage: stage}.Perform(t.Context(), t)
				flowtest.Green().Check(t, run)
				restored(t, run, kind)
				p.Rest(t)
			})
		}
	}
}

func restored(t *testing.T, run flows.Run, kind flows.Disconnect) {
	t.Helper()
	r := run.Restoration
	if r == nil || !r.Restored || r.Disconnect != kind {
		t.Fatalf("restoration %+v", r)
	}
	if want := kind != flows.CutClean; r.Resumed != want {
		t.Errorf("the identity was kept: %t, want %t", r.Resumed, want)
	}
	var restore flows.StepResult
	after := map[flows.Step]int{}
	for _, s := range run.Steps {
		if s.Step == flows.StepRestore {
			restore = s
		}
		if s.After {
			after[s.Step]++
		}
	}
	if !restore.Started.Equal(r.Cut) || restore.Duration != r.TimeToRestore || r.TimeToRestore <= 0 {
		t.Errorf("restore began %v after the cut and took %v; time to restore %v", restore.Started.Sub(r.Cut), restore.Duration, r.TimeToRestore)
	}
	if longest := max(r.ReturnerSilence, r.StayerSilence); longest < r.TimeToRestore && kind != flows.CutHandler {
		t.Errorf("restored after %v, silences of %v and %v", r.TimeToRestore, r.ReturnerSilence, r.StayerSilence)
	}
	if r.ReturnerSilence <= 0 || r.StayerSilence <= 0 {
		t.Errorf("silences of %v and %v", r.ReturnerSilence, r.StayerSilence)
	}
	want := map[flows.Disconnect]map[flows.Step]int{
		flows.CutClean:   {flows.StepRestore: 1, flows.StepGCJoin: 1, flows.StepMCConnect: 1, flows.StepMCJoin: 1, flows.StepMHConnect: 1},
		flows.CutAbrupt:  {flows.StepRestore: 1, flows.StepMCConnect: 1, flows.StepMCJoin: 1, flows.StepMHConnect: 1},
		flows.CutHandler: {flows.StepRestore: 1, flows.StepMHConnect: 1},
		flows.CutMigrate: {flows.StepRestore: 1},
	}[kind]
	if fmt.Sprint(after) != fmt.Sprint(want) {
		t.Errorf("steps after the cut: %v, want %v", after, want)
	}
	made := 0
	for _, c := range run.Connections {
		if c.After {
			made++
		}
	}
	if (made > 0) != (kind != flows.CutMigrate) {
		t.Errorf("%d connections were made after the cut", made)
	}
	if run.Leaves != (flows.Leaves{Clean: 2}) {
		t.Errorf("leaves %+v", run.Leaves)
	}
}

func TestAReconnectIsOneTraceBeforeAndAfterTheCut(t *testing.T) {
	traces := flowtest.NewTraces()
	p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{Handlers: 1, TracerProvider: traces.Provider}})
	stage := p.Stage(t, 0)
	run := flowtest.Play{Flow: flows.Reconnect, Script: script(flows.CutClean)(stage), Stage: stage, Tracer: traces.Tracer()}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
	p.Rest(t)
	if err := p.Close(); err != nil { // all spans have ended now
		t.Fatal(err)
	}
	traces.Check(t, run, map[string]map[string]int{
		flowtest.Prober: {"prober.reconnect": 1, "prober.reconnect.sign_in": 2, "prober.reconnect.gc_assign": 1, "prober.reconnect.gc_join": 2, "prober.reconnect.mc_connect": 3,
			"prober.reconnect.mc_join": 3, "prober.reconnect.mh_connect": 3, "prober.reconnect.subscribe": 2, "prober.reconnect.first_media": 2, "prober.reconnect.restore": 1},
		"ac-service": {"ac.token.issue_user": 2, "ac.token.issue_meeting": 3},
		"gc-service": {"gc.meeting.join": 3},
		"mc-service": {"mc.webtransport.connection": 3, "mc.receive_capability": 3, "mc.media_connection_update": 3},
		"mh-service": {"mh.webtransport.connection": 3},
	})
}

// The platform as it is today ignores what would give the identity back.
func TestNobodyComesBackAbruptlyToThePlatformAsDeployed(t *testing.T) {
	t.Parallel()
	for _, handlers := range []int{1, 2} {
		p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{AsDeployed: true, Handlers: handlers}})
		p.Rows(t, flows.Reconnect, script(flows.CutAbrupt), []flowtest.Row{{
			Name: fmt.Sprintf("handlers %d", handlers), Want: later(flows.StepRestore, flows.MC, flows.Closed),
			Look: func(t *testing.T, run flows.Run) {
				if r := run.Restoration; r == nil || r.Restored || r.TimeToRestore != 0 {
					t.Errorf("restoration %+v", r)
				}
			},
		}})
	}
}

// redialing are the ways to fail that all have in common who dial MC again.
func redialing() []flowtest.Row {
	return []flowtest.Row{
		{Name: "MC refuses connections", Bend: mc(fault.MC{RefuseConnections: true}), At: cut, Want: later(flows.StepMCConnect, flows.MC, flows.Unavailable)},
		{Name: "MC does not know the meeting any more", Bend: mc(fault.MC{JoinError: 4}), At: cut, Want: later(flows.StepMCJoin, flows.MC, flows.Rejected)},
		{Name: "MC fails inside", Bend: mc(fault.MC{JoinError: 6}), At: cut, Want: later(flows.StepMCJoin, flows.MC, flows.Unavailable)},
		{Name: "MC does not answer", Bend: mc(fault.MC{JoinNever: true}), At: cut, Hurry: true, Want: later(flows.StepMCJoin, flows.MC, flows.Timeout)},
		{Name: "MC assigns nothing", Bend: mc(fault.MC{NeverAssign: true}), At: cut, Hurry: true, Want: later(flows.StepSubscribe, flows.MC, flows.Timeout)},
		{Name: "MC publishes another identity", Bend: mc(fault.MC{WrongRosterKey: true}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MC, flows.Protocol)},
		{Name: "handlers refuse connections", Bend: mh(fault.MH{RefuseConnections: true}), At: cut, Want: later(flows.StepMHConnect, flows.MH, flows.Unavailable)},
		{Name: "handlers take nobody", Bend: mh(fault.MH{RejectConnect: true}), At: cut, Hurry: true,
			Want: later(flows.StepRestore, flows.MH, flows.Closed)},
		{Name: "handlers are silent", Bend: mh(fault.MH{Silent: true}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.NoMedia)},
		{Name: "handlers damage everything", Bend: mh(fault.MH{CorruptEvery: 1}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.Protocol)},
	}
}

func TestWhatGoesWrongAfterACleanCut(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Reconnect, script(flows.CutClean), append(redialing(),
		flowtest.Row{Name: "GC has no assignment", Bend: gc(fault.GC{JoinStatus: 503}), At: cut, Want: later(flows.StepGCJoin, flows.GC, flows.Unavailable)},
		flowtest.Row{Name: "GC does not answer", Bend: gc(fault.GC{JoinNever: true}), At: cut, Hurry: true, Want: later(flows.StepGCJoin, flows.GC, flows.Timeout)},
		flowtest.Row{Name: "GC sends the returner elsewhere", Bend: gc(fault.GC{SplitMeeting: true}), Want: flowtest.Red(flows.ActorReturner, flows.StepGCJoin, flows.GC, flows.Protocol)},
		flowtest.Row{Name: "MC gives another key", Bend: mc(fault.MC{WrongKEK: true}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MC, flows.Protocol)},
	))
}

func TestWhatGoesWrongAfterAnAbruptCut(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Reconnect, script(flows.CutAbrupt), redialing())
}

func TestWhatGoesWrongAfterALostHandler(t *testing.T) {
	t.Parallel()
	for _, handlers := range []int{1, 2} {
		p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{Handlers: handlers}})
		t.Run(fmt.Sprintf("handlers %d", handlers), func(t *testing.T) {
			p.Rows(t, flows.Reconnect, script(flows.CutHandler), []flowtest.Row{
				{Name: "it refuses connections", Bend: mh(fault.MH{RefuseConnections: true}), At: cut, Want: later(flows.StepMHConnect, flows.MH, flows.Unavailable)},
				{Name: "it takes nobody back", Bend: mh(fault.MH{RejectConnect: true}), At: cut, Want: later(flows.StepRestore, flows.MH, flows.Closed)},
				{Name: "silence", Bend: mh(fault.MH{Silent: true}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.NoMedia)},
				{Name: "everything is damaged", Bend: mh(fault.MH{CorruptEvery: 1}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.Protocol)},
				{Name: "it binds too slowly", Bend: mh(fault.MH{ConnectDelay: 20 * time.Second, Silent: true}), At: cut, Hurry: true,
					Want: later(flows.StepRestore, flows.MH, flows.NoMedia), Or: later(flows.StepRestore, flows.MC, flows.Timeout)},
				{Name: "MC routes nobody again", Bend: mc(fault.MC{NeverAssign: true, NeverDirect: true}), At: cut, Hurry: true,
					Want: later(flows.StepRestore, flows.MC, flows.Timeout), Or: flowtest.Green()},
			})
		})
	}
}

func TestWhatGoesWrongAfterAChangeOfAddress(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	p.Rows(t, flows.Reconnect, script(flows.CutMigrate), []flowtest.Row{
		{Name: "handlers are silent", Bend: mh(fault.MH{Silent: true}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.NoMedia)},
		{Name: "frames get lost behind the relay", Bend: mh(fault.MH{LoseEgressEvery: 1}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.NoMedia)},
		{Name: "handlers damage everything", Bend: mh(fault.MH{CorruptEvery: 1}), At: cut, Hurry: true, Want: later(flows.StepRestore, flows.MH, flows.Protocol)},
	})
	for name, c := range map[string]struct {
		stop func(*flowtest.Platform) error
		want flowtest.Verdict
	}{
		"MC is stopped": {func(p *flowtest.Platform) error { return p.StopControllers() }, later(flows.StepRestore, flows.MC, flows.Closed)},
		"the handlers are stopped": {func(p *flowtest.Platform) error {
			for _, id := range p.HandlerIDs {
				if err := p.StopHandler(id); err != nil {
					return err
				}
			}
			return nil
		}, later(flows.StepRestore, flows.MH, flows.Closed)},
	} {
		t.Run(name, func(t *testing.T) {
			p := flowtest.Start(t, flowtest.Options{})
			stage := p.Stage(t, 0)
			// The returner does not hear of an end that is told to the former address.
			stage.Deadlines.Subscribe = 3 * time.Second
			run := flowtest.Play{Flow: flows.Reconnect, Script: script(flows.CutMigrate)(stage), Stage: stage, At: cut, When: func() {
				p.Faults().Set(mh(fault.MH{Silent: true}))
				if err := c.stop(p); err != nil {
					t.Error(err)
				}
			}}.Perform(t.Context(), t)
			c.want.Check(t, run)
		})
	}
}

func TestWhatTheProberCannotJudge(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	open := flowtest.Open(flows.StepRestore, flows.CauseLag).Later()
	for _, kind := range flows.Disconnects() {
		t.Run(string(kind), func(t *testing.T) {
			p.Rows(t, flows.Reconnect, script(kind), []flowtest.Row{
				{Name: "silence while the prober was late", Bend: mh(fault.MH{Silent: true}), At: cut, Hurry: true, Stage: tooLate, Want: open},
			})
		})
	}
}

func TestARunThatIsShutDownAfterTheCut(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	p.Faults().Set(fault.Faults{})
	for _, kind := range flows.Disconnects() {
		t.Run(string(kind), func(t *testing.T) {
			stage := p.Stage(t, 0)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			run := flowtest.Play{Flow: flows.Reconnect, Script: script(kind)(stage), Stage: stage, At: cut, When: func() {
				p.Faults().Set(mh(fault.MH{Silent: true}))
				cancel(flows.ErrShutdown)
			}}.Perform(ctx, t)
			p.Faults().Set(fault.Faults{})
			if run.Outcome != flows.Aborted || run.Leaves.Unclean > 0 {
				t.Errorf("outcome %s, leaves %+v: %v", run.Outcome, run.Leaves, run.Failure)
			}
			p.Rest(t)
		})
	}
}

// TestAShutdownAtAnyMomentBlamesNobody has it come in the midst of dials, requests,
// sessions and conversations: none of them may take it for an answer of the platform's.
func TestAShutdownAtAnyMomentBlamesNobody(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	aborted := 0
	for n := range 30 {
		stage := p.Stage(t, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		after := time.AfterFunc(time.Duration(n)*29*time.Millisecond, func() { cancel(flows.ErrShutdown) })
		run := flowtest.Play{Flow: flows.Reconnect, Script: script(flows.Disconnects()[n%2])(stage), Stage: stage}.Perform(ctx, t)
		after.Stop()
		cancel(nil)
		if run.Outcome == flows.Aborted {
			aborted++
		} else if run.Outcome != flows.Success {
			t.Errorf("%d: outcome %s: %v", n, run.Outcome, run.Failure)
		}
		for _, s := range run.Steps {
			if f := s.Failure; f != nil && (f.Reason != flows.Self || f.Cause != flows.CauseUnspecified) {
				t.Errorf("%d: %s of %s is not given up: %v", n, s.Step, s.Actor, f)
			}
		}
		if run.Leaves.Unclean > 0 {
			t.Errorf("%d: leaves %+v", n, run.Leaves)
		}
		p.Rest(t)
	}
	if aborted < 3 {
		t.Errorf("only %d runs were aborted: the others were over by then", aborted)
	}
}

// TestAnMCThatGoesAwayBeforeTheCutIsItsOwnFault has everybody talk steadily, and
// nobody be cut off yet.
func TestAnMCThatGoesAwayBeforeTheCutIsItsOwnFault(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	flow := &reconnect.Flow{Stage: stage, Disconnect: flows.CutClean, Steady: 20 * time.Second}
	stopped := make(chan error, 1)
	run := flowtest.Play{Flow: flows.Reconnect, Script: flow, Stage: stage,
		At:   flowtest.Moment{Actor: flows.ActorReturner, Step: flows.StepFirstMedia},
		When: func() { time.AfterFunc(time.Second, func() { stopped <- p.StopControllers() }) },
	}.Perform(t.Context(), t)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if f := run.Failure; run.Outcome != flows.Failed || f.Step != flows.StepFirstMedia || f.Hop != flows.MC || f.Reason != flows.Closed {
		t.Errorf("outcome %s: %v", run.Outcome, f)
	}
}
