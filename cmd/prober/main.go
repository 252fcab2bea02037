// Command prober is a fake participant of Dark Tower: it signs in, joins, hears
// and is heard, drops and comes back, and says what worked, how long each part
// took, and whose fault it was when it did not.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

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
		heed(signals, done, func() { cancel(flows.ErrShutdown) }, abandon)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// echo is how long after a signal another one is the same: timeout, make and others
// send theirs to the program and to all of its group.
const echo = 300 * time.Millisecond

// heed calls leave at the first signal and abandon at the second, unless done is
// closed.
func heed(signals <-chan os.Signal, done <-chan struct{}, leave, abandon func()) {
	var first time.Time
	for {
		select {
		case <-done:
			return
		case <-signals:
		}
		switch {
		case first.IsZero():
			first = time.Now()
			leave()
		case time.Since(first) > echo:
			abandon()
			return
		}
	}
}
