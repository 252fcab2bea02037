package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// content is a digest of what a reload would look at.
func (d *Daemon) content() []byte {
	d.mu.Lock()
	named := d.named
	d.mu.Unlock()
	return contentOf(d.opts.Files.Config, append([]string{d.opts.Files.LanesPath()}, named...)...)
}

// read reads the configuration, and the content before that: what changes meanwhile is
// then another content. Which files it names must be known even before that.
func (d *Daemon) read() (*config.Config, []byte, error) {
	if cfg, err := setup.Load(d.opts.Files.Config); err == nil {
		named := cfg.Files(nil, lanesOf(cfg)...)
		d.mu.Lock()
		d.named = named
		d.mu.Unlock()
	}
	seen := d.content()
	cfg, err := setup.Load(d.opts.Files.Config)
	return cfg, seen, err
}

// reload puts the configuration as it is now in force, and returns the content that it
// was read from. It is read and opened first: when anything is wrong with it, the old
// one stays.
func (d *Daemon) reload(ctx context.Context) []byte {
	seen, ch, err := d.tryReload(ctx)
	d.metrics.Reloaded(err == nil, time.Now())
	if err != nil {
		d.log.Error("the new configuration is not used: the old one stays in force", "error", err)
		return seen
	}
	attrs := []any{"probes", len(d.scheduler.Status())}
	for _, x := range []struct {
		what  string
		names []string
	}{{"added", ch.added}, {"changed", ch.changed}, {"removed", ch.removed}} {
		if len(x.names) > 0 {
			attrs = append(attrs, x.what, strings.Join(x.names, ", "))
		}
	}
	d.log.Info("the configuration was read again", attrs...)
	return seen
}

func (d *Daemon) tryReload(ctx context.Context) (seen []byte, ch changes, err error) {
	cfg, seen, err := d.read()
	if err != nil {
		return seen, ch, err
	}
	site, err := d.site(cfg)
	if err != nil {
		return seen, ch, err
	}
	if ch, err = d.adopt(ctx, site); err != nil {
		site.Close()
		return seen, ch, err
	}
	d.warn(cfg)
	for _, f := range fixed(d.begun, cfg.Daemon) {
		d.log.Warn("this setting takes effect with the next start", "setting", f)
	}
	return seen, ch, nil
}

// warn says what in a configuration is allowed and probably not meant.
func (d *Daemon) warn(cfg *config.Config) {
	for _, w := range cfg.Warnings() {
		d.log.Warn("the configuration may not be meant so", "at", w.In(d.opts.Files.Config))
	}
}

// fixed are the settings that are not as they were at the start, and that a reload
// does not change.
func fixed(begun, now config.Daemon) []string {
	var out []string
	for _, x := range []struct {
		name string
		same bool
	}{
		{"daemon.listen", begun.Listen == now.Listen},
		{"daemon.token", begun.Token == now.Token},
		{"daemon.first_run", begun.FirstRun == now.FirstRun},
		{"daemon.drain", begun.Drain == now.Drain},
		{"daemon.keep", begun.Keep == now.Keep},
		{"daemon.state_file", begun.StateFile == now.StateFile},
		{"daemon.traces.keep_one_in", begun.Traces == now.Traces},
		{"daemon.logs.format", begun.Logs.Format == now.Logs.Format},
		{"daemon.logs.hash_key", begun.Logs.HashKey == now.Logs.HashKey},
	} {
		if !x.same {
			out = append(out, x.name)
		}
	}
	return out
}

// adopt puts a configuration and what was opened for it in force, everywhere.
func (d *Daemon) adopt(ctx context.Context, site *setup.Site) (changes, error) {
	cfg := site.Config
	plan, ch, err := d.crew.apply(ctx, site)
	if err != nil {
		return ch, fmt.Errorf("staging the probes: %w", err)
	}
	objectives := slo.Objectives(cfg)
	d.mu.Lock()
	d.cfg = cfg
	d.mu.Unlock()
	_ = d.level.UnmarshalText([]byte(cfg.Daemon.Logs.Level))
	d.metrics.Apply(measured(cfg, objectives))
	d.budgets.apply(objectives)
	d.history.Retain(names(plan))
	d.scheduler.Apply(plan, schedule.Budget{
		Participants: cfg.Daemon.Budget.Participants, DatagramsPerSecond: cfg.Daemon.Budget.DatagramsPerSecond})
	return ch, nil
}

func names(plan []schedule.Probe) []string {
	var out []string
	for _, p := range plan {
		out = append(out, p.Name)
	}
	return out
}

// measured is what the metrics have to know of the probes.
func measured(cfg *config.Config, objectives []slo.Objective) []metrics.Probe {
	var out []metrics.Probe
	for _, p := range runnable(cfg) {
		m := metrics.Probe{Name: p.Name, Flow: p.Flow, Interval: p.Every(cfg.LanesOf(p, config.Run)).D()}
		if p.Reconnect != nil {
			m.Disconnect = p.Reconnect.Disconnect
		}
		for _, o := range objectives {
			if o.Probe != p.Name {
				continue
			}
			if o.Threshold > 0 {
				m.Thresholds = append(m.Thresholds, o.Threshold)
			}
			m.Objectives = append(m.Objectives, metrics.Objective{Name: o.Name, Probe: o.Probe, Flow: o.Flow, Service: o.Service, SLI: string(o.SLI),
				Target: o.Target, Threshold: o.Threshold, Interval: o.Interval, Window: o.Window, Role: string(o.Role)})
		}
		out = append(out, m)
	}
	return out
}
