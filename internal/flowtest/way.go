package flowtest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/link"
)

// Way is everything between the prober and the world, part by part.
type Way struct {
	Controllers, Handlers []*link.Link // over UDP

	t                   testing.TB
	services, reference atomic.Bool // gone dark
}

// Between puts a way before the platform of a stage that nobody has used yet.
func (p *Platform) Between(t testing.TB, stage *people.Stage) *Way {
	t.Helper()
	w := &Way{t: t}
	fleet, err := link.NewFleet(slices.Concat(p.ControllerURLs, p.HandlerURLs), link.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, u := range p.ControllerURLs {
		w.Controllers = append(w.Controllers, fleet.Link(u))
	}
	for _, u := range p.HandlerURLs {
		w.Handlers = append(w.Handlers, fleet.Link(u))
	}
	stage.Platform.MC.Endpoints, stage.Platform.MH.Endpoints = fleet.Endpoints(), fleet.Endpoints()
	answers := func(dark *atomic.Bool) func(context.Context) error {
		return func(ctx context.Context) error {
			if !dark.Load() {
				return nil
			}
			<-ctx.Done()
			return errors.New("silence")
		}
	}
	stage.Judge.Witness.Reference = answers(&w.reference)
	for i := range stage.Judge.Witness.HTTP {
		stage.Judge.Witness.HTTP[i].Ping = answers(&w.services)
	}
	return w
}

// Swallow has links swallow everything, or nothing.
func (w *Way) Swallow(dark bool, links []*link.Link) {
	for _, l := range links {
		if err := l.Set(link.Spec{Up: link.Conditions{BlackHole: dark}, Down: link.Conditions{BlackHole: dark}}); err != nil {
			w.t.Error(err)
		}
	}
}

// Dark has everything be silent, the reference too, or nothing.
func (w *Way) Dark(dark bool) {
	w.services.Store(dark)
	w.reference.Store(dark)
	w.Swallow(dark, w.Controllers)
	w.Swallow(dark, w.Handlers)
}

// Down has the whole platform be silent, and the reference answer.
func (w *Way) Down() {
	w.Dark(true)
	w.reference.Store(false)
}

// During is a script at whose end, before anybody leaves, everything answers again:
// what people say as they leave would otherwise be lost, and the platform hold them.
func (w *Way) During(script flows.Script) flows.Script { return during{w, script} }

type during struct {
	way *Way
	flows.Script
}

func (d during) Run(ctx context.Context, run *flows.Recorder) error {
	defer d.way.Dark(false)
	return d.Script.Run(ctx, run)
}
