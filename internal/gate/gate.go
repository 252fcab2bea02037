// Package gate is the check that decides about a deployment: it runs probes as often
// as their objectives need, on all their lanes at once, spread over time, and stops a
// probe as soon as nothing can change what its runs prove.
//
// It knows how runs are made and when enough have been. What they prove is slo's, how
// it is told is report's.
package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/probe"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
)

// Options are what a gate is made of.
type Options struct {
	Site  *setup.Site
	Tasks []check.Task
	Runs  int // of each probe, instead of what its objectives say; 0: as they say

	// Spread is the time that the runs of a probe are spread over at least; 0: as fast
	// as the lanes allow.
	Spread time.Duration
	// For is the same, and bounds it: no run begins later, and a probe that cannot make
	// all its runs in it plans fewer. 0: there is no bound.
	For    time.Duration
	WarmUp time.Duration // for which a platform that does not work yet is waited for

	TakenFor slo.Verdict  // see report.Judgement
	Tracer   trace.Tracer // nil: no traces

	// Whoever wants to know how it goes; one call at a time, but for those of OnStep.
	OnStep   func(probe string, run int, actor string, step flows.Step, after bool)
	OnRun    func(flows.Run)                  // of the warm-up, too
	OnWarmUp func(w report.WarmUp, over bool) // after each of its runs, and when it is over
	OnStand  func([]Stand)
}

// Stand is how far a probe has come.
type Stand struct {
	Probe   string
	Planned int // runs at most, unless some cannot be judged
	Runs    int
	Bad     int  // runs that did not succeed
	Done    bool // its verdicts stand, or there will be no more runs
}

// Gate is ready to run. Close must be called.
type Gate struct {
	opts    Options
	watch   *selfwatch.Sampler
	visits  people.Visits
	probes  []*judged
	room    *room
	leftOut []string // what is not judged, and why
	perform func(ctx context.Context, j *judged, lane string, n int) flows.Run

	telling sync.Mutex // held while somebody is told

	mu   sync.Mutex // protects all following fields, and those of judged
	runs []flows.Run
}

// judged is a probe and the cases of its objectives.
type judged struct {
	*probe.Probe
	needs   config.Budget // of a run
	cases   []*slo.Case
	planned int // runs, unless some cannot be judged
	wanted  int // runs, if there were time enough
	most    int // runs, if as many as may be cannot be judged
	gap     time.Duration

	rested   map[string]time.Time // until when a lane is left alone
	begun    int                  // runs that have begun
	underWay int
	done     int
	bad      int
	idle     int  // runs in a row that could not be judged
	spoilt   int  // of them, the latest in a row that the prober spoilt
	over     bool // there will be no more runs
	enough   func()
}

// New opens a case for every objective that gates. Tasks without one are left out;
// there must be one with.
func New(o Options) (*Gate, error) {
	g := &Gate{opts: o, watch: selfwatch.Start()}
	g.perform = g.once
	if err := g.open(); err != nil {
		g.watch.Stop()
		return nil, err
	}
	return g, nil
}

// Tasks are those of which an objective gates: the others are not run.
func Tasks(cfg *config.Config, tasks []check.Task) []check.Task {
	gating := byProbe(cfg)
	return slices.DeleteFunc(slices.Clone(tasks), func(t check.Task) bool { return len(gating[t.Probe.Name]) == 0 })
}

// byProbe are the objectives that gate.
func byProbe(cfg *config.Config) map[string][]slo.Objective {
	out := make(map[string][]slo.Objective)
	for _, o := range slo.Gating(slo.Objectives(cfg)) {
		out[o.Probe] = append(out[o.Probe], o)
	}
	return out
}

