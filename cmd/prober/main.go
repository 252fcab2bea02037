// Command prober is a fake participant of Dark Tower: it signs in, joins, hears
// and is heard, drops and comes back, and says what worked, how long each part
// took, and whose fault it was when it did not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

func main() {
	ctx, stop := interruptible(context.Background())
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible ends ctx at the first signal, so that people can leave their
// meetings. A second signal ends the process at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for range 2 {
			select {
			case <-signals:
				if ctx.Err() != nil {
					os.Exit(report.ExitInterrupted)
				}
				cancel(flows.ErrShutdown)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
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
	var e *exit
	switch {
	case err == nil:
		return report.ExitOK
	case errors.As(err, &e):
		if e.cause != nil {
			fmt.Fprintf(stderr, "prober: %v\n", e.cause)
		}
		return e.code
	}
	fmt.Fprintf(stderr, "prober: %v\n", err)
	if ctx.Err() != nil {
		return report.ExitInterrupted
	}
	return report.ExitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "prober",
		Short: "A fake participant of Dark Tower that says what worked, how long it took, and whose fault it was",
		Long: `prober signs in to a Dark Tower platform, joins a meeting, hears and is heard, drops
and comes back - from outside, as a person does - and says three things about it:
did it work, how long did each part take, and whose fault was it when it did not.

Try it without a platform:  prober check --devstack`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newCheck(), newDevstack(), newProvision(), newConfig(), newVersion())
	return root
}
