// Package check is the one-shot: it turns configured probes into flows on their
// lanes, runs them one after another, and hands back the finished runs. It
// decides nothing about them; that is report's.
package check

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/probe"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/setup"
)

// Options are what a check is made of.
type Options struct {
	Site   *setup.Site
	Tasks  []Task
	Runs   int          // of each probe; 1 when 0
	Tracer trace.Tracer // nil: no traces

	OnStep func(probe string, run int, actor string, step flows.Step, after bool)
	OnRest func(lane string, rest time.Duration) // before a lane's meeting is left to empty itself
	OnRun  func(flows.Run)
}

// Check is a set of probes ready to run. Close must be called.
type Check struct {
	opts   Options
	probes []*probe.Probe
	watch  *selfwatch.Sampler
	visits people.Visits
	rested map[string]time.Time // when a lane's meeting has rested, by lane
}

// New builds the flows. The site must have the accounts and the meetings of all
// lanes.
func New(opts Options) (*Check, error) {
	c := &Check{opts: opts, watch: selfwatch.Start(), rested: make(map[string]time.Time)}
	for _, t := range opts.Tasks {
		p, err := probe.New(opts.Site, t.Probe, t.Lanes, c.watch, &c.visits)
		if err != nil {
			c.watch.Stop()
			return nil, err
		}
		c.probes = append(c.probes, p)
	}
	return c, nil
}

// Run runs every probe the configured number of times, in turn, so that a lane
// rests while others run. It ends early when ctx does, and returns what there is.
func (c *Check) Run(ctx context.Context) []flows.Run {
	var runs []flows.Run
	for n := range max(c.opts.Runs, 1) {
		for _, p := range c.probes {
			lane := p.Lanes[n%len(p.Lanes)].Name
			if !c.restOf(ctx, lane) {
				return runs
			}
			run := p.Run(ctx, lane, flows.OnDemand, probe.Hooks{Tracer: c.opts.Tracer,
				OnStep: func(actor string, step flows.Step, after bool) {
					if c.opts.OnStep != nil {
						c.opts.OnStep(p.Name, n+1, actor, step, after)
					}
				}})
			c.rested[lane] = time.Now().Add(p.Rest(lane, run))
			runs = append(runs, run)
			if c.opts.OnRun != nil {
				c.opts.OnRun(run)
			}
		}
	}
	return runs
}

// restOf waits until a lane has rested; false when ctx ended first.
func (c *Check) restOf(ctx context.Context, lane string) bool {
	wait := time.Until(c.rested[lane])
	if wait > 0 && c.opts.OnRest != nil {
		c.opts.OnRest(lane, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Close ends what outlives a run: resident anchors, the lag sampler.
func (c *Check) Close(ctx context.Context) error {
	var errs []error
	for _, p := range c.probes {
		errs = append(errs, p.Close(ctx))
	}
	c.watch.Stop()
	return errors.Join(errs...)
}
