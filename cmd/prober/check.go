package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/gate"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/telemetry/logging"
)

type checkFlags struct {
	files    setup.Files
	probes   []string
	runs     int
	output   string
	devstack bool
	link     link.Spec
	verbose  bool

	gate         bool
	over, warmUp time.Duration
	inconclusive string

	junit, html string
	termination string
}

func newCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Run the probes once, print what was seen, and exit with a verdict",
		Long: `check runs every probe that has a lane for checks, one after another, and prints
what each step took, what the media looked like, and whose fault it was when
something failed. The report goes to standard output, everything else to standard
error; on a terminal, one line there says what is being done.

With --gate it decides about a deployment: each probe is run as often as its gating
objectives say (or --runs, or as often as fits into --for), on all of its lanes,
until what its runs prove cannot change any more. An objective passes, fails, or is
inconclusive: the runs prove neither. What is not going to be known is said
beforehand, and how long it takes.

In a pipeline it also writes to $GITHUB_STEP_SUMMARY, and in a pod to
/dev/termination-log, where those are there.

Ctrl-C ends it: people leave their meetings, what is known is printed. A second
Ctrl-C ends it at once, and the platform takes up to 45 s to notice.

Exit codes           without --gate              with --gate
  0                  every run succeeded;        every gating objective is proved
                     informational ones do
                     not count
  1                  a run failed                an objective is missed
  2                  usage or configuration: nothing was run
  3                  nothing failed, but a run   nothing is missed, but not everything
                     is inconclusive             is proved; see --inconclusive
  4                  nothing could be judged,    the prober or its setup kept it from
                     because of the prober or    a verdict, and nothing is missed
                     its setup
  130                interrupted`,
		Example: `  prober check --devstack                        needs no platform
  prober check                                   every probe of ./probes.yaml
  prober check --probe join --runs 20            one probe, twenty times
  prober check --probe join --probe media        two of them
  prober check --gate --junit gate.xml           is this deployment good?
  prober check --gate --warm-up 5m --for 5m      ... that has just been rolled out
  prober check --output json > runs.json         for machines
  prober check --devstack --link "delay=40ms"    over a poor network`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCheck(cmd, f) },
	}
	addFileFlags(cmd, &f.files)
	cmd.Flags().StringSliceVarP(&f.probes, "probe", "p", nil, "run only the probe of this `name`; may be repeated")
	addNumber(cmd, &f.runs, "runs", "n", 1, 10000, "`number` of runs of each probe")
	addChoice(cmd, &f.output, "output", "o", "text", "`format` of the report: text or json", "text", "json")
	cmd.Flags().BoolVar(&f.gate, "gate", false, "judge the gating objectives, by as many runs as they need")
	cmd.Flags().DurationVar(&f.over, "for", 0, "with --gate: spread the runs of each probe over so long, and begin none later (default: over 1m at least, with --devstack not at all, and without an end)")
	cmd.Flags().DurationVar(&f.warmUp, "warm-up", 0, "with --gate: wait at most so long until a platform that has just been deployed works; these runs are not judged")
	addChoice(cmd, &f.inconclusive, "inconclusive", "", "exit3", "with --gate: what an inconclusive `verdict` is: exit3, pass or fail", "exit3", "pass", "fail")
	cmd.Flags().StringVar(&f.junit, "junit", "", "also write the result to this `file` as JUnit XML")
	cmd.Flags().StringVar(&f.html, "html", "", "also write the result to this `file` as one self-contained page")
	cmd.Flags().StringVar(&f.termination, "termination-log", "/dev/termination-log", "leave the verdict in this `file` if it exists, for a pod")
	cmd.Flags().BoolVar(&f.devstack, "devstack", false, "check a platform embedded in this process instead of a configured one")
	addLinkFlag(cmd, &f.link)
	addVerboseFlag(cmd, &f.verbose)
	return cmd
}

