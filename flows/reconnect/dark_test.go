package reconnect_test

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/reconnect"
	"github.com/dark-tower/prober/internal/flowtest"
)

// Nobody is to blame for not bringing people back together while the prober's own
// network is away.
func TestWhoseSilenceItIsAfterTheCut(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	for name, c := range map[string]struct {
		dark func(w *flowtest.Way)
		want flowtest.Verdict
	}{
		"the prober's own network": {func(w *flowtest.Way) { w.Dark(true) }, flowtest.Open(flows.StepRestore, flows.CauseNetwork)},
		"only the handlers":        {func(w *flowtest.Way) { w.Swallow(true, w.Handlers) }, flowtest.Red("", flows.StepRestore, flows.MH, flows.NoMedia)},
	} {
		t.Run(name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			w := p.Between(t, stage)
			c.want.After = true
			run := flowtest.Play{Flow: flows.Reconnect, Stage: stage, At: flowtest.Moment{Step: flows.StepRestore, After: true}, When: func() { c.dark(w) },
				Script: w.During(&reconnect.Flow{Stage: stage, Disconnect: flows.CutMigrate, Steady: 100 * time.Millisecond, Patience: 2 * time.Second})}.Perform(t.Context(), t)
			c.want.Check(t, run)
			p.Rest(t)
		})
	}
}
