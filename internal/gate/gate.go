// Package gate is the check that decides about a deployment: it runs probes as often
// as their objectives need, on all their lanes at once, spread over time, and stops a
// probe as soon as nothing can change what its runs prove.
//
// It knows how runs are made and when enough have been. What they prove is slo's, how
// it is told is report's.
package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/probe"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
)

const (
	// together bounds the runs at a time: more of them fall into one blip.
	together = 4
	// hopeless runs at the beginning that say nothing because of the prober end a
	// probe: more would not say anything either.
	hopeless = 5
	// warmUpPause lies between two runs of a warm-up.
	warmUpPause = 10 * time.Second
	// backOff is for a service that asks to be left alone, and longest what it can ask
	// of a pipeline that waits.
	backOff = 5 * time.Second
	longest = time.Minute
)

// Options are what a gate is made of.
type Options struct {
	Site   *setup.Site
	Tasks  []check.Task
	Runs   int           // of each probe, instead of what its objectives say; 0: as they say
	Over   time.Duration // the runs of a probe are spread over so long; 0: as fast as the lanes allow
	WarmUp time.Duration // for which a platform that does not work yet is waited for
	Tracer trace.Tracer  // nil: no traces

	OnStep func(probe string, run int, actor string, step flows.Step, after bool)
	OnRun  func(flows.Run) // one at a time
}

// Gate is ready to run. Close must be called.
type Gate struct {
	opts   Options
	watch  *selfwatch.Sampler
	probes []*judged
	slots  chan struct{} // one for each run at a time

	mu   sync.Mutex // protects all following fields, and those of judged
	runs []flows.Run
}

// judged is a probe and the cases of its objectives.
type judged struct {
	*probe.Probe
	cases    []*slo.Case
	most     int // runs that are planned
	gap      time.Duration
	begun    int // runs that have begun
	underWay int
	spoilt   int // runs at the beginning that the prober could not judge
	sound    bool
}

// New opens a case for every objective that gates. Tasks without one are left out;
// there must be one with.
func New(o Options) (*Gate, error) {
	g := &Gate{opts: o, watch: selfwatch.Start(), slots: make(chan struct{}, together)}
	if err := g.open(); err != nil {
		g.watch.Stop()
		return nil, err
	}
	return g, nil
}

func (g *Gate) open() error {
	objectives := slo.Gating(slo.Objectives(g.opts.Site.Config))
	gating := make(map[string][]slo.Objective)
	n := 0
	for _, t := range g.opts.Tasks {
		for _, o := range objectives {
			if o.Probe == t.Probe.Name {
				gating[o.Probe] = append(gating[o.Probe], o)
				n++
			}
		}
	}
	for _, t := range g.opts.Tasks {
		if len(gating[t.Probe.Name]) == 0 {
			continue
		}
		p, err := probe.New(g.opts.Site, t.Probe, t.Lanes, g.watch)
		if err != nil {
			return err
		}
		j := &judged{Probe: p}
		for _, o := range gating[t.Probe.Name] {
			if g.opts.Runs > 0 {
				gate := *o.Gate
				gate.Runs = g.opts.Runs
				o.Gate = &gate
			}
			c, err := slo.NewCase(o, n)
			if err != nil {
				return err
			}
			j.cases, j.most = append(j.cases, c), max(j.most, o.Gate.Runs)
		}
		if g.opts.Over > 0 {
			j.gap = g.opts.Over / time.Duration(j.most)
		}
		g.probes = append(g.probes, j)
	}
	if len(g.probes) == 0 {
		return errors.New("no objective of these probes has a `gate`; add one, or leave out --gate")
	}
	return nil
}

// Plan says what is going to be done, for people: a line for each probe, and how long
// all of it takes.
func (g *Gate) Plan() []string {
	var lines []string
	var about, most time.Duration
	for _, j := range g.probes {
		a, m := j.takes()
		about, most = max(about, a), max(most, m)
		lines = append(lines, fmt.Sprintf("%s: up to %d runs on %s", j.Name, j.most, lanes(len(j.Lanes))))
	}
	most += g.opts.WarmUp
	return append(lines, fmt.Sprintf("about %s, at most %s; a probe ends as soon as its verdict stands", about.Round(time.Second), most.Round(time.Second)))
}

// usual is how long a run takes besides what its parameters say.
const usual = 2 * time.Second

