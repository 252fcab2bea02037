package join_test

import (
	"strings"
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

// GC and MC need a moment to agree that a meeting is over. Whoever enters it at once has
// no business to complain.
func TestAMeetingThatWasOnlyJustLeftAndIsNotThereIsNobodysFault(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	enter := flows.StepMCJoin
	for _, c := range []struct {
		name  string
		bend  fault.Faults
		again bool // right after a run on the same lane
		want  flowtest.Verdict
	}{
		{"it is not there", mc(fault.MC{JoinError: 4}), true, flowtest.Open(enter, flows.CauseLane)},
		{"two people are sent to two MCs", gc(fault.GC{SplitMeeting: true}), true, flowtest.Open(flows.StepGCJoin, flows.CauseLane)},
		{"nobody may enter it", mc(fault.MC{JoinError: 3}), true, anchors(enter, flows.MC, flows.Rejected)},
		{"it is not there, and nobody had left it", mc(fault.MC{JoinError: 4}), false, anchors(enter, flows.MC, flows.Rejected)},
		{"two MCs, and nobody had left it", gc(fault.GC{SplitMeeting: true}), false, red(flows.StepGCJoin, flows.GC, flows.Protocol)},
	} {
		t.Run(c.name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			perform := func() flows.Run {
				defer p.Rest(t)
				return flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage}.Perform(t.Context(), t)
			}
			if c.again {
				flowtest.Green().Check(t, perform())
			}
			p.Faults().Set(c.bend)
			defer p.Faults().Set(fault.Faults{})
			c.want.Check(t, perform())
		})
	}
}

// An anchor whose records are long leaves at the end of a run, and not within one: the
// meeting must rest before it is entered again.
func TestAResidentAnchorWithLongRecordsLeavesWithARun(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	flow := &join.Flow{Stage: stage, Resident: true, Frames: 1}
	for n := range 4 {
		run := flowtest.Play{Flow: flows.Join, Script: flow, Stage: stage}.Perform(t.Context(), t)
		flowtest.Green().Check(t, run)
		if brought := strings.Contains(names(run), "anchor gc_assign"); brought != (n%2 == 0) {
			t.Errorf("run %d: the anchor was brought in: %t", n, brought)
		}
		if left := run.Leaves.Clean == 2; left != (n%2 == 1) || run.Leaves.Unclean > 0 {
			t.Errorf("run %d: leaves %+v", n, run.Leaves)
		}
		if n%2 == 1 {
			p.Rest(t)
		}
	}
	if err := flow.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