func (g *Gate) open() error {
	cfg := g.opts.Site.Config
	tasks, gating := Tasks(cfg, g.opts.Tasks), byProbe(cfg)
	if len(tasks) == 0 {
		return errors.New("no objective of these probes gates; add `gate: yes` to one, or leave out --gate")
	}
	together, left := 0, cfg.Daemon.Budget
	for _, t := range tasks {
		_, standing := t.Probe.Needs(t.Lanes)
		left.Participants -= standing.Participants
		left.DatagramsPerSecond -= standing.DatagramsPerSecond
		together += len(gating[t.Probe.Name])
	}
	g.room = newRoom(left)
	for _, t := range tasks {
		j, err := g.judge(t, gating[t.Probe.Name], together)
		if err != nil {
			return err
		}
		g.probes = append(g.probes, j)
		delete(gating, t.Probe.Name)
	}
	g.leaveOut(gating)
	return nil
}

// judge opens the cases of a probe, as some of those that gate together.
func (g *Gate) judge(t check.Task, objectives []slo.Objective, together int) (*judged, error) {
	needs, _ := t.Probe.Needs(t.Lanes)
	if err := g.room.admits(t.Probe.Name, needs); err != nil {
		return nil, err
	}
	p, err := probe.New(g.opts.Site, t.Probe, t.Lanes, g.watch, &g.visits)
	if err != nil {
		return nil, err
	}
	j := &judged{Probe: p, needs: needs, rested: make(map[string]time.Time), enough: func() {}}
	fit := j.fit(g.opts.For)
	for _, o := range objectives {
		gate := *o.Gate
		if g.opts.Runs > 0 {
			gate.Runs = g.opts.Runs
		}
		j.wanted = max(j.wanted, gate.Runs)
		gate.Runs = min(gate.Runs, fit)
		o.Gate = &gate
		c, err := slo.NewCase(o, together)
		if err != nil {
			return nil, err
		}
		plan := c.Finding().Plan
		j.cases, j.planned, j.most = append(j.cases, c), max(j.planned, plan.Runs), max(j.most, plan.Runs+plan.Spare())
	}
	j.gap = max(g.opts.Spread, g.opts.For) / time.Duration(j.planned)
	return j, nil
}

// Run makes the runs and returns them, probe by probe as they are configured, with what
// they prove. It ends early when ctx does.
func (g *Gate) Run(ctx context.Context) ([]flows.Run, report.Judgement) {
	begun := time.Now()
	warmUp := g.warmUp(ctx)
	var working sync.WaitGroup
	start := time.Now()
	for _, j := range g.probes {
		waiting, enough := context.WithCancel(ctx)
		if g.opts.For > 0 {
			waiting, enough = context.WithDeadline(ctx, start.Add(g.opts.For))
		}
		defer enough()
		if j.enough = enough; j.over {
			enough()
		}
		for _, lane := range j.Lanes {
			working.Go(func() { g.work(ctx, waiting, j, lane.Name, start) })
		}
	}
	working.Wait()
	var findings []slo.Finding
	for _, j := range g.probes {
		for _, c := range j.cases {
			findings = append(findings, c.Finding())
		}
	}
	slices.SortStableFunc(g.runs, func(a, b flows.Run) int { return cmp.Compare(g.place(a), g.place(b)) })
	out := report.Judge(findings)
	out.Aside = g.aside()
	out.WarmUp, out.Took, out.TakenFor, out.Interrupted = warmUp, time.Since(begun), g.opts.TakenFor, ctx.Err() != nil
	return g.runs, out
}

// place is where the probe of a run is in the configuration.
func (g *Gate) place(run flows.Run) int {
	return slices.IndexFunc(g.probes, func(j *judged) bool { return j.Name == run.Probe })
}

// aside is what the runs say about the objectives of their probes that do not gate.
func (g *Gate) aside() []slo.Finding {
	var out []slo.Finding
	for _, o := range slo.Objectives(g.opts.Site.Config) {
		if o.Gate == nil && slices.ContainsFunc(g.probes, func(j *judged) bool { return j.Name == o.Probe }) {
			out = append(out, slo.Aside(o, g.runs))
		}
	}
	return out
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
