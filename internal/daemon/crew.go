package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/probe"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/setup"
)

// crew is the probes in force. A reload replaces those that have changed; the old
// ones finish what they are at, and close when nothing runs on them any more.
type crew struct {
	watch  people.Watch
	visits people.Visits // what was left before a reload is left

	mu      sync.Mutex // protects all following fields
	members map[string]*member
	ghost   time.Duration  // how long the platform in force holds whoever did not leave cleanly
	closing sync.WaitGroup // members that are no longer in force
}

// member is a probe in force, or one that a run still goes on.
type member struct {
	*probe.Probe
	fingerprint string
	site        *tenancy

	uses    int  // runs under way; protected by the crew's mu
	retired bool // protected by the crew's mu
}

// tenancy closes a site when the last member on it has closed.
type tenancy struct {
	*setup.Site
	tenants int // protected by the crew's mu
}

// changes are the names of the probes that another configuration begins, begins anew
// and ends.
type changes struct{ added, changed, removed []string }

// apply puts the configuration of a site in force and returns what the scheduler has
// to know. On an error nothing has changed, and the site is the caller's to close.
func (c *crew) apply(ctx context.Context, site *setup.Site) (_ []schedule.Probe, ch changes, _ error) {
	home := &tenancy{Site: site}
	next := make(map[string]*member)
	var plan []schedule.Probe
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range runnable(site.Config) {
		lanes := site.Config.LanesOf(p, config.Run)
		fingerprint, err := probe.Fingerprint(site, p, lanes)
		if err != nil {
			return nil, changes{}, err
		}
		switch old := c.members[p.Name]; {
		case old != nil && old.fingerprint == fingerprint:
			next[p.Name] = old
		default:
			staged, err := probe.New(site, p, lanes, c.watch, &c.visits)
			if err != nil {
				return nil, changes{}, fmt.Errorf("probe %s: %w", p.Name, err)
			}
			next[p.Name] = &member{Probe: staged, fingerprint: fingerprint, site: home}
			if old == nil {
				ch.added = append(ch.added, p.Name)
			} else {
				ch.changed = append(ch.changed, p.Name)
			}
		}
		plan = append(plan, planned(p, lanes, fingerprint))
	}
	for _, m := range next {
		if m.site == home {
			home.tenants++
		}
	}
	if home.tenants == 0 {
		site.Close() // everything is as it was
	}
	for name, old := range c.members {
		if next[name] == nil {
			ch.removed = append(ch.removed, name)
		}
		if next[name] != old {
			c.retireLocked(ctx, old)
		}
	}
	slices.Sort(ch.removed)
	c.members, c.ghost = next, site.Config.Platform.Ghost.D()
	return plan, ch, nil
}

// runnable are the probes that have a lane for the daemon.
func runnable(cfg *config.Config) []config.Probe {
	var out []config.Probe
	for _, p := range cfg.Probes {
		if len(cfg.LanesOf(p, config.Run)) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func planned(p config.Probe, lanes []config.Lane, fingerprint string) schedule.Probe {
	run, standing := p.Needs(lanes)
	out := schedule.Probe{
		Name: p.Name, Interval: p.Every(lanes).D(), Paused: p.Paused, Fingerprint: fingerprint,
		Flow: p.Flow, Informational: p.Informational,
		Participants: run.Participants, DatagramsPerSecond: run.DatagramsPerSecond, Standing: schedule.Budget(standing),
	}
	for _, l := range lanes {
		out.Lanes = append(out.Lanes, schedule.Lane{Name: l.Name, Rest: l.Rest.D()})
	}
	return out
}

// run runs the probe in force once. The last run on a member that is no longer in
// force ends with its closing, so that the lane rests from when it is empty.
func (c *crew) run(ctx context.Context, s schedule.Start, h probe.Hooks) flows.Run {
	c.mu.Lock()
	m := c.members[s.Probe]
	if m == nil || !m.Has(s.Lane) { // taken away by a reload in the moment in which it was due
		defer c.mu.Unlock()
		out := flows.Run{ID: uuid.NewString(), Probe: s.Probe, Lane: s.Lane, Trigger: s.Trigger, Started: time.Now(), Outcome: flows.Aborted}
		if m != nil {
			out.Flow, out.Informational = m.Flow, m.Informational
		}
		return out
	}
	m.uses++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		m.uses--
		last := m.retired && m.uses == 0
		c.mu.Unlock()
		if last {
			c.close(context.WithoutCancel(ctx), m)
		}
	}()
	return m.Run(ctx, s.Lane, s.Trigger, h)
}

// retireLocked takes a member out of force. When nothing runs on it, it closes on
// its own time: somebody may have to leave a meeting.
func (c *crew) retireLocked(ctx context.Context, m *member) {
	m.retired = true
	c.closing.Add(1)
	if m.uses == 0 {
		go c.close(context.WithoutCancel(ctx), m)
	}
}

// close closes a member that is not in force and that nothing runs on.
func (c *crew) close(ctx context.Context, m *member) {
	defer c.closing.Done()
	ctx, cancel := context.WithTimeout(ctx, m.site.Config.Platform.Deadlines.Teardown.D())
	defer cancel()
	_ = m.Close(ctx) // a resident that did not leave is a ghost for a while, and nothing can be done
	c.mu.Lock()
	m.site.tenants--
	last := m.site.tenants == 0
	c.mu.Unlock()
	if last {
		m.site.Site.Close()
	}
}

// dismiss closes everybody when the scheduler has stopped.
func (c *crew) dismiss(ctx context.Context) error {
	c.mu.Lock()
	for _, m := range c.members {
		c.retireLocked(ctx, m)
	}
	c.members = nil
	c.mu.Unlock()
	done := make(chan struct{})
	go func() { c.closing.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("somebody did not leave in time")
	}
}

// owns reports whether a run is one of a probe in force. A probe of another flow, or
// with another disconnect, is another probe.
func (c *crew) owns(run flows.Run) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[run.Probe]
	if m == nil || m.Flow != run.Flow {
		return false
	}
	return run.Restoration == nil || m.Reconnect == nil || m.Reconnect.Disconnect == run.Restoration.Disconnect
}

// laneRest says how long a lane rests after a run of a probe, whichever probe it
// belongs to by then.
func (c *crew) laneRest(lane schedule.Lane, run flows.Run) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return probe.RestAfter(run, lane.Rest, c.ghost)
}
