package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/report"
)

func newRoot() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "prober",
		Short: "A fake participant of Dark Tower that says what worked, how long it took, and whose fault it was",
		Long: `prober signs in to a Dark Tower platform, joins a meeting, hears and is heard, drops
and comes back - from outside, as a person does - and says three things about it:
did it work, how long did each part take, and whose fault was it when it did not.`,
		Example: `  prober check --devstack     without a platform: everything in this process
  prober provision            once for each platform: accounts and meetings
  prober check                a verdict about the platform in probes.yaml
  prober run                  on a schedule for ever, with metrics and a page`,
		Version:           version(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	})
	root.Flags().Bool("version", false, "print the version")
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newCheck(), newConfig(), newDevstack(), newProvision(), newRules(), newRun(), newSLO(), newVersion())
	return root
}

// exit is an error with an exit code of its own; without a cause there is
// nothing more to say.
type exit struct {
	code  int
	cause error
}

func (e *exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exit) Unwrap() error { return e.cause }

// execute runs one command line and returns its exit code. Whatever a command
// does not answer with a code of its own is usage or configuration.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return report.ExitOK
	}
	code := report.ExitUsage
	var e *exit
	if errors.As(err, &e) {
		code, err = e.code, e.cause
	}
	var daemons *daemon.EndError // whose proper end is to be interrupted
	if interrupted(ctx) && !errors.As(err, &daemons) {
		fmt.Fprintln(stderr, "prober: interrupted")
		code = report.ExitInterrupted
	}
	complain(stderr, err)
	return code
}

// interrupted reports whether the user has ended ctx.
func interrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), flows.ErrShutdown)
}

// complain prints an error: mistakes of a file one on a line, beginning with
// their place, so that an editor finds it. What only says that the user has
// interrupted is left out.
func complain(w io.Writer, err error) {
	var mistakes *config.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, flows.ErrShutdown):
	case errors.As(err, &mistakes):
		fmt.Fprintf(w, "%v\nprober: %s has %s\n", err, mistakes.File, count(len(mistakes.Problems), "mistake"))
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(w, "prober: %s\n", line)
		}
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
