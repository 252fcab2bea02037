// Command prober is a fake participant of Dark Tower: it signs in, joins, hears
// and is heard, drops and comes back, and says what worked, how long each part
// took, and whose fault it was when it did not.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

func main() {
	ctx, stop := interruptible(context.Background(), func() { os.Exit(report.ExitInterrupted) })
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible ends ctx at the first signal, so that people can leave their
// meetings. At the second it calls abandon.
func interruptible(ctx context.Context, abandon func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // it is under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for _, act := range []func(){func() { cancel(flows.ErrShutdown) }, abandon} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}
