// Package check is the one-shot: it turns configured probes into flows on their
// lanes, runs them one after another, and hands back the finished runs. It
// decides nothing about them; that is report's.
package check

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/flows/reconnect"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// Options are what a check is made of.
type Options struct {
	Config   *config.Config
	Accounts config.Accounts
	Meetings map[string]httpapi.Secret // the lanes' meeting codes, by lane
	Probes   []string                  // names; none: all that have a lane for checks
	Runs     int                       // of each probe; 1 when 0
	Tracer   trace.Tracer
	Log      *slog.Logger
	OnStep   func(probe string, run int, actor string, step flows.Step, after bool)
	OnRun    func(flows.Run)
}

// Check is a set of probes ready to run.
type Check struct {
	opts   Options
	probes []probe
	judge  *flows.Judge
	watch  *selfwatch.Sampler
}

type probe struct {
	config.Probe
	lane   config.Lane
	script flows.Script
}

// NoMeetingError names lanes that have not been provisioned.
type NoMeetingError struct{ Lanes []string }

func (e *NoMeetingError) Error() string {
	return fmt.Sprintf("no meeting for lane %s: run `prober provision` first", strings.Join(e.Lanes, ", "))
}

// New builds the flows. Errors are the user's to mend: an unknown probe, a
// probe without a lane for checks, a lane without a meeting.
func New(opts Options) (*Check, error) {
	probes, err := Select(opts.Config, opts.Probes)
	if err != nil {
		return nil, err
	}
	platform, judge, err := Reach(opts.Config.Platform, opts.Log)
	if err != nil {
		return nil, err
	}
	c := &Check{opts: opts, judge: judge, watch: selfwatch.Start()}
	var missing []string
	for _, p := range probes {
		lane := opts.Config.LanesOf(p, config.Check)[0]
		code, ok := opts.Meetings[lane.Name]
		if !ok {
			missing = append(missing, lane.Name)
			continue
		}
		stage := &people.Stage{Platform: platform, Meeting: code, Accounts: opts.Accounts[lane.Name], Judge: judge, Watch: c.watch}
		c.probes = append(c.probes, probe{Probe: p, lane: lane, script: script(p, stage)})
	}
	if len(missing) > 0 {
		c.watch.Stop()
		return nil, &NoMeetingError{Lanes: missing}
	}
	return c, nil
}

// Select gives the probes by name, or all that have a lane for checks.
func Select(cfg *config.Config, names []string) ([]config.Probe, error) {
	var out []config.Probe
	if len(names) == 0 {
		for _, p := range cfg.Probes {
			if len(cfg.LanesOf(p, config.Check)) > 0 && p.Flow != flows.SignIn {
				out = append(out, p)
			}
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("no probe has a lane with `use: check`")
		}
		return out, nil
	}
	for _, name := range names {
		p, ok := cfg.Probe(name)
		if !ok {
			var known []string
			for _, p := range cfg.Probes {
				known = append(known, p.Name)
			}
			return nil, fmt.Errorf("no probe is called %q; there are: %s", name, strings.Join(known, ", "))
		}
		if len(cfg.LanesOf(p, config.Check)) == 0 {
			return nil, fmt.Errorf("probe %s has no lane with `use: check`; a lane never serves two processes", name)
		}
		if !slices.ContainsFunc(out, func(q config.Probe) bool { return q.Name == name }) {
			out = append(out, p)
		}
	}
	return out, nil
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

// Reach builds the clients of one platform, and the judge that knows what else
// there is to ask when something is silent.
func Reach(p config.Platform, log *slog.Logger) (*darktower.Platform, *flows.Judge, error) {
	r, err := p.Reach(nil, nil)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := account.NewClient(r.AC)
	if err != nil {
		return nil, nil, err
	}
	meetings, err := meeting.NewClient(r.GC)
	if err != nil {
		return nil, nil, err
	}
	d := p.Deadlines
	platform := &darktower.Platform{Accounts: accounts, Meetings: meetings, MC: r.MC, MH: r.MH, Log: log,
		Deadlines: darktower.Deadlines{SignIn: d.SignIn.D(), GC: d.GC.D(), MC: d.MC.D(), MH: d.MH.D(), Default: d.Default.D()}}
	witness := &flows.Witness{Reference: reference(p.Reference)}
	for hop, base := range map[flows.Hop]string{flows.AC: p.ACURL, flows.GC: p.GCURL} {
		if addr, ok := hostPort(base); ok {
			witness.HTTP = append(witness.HTTP, flows.Target{Hop: hop, Addr: addr, Ping: flows.TCPPing(addr)})
		}
	}
	return platform, &flows.Judge{Witness: witness}, nil
}

// reference answers when any of the configured addresses does; without any, it
// is the resolver.
func reference(addrs []string) func(context.Context) error {
	if len(addrs) == 0 {
		return flows.ResolverPing
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answers := make(chan error, len(addrs))
		for _, a := range addrs {
			go func() { answers <- flows.TCPPing(a)(ctx) }()
		}
		var err error
		for range addrs {
			if err = <-answers; err == nil {
				return nil
			}
		}
		return err
	}
}

func hostPort(base string) (string, bool) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname() + ":" + port, true
}

// Run runs every probe the configured number of times, in turn, so that a lane
// rests while others run. It ends early when ctx does, and returns what there is.
func (c *Check) Run(ctx context.Context) []flows.Run {
	var runs []flows.Run
	free := make(map[string]time.Time) // when a lane's meeting has rested
	for n := range max(c.opts.Runs, 1) {
		for _, p := range c.probes {
			if !until(ctx, free[p.lane.Name]) {
				return runs
			}
			run := flows.Execute(ctx, flows.Spec{
				Probe: p.Name, Flow: p.Flow, Lane: p.lane.Name, Trigger: flows.OnDemand, Informational: p.Informational,
				Timeout: p.Timeout.D(), Teardown: c.opts.Config.Platform.Deadlines.Teardown.D(), Tracer: c.opts.Tracer,
				Judge: c.judge,
				OnStep: func(actor string, step flows.Step, after bool) {
					if c.opts.OnStep != nil {
						c.opts.OnStep(p.Name, n+1, actor, step, after)
					}
				},
			}, p.script)
			free[p.lane.Name] = time.Now().Add(rest(p.lane, run))
			runs = append(runs, run)
			if c.opts.OnRun != nil {
				c.opts.OnRun(run)
			}
		}
	}
	return runs
}

// ghostLife is how long the platform holds a participant that did not leave
// cleanly: 10 s of idle connection, 30 s of grace, and a check every 5 s
// (platform contract, MC B.10).
const ghostLife = 45 * time.Second

// rest is how long a lane's meeting must be left empty after a run.
func rest(lane config.Lane, run flows.Run) time.Duration {
	r := run.Restoration
	ghost := run.Leaves.Unclean > 0 || r != nil && r.Disconnect == flows.CutAbrupt && !r.Resumed
	if ghost {
		return max(ghostLife, lane.Rest.D())
	}
	return lane.Rest.D()
}

// until waits for a moment; false when ctx ended first.
func until(ctx context.Context, moment time.Time) bool {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Close ends what outlives a run: a resident anchor, the lag sampler.
func (c *Check) Close(ctx context.Context) {
	for _, p := range c.probes {
		if closer, ok := p.script.(interface{ Close(context.Context) error }); ok {
			_ = closer.Close(ctx)
		}
	}
	c.watch.Stop()
}
