package join_test

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

// Waiting for the first frame in vain is the handlers' fault only when something else
// is heard, or answers.
func TestWhoseSilenceItIsBeforeTheFirstFrame(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	for name, c := range map[string]struct {
		dark func(w *flowtest.Way)
		want flowtest.Verdict
	}{
		"the prober's own network": {func(w *flowtest.Way) { w.Dark(true) }, flowtest.Open(flows.StepFirstMedia, flows.CauseNetwork)},
		"only the handlers":        {func(w *flowtest.Way) { w.Swallow(true, w.Handlers) }, red(flows.StepFirstMedia, flows.MH, flows.NoMedia)},
	} {
		t.Run(name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			stage.Deadlines.FirstMedia = 2 * time.Second
			w := p.Between(t, stage)
			// Nothing may have been heard before it is dark.
			p.Faults().Set(mh(fault.MH{Silent: true}))
			run := flowtest.Play{Flow: flows.Join, Script: w.During(script(stage)), Stage: stage, At: at(flows.StepFirstMedia), When: func() { c.dark(w) }}.Perform(t.Context(), t)
			p.Faults().Set(fault.Faults{})
			c.want.Check(t, run)
			p.Rest(t)
		})
	}
}
