// Package probe makes a configured probe executable: its flow, staged on each of its
// lanes, and how long a lane has to rest after a run. The one-shot and the daemon
// run probes in the same way, which is here.
//
// It knows flows and the configuration. It must not know when a probe runs, nor what
// becomes of its runs.
package probe

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
	"github.com/dark-tower/prober/flows/signin"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/setup"
)

// Probe is a probe on the lanes of one use. Close must be called when nothing runs
// on it any more.
type Probe struct {
	config.Probe
	Lanes []config.Lane

	site    *setup.Site
	scripts map[string]flows.Script // by lane: a script may keep somebody there
}

// New stages p on its lanes. The site must have the accounts of all of them, and the
// meetings of those that need one. Visits are those of the whole process.
func New(site *setup.Site, p config.Probe, lanes []config.Lane, watch people.Watch, visits *people.Visits) (*Probe, error) {
	out := &Probe{Probe: p, Lanes: lanes, site: site, scripts: make(map[string]flows.Script)}
	for _, lane := range lanes {
		if len(site.Accounts[lane.Name]) == 0 {
			return nil, fmt.Errorf("lane %s has no accounts", lane.Name)
		}
		if _, ok := site.Meetings[lane.Name]; !ok && site.Config.NeedsMeeting(lane.Name) {
			return nil, fmt.Errorf("lane %s has no meeting", lane.Name)
		}
		out.scripts[lane.Name] = script(p, stage(site, lane, watch, visits))
	}
	return out, nil
}

func stage(site *setup.Site, lane config.Lane, watch people.Watch, visits *people.Visits) *people.Stage {
	d := site.Config.Platform.Deadlines
	return &people.Stage{
		Platform: site.Platform, Meeting: site.Meetings[lane.Name], Accounts: site.Accounts[lane.Name], Judge: site.Judge, Watch: watch, Visits: visits,
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
	case flows.SignIn:
		return &signin.Flow{Stage: stage}
	}
	return &join.Flow{Stage: stage, Resident: p.Join != nil && p.Join.Anchor == config.Resident}
}

// Has reports whether the probe runs on this lane.
func (p *Probe) Has(lane string) bool { return p.scripts[lane] != nil }

// Hooks are told what a run does while it runs; any may be nil.
type Hooks struct {
	Tracer trace.Tracer
	OnStep func(actor string, step flows.Step, after bool)
	OnDone func(flows.StepResult)
}

// Run runs the probe once on the named lane, which must be one of its own. Runs on
// one lane must not overlap.
func (p *Probe) Run(ctx context.Context, lane string, trigger flows.Trigger, h Hooks) flows.Run {
	return flows.Execute(ctx, flows.Spec{
		Probe: p.Name, Flow: p.Flow, Lane: lane, Trigger: trigger, Informational: p.Informational,
		Timeout: p.Timeout.D(), Teardown: p.site.Config.Platform.Deadlines.Teardown.D(),
		Tracer: h.Tracer, Judge: p.site.Judge, OnStep: h.OnStep, OnDone: h.OnDone,
	}, p.scripts[lane])
}

// Rest is how long the meeting of one of the probe's lanes must be left empty after a
// run.
func (p *Probe) Rest(lane string, run flows.Run) time.Duration {
	var rest time.Duration
	for _, l := range p.Lanes {
		if l.Name == lane {
			rest = l.Rest.D()
		}
	}
	return RestAfter(run, rest, p.site.Config.Platform.Ghost.D())
}

// RestAfter is how long a lane with this rest must be left empty after a run, which
// is at least ghost when the platform still holds somebody of it.
func RestAfter(run flows.Run, rest, ghost time.Duration) time.Duration {
	if run.LeftGhost() {
		return max(rest, ghost)
	}
	return rest
}

// Close ends what outlives a run: resident anchors.
func (p *Probe) Close(ctx context.Context) error {
	var errs []error
	for _, s := range p.scripts {
		if closer, ok := s.(interface{ Close(context.Context) error }); ok {
			errs = append(errs, closer.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
