package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/web"
)

// server makes the port's server.
func (d *Daemon) server(cfg *config.Config, listener net.Listener, token string) (*web.Server, error) {
	return web.New(web.Options{
		Metrics: d.metrics.Handler(), Runs: d.history, Probes: d.status, Trigger: d.trigger,
		Alive: d.scheduler.Alive, Ready: d.scheduler.Ready,
		Loopback: web.IsLoopback(listener.Addr()), Token: httpapi.Secret(token),
		Version: d.opts.Version, Platform: cfg.Platform.Organisation, Log: d.log,
	})
}

// errGone is why a run by hand ends when nobody waits for it any more.
var errGone = fmt.Errorf("whoever asked for the run has gone: %w", context.Canceled)

// trigger runs a probe now, for the API.
func (d *Daemon) trigger(ctx context.Context, name string) (flows.Run, error) {
	asked := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(asked))
	defer cancel(nil)
	defer context.AfterFunc(asked, func() { cancel(errGone) })()
	run, err := d.scheduler.Now(ctx, name)
	var busy *schedule.BusyError
	switch {
	case errors.Is(err, schedule.ErrUnknownProbe):
		return run, web.ErrUnknownProbe
	case errors.As(err, &busy):
		return run, &web.BusyError{Why: busy.Reason(), Until: busy.Until}
	case errors.Is(err, schedule.ErrNotRunning):
		return run, &web.BusyError{Why: "the prober is starting or stopping"}
	}
	return run, err
}

// status is what the page and the API show of the probes.
func (d *Daemon) status() []web.ProbeStatus {
	cfg := d.config()
	scheduled := make(map[string]schedule.Status)
	for _, s := range d.scheduler.Status() {
		scheduled[s.Probe] = s
	}
	budgets := make(map[string][]slo.Budget)
	for _, b := range d.budgets.book.Report(time.Now()) {
		budgets[b.Objective.Probe] = append(budgets[b.Objective.Probe], b)
	}
	var out []web.ProbeStatus
	for _, p := range runnable(cfg) {
		s := scheduled[p.Name]
		view := web.ProbeStatus{
			Name: p.Name, Flow: p.Flow, Informational: p.Informational, Paused: p.Paused,
			Interval: s.Interval, NextDue: s.NextDue, RunningSince: s.Running, BackoffUntil: s.BackoffUntil,
			Skipped: string(s.Skipped), Oversized: s.Oversized,
		}
		if view.Interval == 0 {
			view.Interval = p.Every(cfg.LanesOf(p, config.Run)).D()
		}
		for _, l := range s.Lanes {
			if l.Until.After(time.Now()) {
				view.Resting = append(view.Resting, web.LaneRest{Lane: l.Name, Until: l.Until})
			}
		}
		for _, b := range budgets[p.Name] {
			view.Objectives = append(view.Objectives, shown(b))
		}
		out = append(out, view)
	}
	return out
}

func shown(b slo.Budget) web.ObjectiveStatus {
	o := b.Objective
	out := web.ObjectiveStatus{
		Name: o.Name, Indicator: string(o.SLI), Role: string(o.Role), Target: o.Target, Threshold: o.Threshold, Window: o.Window,
		SLI: b.SLI, Consumed: b.Consumed, Remaining: b.Remaining,
		Coverage: fmt.Sprintf("%s of %s measured", span(b.Measured), span(o.Window)),
	}
	for _, w := range slo.BurnWindows() {
		burn := web.Burn{Window: w}
		if rate, known := b.Burn[w]; known {
			burn.Rate = &rate
		}
		out.Burn = append(out.Burn, burn)
	}
	return out
}

// span writes a window, and how long of it was measured, as people say it.
func span(d time.Duration) string {
	tenths := func(x float64) string { return strconv.FormatFloat(math.Round(10*x)/10, 'f', -1, 64) }
	switch {
	case d >= 24*time.Hour:
		return tenths(d.Hours()/24) + " d"
	case d >= time.Hour:
		return tenths(d.Hours()) + " h"
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}
