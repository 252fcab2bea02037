package gate

import (
	"context"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

// warmUpPause lies between two runs of a warm-up.
const warmUpPause = 5 * time.Second

// warmUp runs the first probe until it succeeds, for a platform that has just been
// deployed: caches fill, services register. Whoever never succeeds is judged as it is.
// No run of it begins after its time; what lanes were left with, the gate waits for.
func (g *Gate) warmUp(ctx context.Context) *report.WarmUp {
	if g.opts.WarmUp <= 0 {
		return nil
	}
	begun := time.Now()
	waiting, enough := context.WithDeadline(ctx, begun.Add(g.opts.WarmUp))
	defer enough()
	w := &report.WarmUp{}
	j := g.probes[0]
	for next := begun; !w.Ready && !j.over; next = time.Now().Add(warmUpPause) {
		lane := j.Lanes[w.Runs%len(j.Lanes)].Name
		if rested := j.rested[lane]; rested.After(next) {
			next = rested
		}
		if !until(waiting, next) {
			break
		}
		run := g.perform(ctx, j, lane, 0)
		j.rested[lane] = time.Now().Add(j.pause(lane, run))
		w.Runs++
		w.Took, w.Ready, w.Last = time.Since(begun), run.Outcome == flows.Success, ""
		if run.Failure != nil {
			w.Last = run.Failure.Error()
		}
		j.over = farewell(run)
		if g.opts.OnRun != nil {
			g.opts.OnRun(run)
		}
		if g.opts.OnWarmUp != nil {
			g.opts.OnWarmUp(*w, false)
		}
	}
	if g.opts.OnWarmUp != nil {
		g.opts.OnWarmUp(*w, true)
	}
	return w
}
