// Package pagetest has platforms as the prober may find them, for tests of what is
// shown: healthy, failing, and never probed. Everything in it is the same each time.
package pagetest

import (
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page"
)

// Now is when the platforms are looked at.
var Now = time.Date(2026, 3, 1, 14, 14, 5, 0, time.UTC)

// World is a platform with all that is known of it.
type World struct {
	Now    time.Time
	Status []page.ProbeStatus
	Runs   []history.Finished // oldest first
}

// Overview is the front page of the world.
func (w World) Overview() page.Overview {
	o := page.Overview{Version: "1.2.3", Platform: "devtest", Now: w.Now, Refresh: 5 * time.Second}
	for _, s := range w.Status {
		p := page.Probe{Status: s}
		for _, f := range w.Runs {
			if f.Run.Probe != s.Name {
				continue
			}
			p.Marks = append(p.Marks, digest.MarkOf(f.Run))
			view := page.RunView{Run: f.Run, Log: f.Log, Kept: f.Kept}
			p.Last = &view
			if f.Run.Failure != nil {
				p.Failures = append([]page.RunView{view}, p.Failures...)
			}
		}
		p.Failures = p.Failures[:min(5, len(p.Failures))]
		o.Probes = append(o.Probes, p)
	}
	return o
}

// Store holds the runs of the world.
func (w World) Store() *history.Store {
	s := history.New(200)
	for _, f := range w.Runs {
		s.Add(f)
	}
	return s
}

// Last is the probe's latest run that ended so.
func (w World) Last(probe string, outcome flows.Outcome) history.Finished {
	for i := len(w.Runs) - 1; i >= 0; i-- {
		if r := w.Runs[i].Run; r.Probe == probe && r.Outcome == outcome {
			return w.Runs[i]
		}
	}
	return history.Finished{}
}

// At moves the world to another moment, so that it is the present there.
func (w World) At(now time.Time) World {
	by := now.Sub(w.Now)
	move := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
	out := World{Now: now}
	for _, s := range w.Status {
		move(&s.NextDue)
		move(&s.RunningSince)
		move(&s.BackoffUntil)
		s.Resting = append([]page.LaneRest(nil), s.Resting...)
		for i := range s.Resting {
			move(&s.Resting[i].Until)
		}
		out.Status = append(out.Status, s)
	}
	for _, f := range w.Runs {
		move(&f.Run.Started)
		f.Run.Steps = append([]flows.StepResult(nil), f.Run.Steps...)
		for i := range f.Run.Steps {
			move(&f.Run.Steps[i].Started)
		}
		f.Run.Connections = append([]flows.Connection(nil), f.Run.Connections...)
		for i := range f.Run.Connections {
			c := &f.Run.Connections[i]
			move(&c.CertificateUntil)
			moved := *c.Certificate
			move(&moved.NotBefore)
			move(&moved.NotAfter)
			c.Certificate = &moved
		}
		f.Log = logOf(f.Run)
		out.Runs = append(out.Runs, f)
	}
	return out
}
