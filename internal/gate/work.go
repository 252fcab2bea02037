package gate

import (
	"context"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/probe"
)

const (
	// hopeless runs in a row that say nothing end a probe: more would not say anything
	// either, and knock at the door of a service that asked to be left alone.
	hopeless = 5
	// backOff is for a service that asks to be left alone, and longest is how long a
	// pipeline waits for it. See farewell.
	backOff = 5 * time.Second
	longest = time.Minute
)

// work makes runs on one lane until the probe needs no more. Whoever only waits ends
// with waiting; a run that has begun ends with ctx.
func (g *Gate) work(ctx, waiting context.Context, j *judged, lane string, start time.Time) {
	for until(waiting, g.restedAt(j, lane)) {
		n, ok := g.claim(j)
		if !ok {
			return
		}
		run, ok := g.next(ctx, waiting, j, lane, n, start)
		if !ok {
			g.mu.Lock()
			j.underWay--
			g.mu.Unlock()
			return
		}
		g.record(j, lane, run)
	}
}

func (g *Gate) restedAt(j *judged, lane string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return j.rested[lane]
}

// pause is how long a lane is left alone after a run: until its meeting has emptied
// itself, and as long as a service asked for.
func (j *judged) pause(lane string, run flows.Run) time.Duration {
	pause := j.Rest(lane, run)
	if f := run.Failure; f != nil && f.BackOff {
		pause = max(pause, backOff, min(f.RetryAfter, longest))
	}
	return pause
}

// farewell reports whether a service asked to be left alone for longer than a pipeline
// waits: nobody comes back sooner. One that is down is asked again, since that it is
// down is what has to be found out.
func farewell(run flows.Run) bool {
	f := run.Failure
	return run.Outcome == flows.Inconclusive && f != nil && f.BackOff && f.RetryAfter > longest
}

// next makes the nth run of a probe when it is due and there is room.
func (g *Gate) next(ctx, waiting context.Context, j *judged, lane string, n int, start time.Time) (flows.Run, bool) {
	if !until(waiting, start.Add(time.Duration(n)*j.gap)) {
		return flows.Run{}, false
	}
	leave, err := g.room.enter(waiting, j.needs)
	if err != nil {
		return flows.Run{}, false
	}
	defer leave()
	return g.perform(ctx, j, lane, n+1), true
}

func (g *Gate) once(ctx context.Context, j *judged, lane string, n int) flows.Run {
	return j.Probe.Run(ctx, lane, flows.OnDemand, probe.Hooks{Tracer: g.opts.Tracer,
		OnStep: func(actor string, step flows.Step, after bool) {
			if g.opts.OnStep != nil {
				g.opts.OnStep(j.Name, n, actor, step, after)
			}
		}})
}

// claim takes the next run of a probe; ok is false when those that are under way may
// be all that is needed.
func (g *Gate) claim(j *judged) (n int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if j.underWay >= j.left() {
		return 0, false
	}
	n = j.begun
	j.begun++
	j.underWay++
	return n, true
}

// left is how many more runs the cases of a probe may take.
func (j *judged) left() int {
	if j.over {
		return 0
	}
	left := 0
	for _, c := range j.cases {
		left = max(left, c.Left())
	}
	return left
}

// record shows a run to the cases.
func (g *Gate) record(j *judged, lane string, run flows.Run) {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.mu.Lock()
	j.underWay--
	j.rested[lane] = time.Now().Add(j.pause(lane, run))
	j.count(run)
	g.runs = append(g.runs, run)
	if j.left() == 0 || run.Outcome == flows.Aborted {
		j.enough()
	}
	stands := g.stands()
	g.mu.Unlock()
	if g.opts.OnRun != nil {
		g.opts.OnRun(run)
	}
	if g.opts.OnStand != nil {
		g.opts.OnStand(stands)
	}
}

func (j *judged) count(run flows.Run) {
	j.done++
	if run.Outcome != flows.Success {
		j.bad++
	}
	for _, c := range j.cases {
		c.Observe(run)
	}
	j.over = j.over || farewell(run)
	if run.Outcome != flows.Inconclusive {
		j.idle, j.spoilt = 0, 0
		return
	}
	j.idle++
	j.spoilt++
	if run.Failure != nil && run.Failure.Hop != flows.Prober {
		j.spoilt = 0
	}
	if j.idle < hopeless || j.over {
		return
	}
	j.over = true
	if j.spoilt >= hopeless {
		for _, c := range j.cases {
			c.GiveUp()
		}
	}
}

func (g *Gate) stands() []Stand {
	var out []Stand
	for _, j := range g.probes {
		out = append(out, Stand{Probe: j.Name, Planned: j.planned, Runs: j.done, Bad: j.bad, Done: j.left() == 0 && j.underWay == 0})
	}
	return out
}

// until waits until a moment; false when ctx ended first.
func until(ctx context.Context, at time.Time) bool {
	if d := time.Until(at); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err() == nil
}
