package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// content is what a reload would look at.
func (d *Daemon) content() []byte { return contentOf(d.opts.Files.Config, d.opts.Files.LanesPath()) }

// reload puts the configuration as it is now in force. It is read and opened first:
// when anything is wrong with it, the old one stays.
func (d *Daemon) reload(ctx context.Context) {
	err := d.tryReload(ctx)
	d.metrics.Reloaded(err == nil, time.Now())
	if err != nil {
		d.log.Error("the new configuration is not used: the old one stays in force", "error", err)
		return
	}
	d.log.Info("the configuration was read again", "probes", len(d.scheduler.Status()))
}

func (d *Daemon) tryReload(ctx context.Context) error {
	cfg, err := setup.Load(d.opts.Files.Config)
	if err != nil {
		return err
	}
	site, err := d.site(cfg)
	if err != nil {
		return err
	}
	old := d.config()
	if err := d.adopt(ctx, site); err != nil {
		site.Close()
		return err
	}
	for _, f := range fixed(old.Daemon, cfg.Daemon) {
		d.log.Warn("this setting takes effect with the next start", "setting", f)
	}
	return nil
}

// fixed are the settings that have changed and that a reload does not change.
func fixed(old, now config.Daemon) []string {
	var out []string
	for name, same := range map[string]bool{
		"daemon.listen":             old.Listen == now.Listen,
		"daemon.token":              old.Token == now.Token,
		"daemon.first_run":          old.FirstRun == now.FirstRun,
		"daemon.drain":              old.Drain == now.Drain,
		"daemon.keep":               old.Keep == now.Keep,
		"daemon.state_file":         old.StateFile == now.StateFile,
		"daemon.traces.keep_one_in": old.Traces == now.Traces,
		"daemon.logs.format":        old.Logs.Format == now.Logs.Format,
		"daemon.logs.hash_key":      old.Logs.HashKey == now.Logs.HashKey,
	} {
		if !same {
			out = append(out, name)
		}
	}
	return out
}

// adopt puts a configuration and what was opened for it in force, everywhere.
func (d *Daemon) adopt(ctx context.Context, site *setup.Site) error {
	cfg := site.Config
	plan, err := d.crew.apply(ctx, site)
	if err != nil {
		return fmt.Errorf("staging the probes: %w", err)
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
	return nil
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
			m.Objectives = append(m.Objectives, metrics.Objective{Name: o.Name, Probe: o.Probe, Flow: o.Flow, Service: o.Service,
				Target: o.Target, Threshold: o.Threshold, Interval: o.Interval, Window: o.Window, Role: string(o.Role)})
		}
		out = append(out, m)
	}
	return out
}
