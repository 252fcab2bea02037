package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

type checkFlags struct {
	files    setup.Files
	probes   []string
	runs     int
	output   string
	devstack bool
	link     link.Spec
	verbose  bool
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

Ctrl-C ends it: people leave their meetings, what is known is printed. A second
Ctrl-C ends it at once, and the platform takes up to 45 s to notice.

Exit codes
  0    every run succeeded; informational ones do not count
  1    a run failed
  2    usage or configuration: nothing was run
  3    nothing failed, but a run is inconclusive
  4    no run could be judged, because of the prober or its setup
  130  interrupted`,
		Example: `  prober check --devstack                        needs no platform
  prober check                                   every probe of ./probes.yaml
  prober check --probe join --runs 20            one probe, twenty times
  prober check --probe join --probe media        two of them
  prober check --output json > runs.json         for machines
  prober check --devstack --link "delay=40ms"    over a poor network`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCheck(cmd, f) },
	}
	addFileFlags(cmd, &f.files)
	cmd.Flags().StringSliceVarP(&f.probes, "probe", "p", nil, "run only the probe of this `name`; may be repeated")
	addNumber(cmd, &f.runs, "runs", "n", 1, 10000, "`number` of runs of each probe")
	addChoice(cmd, &f.output, "output", "o", "text", "`format` of the report: text or json", "text", "json")
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
	ctx := cmd.Context()
	progress := newProgress(cmd.ErrOrStderr(), f.verbose, f.runs)
	defer progress.Clear()
	defer context.AfterFunc(ctx, progress.Leaving)()
	provider := sdktrace.NewTracerProvider()
	defer func() { _ = provider.Shutdown(context.WithoutCancel(ctx)) }() // nothing is exported

	site, tasks, closeSite, err := openSite(ctx, f, provider, logger(cmd.ErrOrStderr(), f.verbose), progress)
	if err != nil {
		return err
	}
	defer closeSite()
	c, err := check.New(check.Options{Site: site, Tasks: tasks, Runs: f.runs, Tracer: provider.Tracer("prober"),
		OnStep: progress.Step, OnRest: progress.Rest})
	if err != nil {
		return err
	}
	runs := c.Run(ctx)
	left := c.Close(context.WithoutCancel(ctx))
	progress.Clear()
	return errors.Join(showRuns(cmd, f, site.Config, runs), left)
}

// openSite makes everything ready that is needed to run the probes.
func openSite(ctx context.Context, f checkFlags, provider trace.TracerProvider, log *slog.Logger, p *progress) (site *setup.Site, tasks []check.Task, stop func(), err error) {
	if f.devstack {
		return openDevstack(ctx, f, provider, log, p)
	}
	cfg, err := setup.Load(f.files.Config)
	if err != nil {
		return nil, nil, nil, err
	}
	if tasks, err = check.Select(cfg, f.probes, f.runs); err != nil {
		return nil, nil, nil, err
	}
	if site, err = setup.Open(cfg, f.files, config.Check, check.Lanes(tasks), log); err != nil {
		return nil, nil, nil, err
	}
	return site, tasks, site.Close, nil
}

func openDevstack(ctx context.Context, f checkFlags, provider trace.TracerProvider, log *slog.Logger, p *progress) (site *setup.Site, tasks []check.Task, stop func(), err error) {
	p.Show("starting the embedded platform")
	platform, err := embedded.Start(ctx, devstack.Options{TracerProvider: func(string) trace.TracerProvider { return provider }, Log: log})
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
	if tasks, err = check.Select(cfg, f.probes, f.runs); err != nil {
		return nil, nil, nil, err
	}
	site, err = platform.Site(ctx, cfg, check.Lanes(tasks), log, func(e provision.Event) { p.Show(e.String()) })
	if err != nil {
		return nil, nil, nil, &exit{report.ExitProber, fmt.Errorf("preparing the embedded platform: %w", err)}
	}
	return site, tasks, func() { site.Close(); _ = platform.Close() }, nil
}

// showRuns prints what is known, and turns it into the exit code.
func showRuns(cmd *cobra.Command, f checkFlags, cfg *config.Config, runs []flows.Run) error {
	w := cmd.OutOrStdout()
	code := report.ExitCode(runs)
	if interrupted(cmd.Context()) {
		code = report.ExitInterrupted
	}
	var err error
	if f.output == "json" {
		err = report.JSON(w, runs, code)
	} else {
		err = report.Text{Color: colored(w)}.Write(w, runs)
	}
	if err != nil {
		return &exit{report.ExitProber, fmt.Errorf("printing the report: %w", err)}
	}
	mend := f.files.ProvisionCommand(config.Check)
	if f.devstack {
		mend = ""
	}
	for _, hint := range check.Hints(runs, mend, cfg.Platform.Ghost.D()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "prober:", hint)
	}
	if code != report.ExitOK {
		return &exit{code: code}
	}
	return nil
}

func logger(w io.Writer, verbose bool) *slog.Logger {
	if !verbose {
		return nil
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
