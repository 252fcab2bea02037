package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/probe"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/telemetry/logging"
)

// once runs a probe for the scheduler, and logs its steps as they end.
func (d *Daemon) once(ctx context.Context, s schedule.Start) flows.Run {
	kept, flow := d.journal(), d.flowOf(s.Probe)
	run := d.crew.run(ctx, s, probe.Hooks{Tracer: d.tracing.Tracer(),
		OnDone: func(step flows.StepResult) { kept.Step(s.Probe, flow, step) }})
	d.journals.Store(run.ID, kept)
	return run
}

// journal is the log of one run, which is kept with it besides.
type journal struct {
	logging.Runs
	lines *lines
}

func (d *Daemon) journal() journal {
	to := &lines{}
	beside := logging.New(to, logging.Options{Format: logging.Text, Level: slog.LevelDebug, Key: d.hashKey}).Handler()
	return journal{logging.NewRuns(slog.New(slog.NewMultiHandler(d.log.Handler(), beside))), to}
}

// journalOf is the journal of a finished run. One that broke off so that it was not
// even finished properly has none, and still its line.
func (d *Daemon) journalOf(run flows.Run) journal {
	if of, ok := d.journals.LoadAndDelete(run.ID); ok {
		return of.(journal)
	}
	return d.journal()
}

func (d *Daemon) flowOf(name string) flows.Flow {
	p, _ := d.config().Probe(name)
	return p.Flow
}

// observer is the daemon as the scheduler sees it.
type observer Daemon

// Started implements schedule.Observer.
func (o *observer) Started(s schedule.Start) {
	if s.Trigger == flows.Scheduled {
		o.metrics.Started(s.Probe, s.Delay)
	}
}

// Skipped implements schedule.Observer.
func (o *observer) Skipped(s schedule.Skip) { o.metrics.Skipped(s.Probe, string(s.Reason)) }

// Finished implements schedule.Observer: here a run becomes all that is ever seen of
// it. One of a probe that a reload has taken away, or made another one, has its line
// and its trace, and counts nowhere.
func (o *observer) Finished(s schedule.Start, run flows.Run) {
	kept := o.tracing.Settle(run, o.budgets.notable(run))
	journal := (*Daemon)(o).journalOf(run)
	journal.Run(run)
	if o.crew.owns(run) {
		o.metrics.Observe(run, kept)
		o.history.Add(history.Finished{Run: run, Kept: kept, Log: journal.lines.all()})
		if s.Trigger == flows.Scheduled {
			o.budgets.count(time.Now(), run)
		}
	}
	if s.Trigger == flows.Scheduled {
		o.metrics.Finished(s.Probe)
	}
}

// Inherited implements schedule.Observer: an outage does not thin out its own
// samples. What somebody started by hand moves no objective.
func (o *observer) Inherited(run flows.Run, slots int) {
	if run.Trigger == flows.Scheduled && o.crew.owns(run) {
		o.budgets.inherit(time.Now(), run, slots)
	}
}

// BackedOff implements schedule.Observer.
func (o *observer) BackedOff(probe string, until time.Time, interval time.Duration) {
	o.metrics.BackedOff(probe, interval)
	if !until.IsZero() {
		o.log.Warn("a service asked to be left alone: the probe runs less often", "probe", probe, "until", until.UTC().Format(time.RFC3339), "interval", interval.String())
		return
	}
	o.log.Info("the probe runs at its own interval again", "probe", probe, "interval", interval.String())
}

// lines collects the log of one run.
type lines struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimRight(l.buf.String(), "\n"), "\n")
}

// countDrops keeps the metric of spans that were lost up to date.
func (d *Daemon) countDrops(ctx context.Context) {
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	var counted uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			dropped := d.tracing.Dropped()
			d.metrics.Dropped("spans", dropped-counted)
			counted = dropped
		}
	}
}