func (j *judged) takes() (about, most time.Duration) {
	var rest time.Duration
	for _, l := range j.Lanes {
		rest = max(rest, l.Rest.D())
	}
	turns := time.Duration((j.most + len(j.Lanes) - 1) / len(j.Lanes))
	spread := j.gap * time.Duration(j.most)
	return max(spread, turns*(config.LeastDuration(j.Probe.Probe).D()+usual+rest)), max(spread, turns*(j.Timeout.D()+rest))
}

// Run makes the runs and returns them with what they prove. It ends early when ctx
// does.
func (g *Gate) Run(ctx context.Context) ([]flows.Run, report.Judgement) {
	begun := time.Now()
	warmUp := g.warmUp(ctx)
	var working sync.WaitGroup
	start := time.Now()
	for _, j := range g.probes {
		for _, lane := range j.Lanes {
			working.Go(func() { g.work(ctx, j, lane.Name, start) })
		}
	}
	working.Wait()
	var findings []slo.Finding
	for _, j := range g.probes {
		for _, c := range j.cases {
			findings = append(findings, c.Finding())
		}
	}
	out := report.Judge(findings)
	out.WarmUp, out.Took = warmUp, time.Since(begun)
	return g.runs, out
}

// warmUp runs the first probe until it succeeds, for a platform that has just been
// deployed: caches fill, services register. Whoever never succeeds is judged as it is.
func (g *Gate) warmUp(ctx context.Context) *report.WarmUp {
	if g.opts.WarmUp <= 0 {
		return nil
	}
	begun := time.Now()
	w := &report.WarmUp{}
	j := g.probes[0]
	for {
		lane := j.Lanes[w.Runs%len(j.Lanes)].Name
		run := g.once(ctx, j, lane, 0)
		w.Runs++
		w.Took, w.Ready = time.Since(begun), run.Outcome == flows.Success
		pause := j.pause(lane, run)
		if !w.Ready {
			pause = max(pause, warmUpPause)
		}
		done := w.Ready || time.Since(begun)+pause > g.opts.WarmUp
		if !wait(ctx, pause, !done || w.Ready) || done {
			return w
		}
	}
}

// work makes runs on one lane until the probe needs no more.
func (g *Gate) work(ctx context.Context, j *judged, lane string, start time.Time) {
	for {
		n, ok := g.claim(j)
		if !ok {
			return
		}
		run, ok := g.next(ctx, j, lane, n, start)
		if !ok {
			return
		}
		if !g.record(j, run) || !wait(ctx, j.pause(lane, run), true) {
			return
		}
	}
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

// next makes the nth run of a probe when it is due and there is room.
func (g *Gate) next(ctx context.Context, j *judged, lane string, n int, start time.Time) (flows.Run, bool) {
	if !wait(ctx, time.Until(start.Add(time.Duration(n)*j.gap)), true) {
		return flows.Run{}, false
	}
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return flows.Run{}, false
	}
	defer func() { <-g.slots }()
	return g.once(ctx, j, lane, n+1), true
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
	if !j.sound && j.spoilt >= hopeless {
		return 0
	}
	left := 0
	for _, c := range j.cases {
		left = max(left, c.Left())
	}
	return left
}

// record shows a run to the cases and reports whether the lane is still needed.
func (g *Gate) record(j *judged, run flows.Run) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	j.underWay--
	g.runs = append(g.runs, run)
	if run.Outcome == flows.Inconclusive && run.Failure != nil && run.Failure.Hop == flows.Prober {
		j.spoilt++
	} else {
		j.sound = true
	}
	for _, c := range j.cases {
		c.Observe(run)
	}
	if g.opts.OnRun != nil {
		g.opts.OnRun(run)
	}
	return run.Outcome != flows.Aborted && j.left() > 0
}

// wait waits so long; false when ctx ended first. Unless asked to, it does not.
func wait(ctx context.Context, d time.Duration, asked bool) bool {
	if !asked || d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Close ends what outlives a run.
func (g *Gate) Close(ctx context.Context) error {
	var errs []error
	for _, j := range g.probes {
		errs = append(errs, j.Close(ctx))
	}
	g.watch.Stop()
	return errors.Join(errs...)
}

func lanes(n int) string {
	if n == 1 {
		return "1 lane"
	}
	return fmt.Sprintf("%d lanes", n)
}
