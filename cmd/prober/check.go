package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
)

type checkFlags struct {
	config   string
	lanes    string
	probes   []string
	runs     int
	output   string
	devstack bool
}

func newCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Run the probes once, print what was seen, and exit with a verdict",
		Long: `check runs every probe that has a lane for checks, one after another, and prints
what each step took, what the media looked like, and whose fault it was when
something failed.

Exit codes: 0 every run succeeded; 1 a run failed; 2 usage or configuration;
3 a run is inconclusive; 4 no run could be judged because of the prober or its
setup; 130 interrupted.`,
		Example: `  prober check --devstack
  prober check --probe join --runs 20
  prober check --output json > runs.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCheck(cmd, f) },
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.lanes, "lanes", "", "lane `file` written by provision (default: $PROBER_LANES, or dark-tower-prober/lanes.json in $XDG_STATE_HOME)")
	cmd.Flags().StringSliceVarP(&f.probes, "probe", "p", nil, "run only the probe of this `name`; may be repeated")
	cmd.Flags().IntVarP(&f.runs, "runs", "n", 1, "`number` of runs of each probe")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "`format` of the report: text or json")
	cmd.Flags().BoolVar(&f.devstack, "devstack", false, "check a platform embedded in this process instead of a configured one")
	cmd.MarkFlagsMutuallyExclusive("devstack", "config")
	cmd.MarkFlagsMutuallyExclusive("devstack", "lanes")
	return cmd
}

func runCheck(cmd *cobra.Command, f checkFlags) error {
	if !slices.Contains([]string{"text", "json"}, f.output) {
		return fmt.Errorf("unknown output format %q: use text or json", f.output)
	}
	if f.runs < 1 || f.runs > 10000 {
		return fmt.Errorf("--runs must be 1 to 10000, not %d", f.runs)
	}
	ctx := cmd.Context()
	progress := newProgress(cmd.ErrOrStderr())
	defer progress.Clear()
	provider := sdktrace.NewTracerProvider()
	defer func() { _ = provider.Shutdown(context.WithoutCancel(ctx)) }()

	opts := check.Options{Probes: f.probes, Runs: f.runs, Tracer: provider.Tracer("prober"), OnStep: progress.Step}
	var err error
	if f.devstack {
		stop, e := onDevstack(ctx, &opts, provider, progress)
		if e != nil {
			return e
		}
		defer stop()
	} else if err = onConfigured(&opts, f); err != nil {
		return err
	}
	c, err := check.New(opts)
	if err != nil {
		return err
	}
	runs := c.Run(ctx)
	c.Close(context.WithoutCancel(ctx))
	progress.Clear()
	return showRuns(cmd, f.output, runs)
}

// showRuns prints what is known, and turns it into the exit code.
func showRuns(cmd *cobra.Command, output string, runs []flows.Run) error {
	var err error
	if output == "json" {
		err = report.JSON(cmd.OutOrStdout(), runs)
	} else {
		err = report.Text{Color: colored(cmd)}.Write(cmd.OutOrStdout(), runs)
	}
	if err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	code := report.ExitCode(runs)
	if cmd.Context().Err() != nil {
		code = report.ExitInterrupted
	}
	if code != report.ExitOK {
		return &exit{code: code}
	}
	return nil
}

func colored(cmd *cobra.Command) bool {
	return isTerminal(cmd.OutOrStdout()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// onDevstack starts the embedded platform and provisions it for throw-away accounts.
func onDevstack(ctx context.Context, opts *check.Options, provider trace.TracerProvider, p *progress) (stop func(), err error) {
	p.Show("starting the embedded platform")
	stack, err := devstack.Start(ctx, devstack.Options{TracerProvider: func(string) trace.TracerProvider { return provider }})
	if err != nil {
		return nil, fmt.Errorf("starting the embedded platform: %w", err)
	}
	stop = func() { _ = stack.Close() }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	dir, err := os.MkdirTemp("", "prober-check-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the lane file: %w", err)
	}
	defer os.RemoveAll(dir)
	if opts.Config, err = config.Devstack(config.DevstackPlatform{ACURL: stack.ACURL, GCURL: stack.GCURL,
		Organisation: stack.Organisation, ServerName: stack.ServerName, CAPEM: stack.CAPEM}); err != nil {
		return nil, err
	}
	if opts.Accounts, err = opts.Config.Resolve(nil, nil); err != nil {
		return nil, err
	}
	result, err := provisionLanes(ctx, opts.Config, opts.Accounts, opts.Config.LanesFor(config.Check), filepath.Join(dir, "lanes.json"),
		func(e provision.Event) { p.Show(e.String()) })
	if err != nil {
		return nil, fmt.Errorf("provisioning the embedded platform: %w", err)
	}
	opts.Meetings = codes(result.Lanes)
	return stop, nil
}

// onConfigured reads the configuration, the accounts that the chosen probes
// need, and the lane file.
func onConfigured(opts *check.Options, f checkFlags) error {
	cfg, err := config.Load(f.config)
	if err != nil {
		return err
	}
	opts.Config = cfg
	probes, err := check.Select(cfg, f.probes)
	if err != nil {
		return err
	}
	var lanes []string
	for _, p := range probes {
		lanes = append(lanes, cfg.LanesOf(p, config.Check)[0].Name)
	}
	file, err := provision.LoadLanes(lanesPath(f.lanes))
	if err != nil {
		return fmt.Errorf("%w; run `prober provision` first", err)
	}
	if err := file.Check(identity(cfg)); err != nil {
		return err
	}
	opts.Meetings = codes(file)
	opts.Accounts, err = cfg.Resolve(nil, nil, lanes...)
	return err
}

func codes(lanes *provision.Lanes) map[string]httpapi.Secret {
	out := make(map[string]httpapi.Secret)
	for _, name := range lanes.Names() {
		out[name], _ = lanes.Code(name)
	}
	return out
}
