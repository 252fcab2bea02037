// Package check is the one-shot: it turns configured probes into flows on their
// lanes, runs them one after another, and hands back the finished runs. It
// decides nothing about them; that is report's.
package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/flows/reconnect"
	"github.com/dark-tower/prober/internal/config"
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
	probes []probe
	watch  *selfwatch.Sampler
	rested map[string]time.Time // when a lane's meeting has rested, by lane
}

// probe has one script for each of its lanes: a script may keep somebody there.
type probe struct {
	config.Probe
	seats []seat
}

type seat struct {
	lane   config.Lane
	script flows.Script
}

// New builds the flows. The site must have the accounts and the meetings of all
// lanes.
func New(opts Options) (*Check, error) {
	for _, name := range Lanes(opts.Tasks) {
		if _, ok := opts.Site.Meetings[name]; !ok || len(opts.Site.Accounts[name]) == 0 {
			return nil, fmt.Errorf("lane %s has no meeting or no accounts", name)
		}
	}
	c := &Check{opts: opts, watch: selfwatch.Start(), rested: make(map[string]time.Time)}
	for _, t := range opts.Tasks {
		p := probe{Probe: t.Probe}
		for _, lane := range t.Lanes {
			p.seats = append(p.seats, seat{lane, script(t.Probe, c.stage(lane))})
		}
		c.probes = append(c.probes, p)
	}
	return c, nil
}

func (c *Check) stage(lane config.Lane) *people.Stage {
	site := c.opts.Site
	d := site.Config.Platform.Deadlines
	return &people.Stage{
		Platform: site.Platform, Meeting: site.Meetings[lane.Name], Accounts: site.Accounts[lane.Name], Judge: site.Judge, Watch: c.watch,
		Deadlines: people.Deadlines{Subscribe: d.Subscribe.D(), FirstMedia: d.FirstMedia.D()},
	}
}

func script(p config.Probe, stage *people.Stage) flows.Script {
	switch p.Flow {
	case flows.Media:
		m := p.Media
		return &media.Flow{Stage: stage, Seats: m.Participants, Duration: m.Duration.D(), Settle: m.Settle.D()}
	case flows.Reconnect:
		r := p.Reconnect
		return &reconnect.Flow{Stage: stage, Disconnect: r.Disconnect, Steady: r.Steady.D(), Detect: r.Detect.D(), Patience: r.Restore.D()}
	}
	return &join.Flow{Stage: stage, Resident: p.Join != nil && p.Join.Anchor == config.Resident}
}

// Run runs every probe the configured number of times, in turn, so that a lane
// rests while others run. It ends early when ctx does, and returns what there is.
func (c *Check) Run(ctx context.Context) []flows.Run {
	var runs []flows.Run
	for n := range max(c.opts.Runs, 1) {
		for _, p := range c.probes {
			s := p.seats[n%len(p.seats)]
			if !c.restOf(ctx, s.lane) {
				return runs
			}
			run := c.once(ctx, p, s, n+1)
			c.rested[s.lane.Name] = time.Now().Add(rest(s.lane, run))
			runs = append(runs, run)
			if c.opts.OnRun != nil {
				c.opts.OnRun(run)
			}
		}
	}
	return runs
}

func (c *Check) once(ctx context.Context, p probe, s seat, n int) flows.Run {
	return flows.Execute(ctx, flows.Spec{
		Probe: p.Name, Flow: p.Flow, Lane: s.lane.Name, Trigger: flows.OnDemand, Informational: p.Informational,
		Timeout: p.Timeout.D(), Teardown: c.opts.Site.Config.Platform.Deadlines.Teardown.D(),
		Tracer: c.opts.Tracer, Judge: c.opts.Site.Judge,
		OnStep: func(actor string, step flows.Step, after bool) {
			if c.opts.OnStep != nil {
				c.opts.OnStep(p.Name, n, actor, step, after)
			}
		},
	}, s.script)
}

// ghostLife is how long the platform holds a participant that did not leave
// cleanly: 10 s of idle connection, 30 s of grace, and a check every 5 s
// (platform contract, MC B.10).
const ghostLife = 45 * time.Second

// rest is how long a lane's meeting must be left empty after a run.
func rest(lane config.Lane, run flows.Run) time.Duration {
	r := run.Restoration
	ghost := run.Leaves.Unclean > 0 ||
		r != nil && r.Disconnect == flows.CutAbrupt && !r.Resumed ||
		run.Failure != nil && run.Failure.Cause == flows.CauseLane
	if ghost {
		return max(ghostLife, lane.Rest.D())
	}
	return lane.Rest.D()
}

// restOf waits until a lane has rested; false when ctx ended first.
func (c *Check) restOf(ctx context.Context, lane config.Lane) bool {
	wait := time.Until(c.rested[lane.Name])
	if wait > 0 && c.opts.OnRest != nil {
		c.opts.OnRest(lane.Name, wait)
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
		for _, s := range p.seats {
			if closer, ok := s.script.(interface{ Close(context.Context) error }); ok {
				errs = append(errs, closer.Close(ctx))
			}
		}
	}
	c.watch.Stop()
	return errors.Join(errs...)
}