func runCheck(cmd *cobra.Command, f checkFlags) (err error) {
	if f.devstack && (cmd.Flags().Changed("config") || cmd.Flags().Changed("lanes")) {
		return errors.New("--devstack brings its own configuration and lanes; leave out --config and --lanes")
	}
	if !f.devstack && cmd.Flags().Changed("link") {
		return errors.New("--link is a network before the embedded platform; add --devstack")
	}
	if err := gateFlagsOnly(cmd, f); err != nil {
		return err
	}
	if err := f.claim(); err != nil {
		return err
	}
	defer f.disclaim()
	ctx := cmd.Context()
	progress := newProgress(cmd.ErrOrStderr(), f.verbose, f.runs)
	defer progress.Clear()
	defer context.AfterFunc(ctx, progress.Leaving)()
	traces, err := openTraces(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.close(ctx)) }() // behind the embedded platform, whose spans end with it

	site, tasks, closeSite, err := openSite(ctx, f, traces, logger(cmd.ErrOrStderr(), f.verbose), progress)
	if err != nil {
		return err
	}
	defer closeSite()
	res, err := perform(cmd, f, site, tasks, traces, progress)
	progress.Clear()
	if res == nil {
		return err
	}
	return errors.Join(show(cmd, f, *res), err)
}

// perform makes the runs; the result is nil when it could not begin.
func perform(cmd *cobra.Command, f checkFlags, site *setup.Site, tasks []check.Task, traces traces, progress *progress) (*checked, error) {
	if f.gate {
		return judge(cmd, f, site, tasks, traces, progress)
	}
	ctx := cmd.Context()
	res := &checked{cfg: site.Config, started: time.Now()}
	c, err := check.New(check.Options{Site: site, Tasks: tasks, Runs: f.runs, Tracer: traces.runs.Tracer(),
		OnStep: progress.Step, OnRun: traces.keep, OnRest: progress.Rest})
	if err != nil {
		return nil, err
	}
	res.runs = c.Run(ctx)
	res.code = report.ExitCode(res.runs)
	return res, c.Close(context.WithoutCancel(ctx))
}

// lanes is how many lanes of a probe are of use at most.
func (f checkFlags) lanes() int {
	if f.gate {
		return math.MaxInt
	}
	return f.runs
}

// lanesOf are the lanes that will be used.
func (f checkFlags) lanesOf(cfg *config.Config, tasks []check.Task) []string {
	if f.gate {
		tasks = gate.Tasks(cfg, tasks)
	}
	return check.Lanes(tasks)
}

// openSite makes everything ready that is needed to run the probes.
func openSite(ctx context.Context, f checkFlags, traces traces, log *slog.Logger, p *progress) (site *setup.Site, tasks []check.Task, stop func(), err error) {
	if f.devstack {
		return openDevstack(ctx, f, traces, log, p)
	}
	cfg, err := setup.Load(f.files.Config)
	if err != nil {
		return nil, nil, nil, err
	}
	if tasks, err = check.Select(cfg, f.probes, f.lanes()); err != nil {
		return nil, nil, nil, err
	}
	if site, err = setup.Open(cfg, f.files, config.Check, f.lanesOf(cfg, tasks), log); err != nil {
		return nil, nil, nil, err
	}
	return site, tasks, site.Close, nil
}

func openDevstack(ctx context.Context, f checkFlags, traces traces, log *slog.Logger, p *progress) (site *setup.Site, tasks []check.Task, stop func(), err error) {
	p.Show("starting the embedded platform")
	platform, err := embedded.Start(ctx, devstack.Options{TracerProvider: traces.services.Provider, Log: log})
	if err != nil {
		return nil, nil, nil, &exit{report.ExitProber, err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, platform.Close())
		}
	}()
	if f.link != (link.Spec{}) {
		if err := platform.Through(f.link); err != nil {
			return nil, nil, nil, &exit{report.ExitProber, err}
		}
	}
	cfg, err := platform.Config()
	if err != nil {
		return nil, nil, nil, err
	}
	if tasks, err = check.Select(cfg, f.probes, f.lanes()); err != nil {
		return nil, nil, nil, err
	}
	site, err = platform.Site(ctx, cfg, f.lanesOf(cfg, tasks), log, func(e provision.Event) { p.Show(e.String()) })
	if err != nil {
		return nil, nil, nil, &exit{report.ExitProber, fmt.Errorf("preparing the embedded platform: %w", err)}
	}
	return site, tasks, func() { site.Close(); _ = platform.Close() }, nil
}

func logger(w io.Writer, verbose bool) *slog.Logger {
	if !verbose {
		return nil
	}
	return logging.New(w, logging.Options{Format: logging.Text, Level: slog.LevelDebug})
}
