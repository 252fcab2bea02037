package media_test

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/internal/flowtest"
)

// Silence in a talk is the handlers' only when something else is heard, or answers,
// while it lasts.
func TestWhoseSilenceItIsInAConversation(t *testing.T) {
	t.Parallel()
	p := flowtest.Start(t, flowtest.Options{})
	for name, c := range map[string]struct {
		dark func(w *flowtest.Way)
		want flowtest.Verdict
	}{
		"the prober's own network, for good":              {func(w *flowtest.Way) { w.Dark(true) }, flowtest.Open(flows.StepTalk, flows.CauseNetwork)},
		"the prober's own network, and then it is back":   {func(w *flowtest.Way) { w.Dark(true); time.AfterFunc(2600*time.Millisecond, func() { w.Dark(false) }) }, flowtest.Open(flows.StepTalk, flows.CauseNetwork)},
		"only the handlers":                               {func(w *flowtest.Way) { w.Swallow(true, w.Handlers) }, red(flows.MH, flows.NoMedia)},
		"UDP altogether":                                  {func(w *flowtest.Way) { w.Swallow(true, w.Controllers); w.Swallow(true, w.Handlers) }, red(flows.Network, flows.Timeout)},
		"the whole platform, while the reference answers": {func(w *flowtest.Way) { w.Down() }, red(flows.MH, flows.NoMedia)},
	} {
		t.Run(name, func(t *testing.T) {
			stage := p.Stage(t, 0)
			w := p.Between(t, stage)
			run := flowtest.Play{Flow: flows.Media, Stage: stage, At: talk, When: func() { c.dark(w) },
				Script: w.During(&media.Flow{Stage: stage, Duration: 3500 * time.Millisecond, Settle: 200 * time.Millisecond})}.Perform(t.Context(), t)
			unlessStarved(t, run)
			c.want.Check(t, run)
			p.Rest(t)
		})
	}
}
