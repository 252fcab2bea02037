// Package daemon is `prober run`: probes on a schedule for ever, and every finished
// run turned into metrics, a trace, log lines, error budgets and a place on the page.
// One value, the flows.Run, feeds all of them, so that they cannot disagree.
//
// It is wiring: when a probe runs is schedule's, what is counted is telemetry's and
// slo's, who may look is web's.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/schedule"
	"github.com/dark-tower/prober/internal/selfwatch"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/telemetry/logging"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
	"github.com/dark-tower/prober/internal/web"
)

// Options are what a daemon is made of.
type Options struct {
	Files             setup.Files
	Out               io.Writer // of the log
	Terminal          bool      // Out is looked at by a person
	Color             bool      // with colours; only on a terminal
	Version, Revision string
	Instance          string          // seeds the splay; such as the host's name
	Reload            <-chan struct{} // asks for the configuration to be read again; may be nil
	LookAgain         time.Duration   // between two looks at the configuration's content; default 10 s

	OnListening func(net.Addr) // may be nil
}

// Daemon is the running prober.
type Daemon struct {
	opts    Options
	log     *slog.Logger
	level   *slog.LevelVar
	hashKey []byte // of the log, and of what is kept of it with each run

	watch     *selfwatch.Sampler
	crew      *crew
	scheduler *schedule.Scheduler
	metrics   *metrics.Metrics
	tracing   *tracing.Tracing
	budgets   *budgets
	history   *history.Store
	web       *web.Server

	journals sync.Map // of runs that have ended and are not yet reported, by id

	begun config.Daemon // as it was at the start: much of it stays in force
	seen  []byte        // the content that the configuration was first read from

	ending, closing time.Duration // see defaultEnding

	mu    sync.Mutex     // protects all following fields
	cfg   *config.Config // in force
	named []string       // files that the configuration names, as it was read last
}

func (d *Daemon) config() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

// Run runs the daemon until ctx is done. An error before it has begun is one of the
// configuration, of what it names, or of the port.
func Run(ctx context.Context, o Options) error {
	d, listener, err := open(ctx, o)
	if err != nil {
		return err
	}
	if o.OnListening != nil {
		o.OnListening(listener.Addr())
	}
	return d.run(ctx, listener)
}

// open makes everything ready. Nothing has been asked of the platform yet.
func open(ctx context.Context, o Options) (_ *Daemon, _ net.Listener, err error) {
	if o.LookAgain <= 0 {
		o.LookAgain = 10 * time.Second
	}
	d := &Daemon{opts: o, level: new(slog.LevelVar), ending: defaultEnding, closing: defaultClosing}
	var cfg *config.Config
	if cfg, d.seen, err = d.read(); err != nil {
		return nil, nil, err
	}
	d.begun = cfg.Daemon
	noLog := d.openLog(cfg.Daemon.Logs)
	token, noToken := cfg.Daemon.Token.Fetch(nil, nil)
	if noToken != nil {
		noToken = fmt.Errorf("daemon.token: %w", noToken)
	}
	var undo []func() error // of what is open already
	defer func() {
		for _, close := range slices.Backward(undo) {
			if err != nil {
				err = errors.Join(err, close())
			}
		}
	}()
	site, err := d.site(cfg)
	if err != nil {
		return nil, nil, errors.Join(noToken, noLog, err) // whatever is missing, at once
	}
	undo = append(undo, func() error { site.Close(); return nil })
	if err = errors.Join(noToken, noLog); err != nil {
		return nil, nil, err
	}
	if d.tracing, err = tracing.Open(ctx, tracing.Options{Version: o.Version, Instance: o.Instance,
		KeepOneIn: cfg.Daemon.Traces.KeepOneIn, Log: d.log}); err != nil {
		return nil, nil, err
	}
	undo = append(undo, func() error { return d.tracing.Shutdown(context.WithoutCancel(ctx)) })
	d.metrics = metrics.New(metrics.Build{Version: o.Version, Revision: o.Revision})
	d.history = history.New(cfg.Daemon.Keep)
	now := time.Now()
	if d.budgets, err = openBudgets(cfg.Daemon.StateFile, d.metrics, now, slo.Objectives(cfg), d.log); err != nil {
		return nil, nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Daemon.Listen)
	if err != nil {
		return nil, nil, &ListenError{Addr: cfg.Daemon.Listen, Err: err}
	}
	undo = append(undo, listener.Close)
	d.watch = selfwatch.Start()
	undo = append(undo, func() error { d.watch.Stop(); return nil })
	d.crew = &crew{watch: d.watch}
	d.scheduler = schedule.New(schedule.Options{
		Instance: o.Instance, FirstRun: cfg.Daemon.FirstRun.D(), Ghost: cfg.Platform.Ghost.D(),
		Rest: d.crew.laneRest, Run: d.once, Observer: (*observer)(d),
	})
	if d.web, err = d.server(cfg, listener, token); err == nil {
		_, err = d.adopt(ctx, site)
	}
	if err != nil {
		return nil, nil, err
	}
	d.metrics.Reloaded(true, now)
	d.warn(cfg)
	return d, listener, nil
}

// ListenError is a port that cannot be had.
type ListenError struct {
	Addr string
	Err  error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("daemon.listen: %s cannot be listened on: %v", e.Addr, e.Err)
}

// Unwrap returns what the system said.
func (e *ListenError) Unwrap() error { return e.Err }

// openLog makes the log. With an error, of its key, there is a log all the same.
func (d *Daemon) openLog(l config.Logs) error {
	key, err := l.HashKey.Fetch(nil, nil)
	if err != nil {
		err = fmt.Errorf("daemon.logs.hash_key: %w", err)
	}
	format := logging.JSON
	if l.Format == config.LogText || l.Format == config.LogAuto && d.opts.Terminal {
		format = logging.Text
	}
	_ = d.level.UnmarshalText([]byte(l.Level)) // the configuration knows four words, and so does slog
	if d.hashKey = []byte(key); key == "" {
		d.hashKey = make([]byte, 32)
		_, _ = rand.Read(d.hashKey) // never fails
	}
	d.log = logging.New(d.opts.Out, logging.Options{Format: format, Level: d.level, Color: d.opts.Color, Key: d.hashKey})
	return err
}

// site opens what the probes in cfg need.
func (d *Daemon) site(cfg *config.Config) (*setup.Site, error) {
	lanes := lanesOf(cfg)
	if len(lanes) == 0 {
		return nil, errors.New("no probe has a lane with `use: run`; add one, since a lane never serves two processes")
	}
	return setup.Open(cfg, d.opts.Files, config.Run, lanes, d.log)
}

// lanesOf are the lanes for the daemon.
func lanesOf(cfg *config.Config) []string {
	var out []string
	for _, p := range runnable(cfg) {
		for _, l := range cfg.LanesOf(p, config.Run) {
			out = append(out, l.Name)
		}
	}
	return out
}
