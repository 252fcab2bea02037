package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The end of the daemon takes no longer than the drain of the schedule and ending,
// whatever hangs: a pod that is told to stop has 35 s (platform conventions, cluster
// 1.6). Runs that are taken down have all of ending but closing, which is for people
// who stay between runs to leave, for traces to be exported, and for requests to end.
const (
	defaultEnding  = 8 * time.Second
	defaultClosing = 2 * time.Second

	leaving  = 5 * time.Second // at most, when there is time
	flushing = 3 * time.Second
)

// EndError is what a daemon that had begun could not do, or what ended it.
type EndError struct{ Err error }

func (e *EndError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *EndError) Unwrap() error { return e.Err }

// run goes on until ctx is done, and then ends everything in its order: no new runs,
// the running ones, the people who stay between runs, what is to be kept and sent,
// and the port.
func (d *Daemon) run(ctx context.Context, listener net.Listener) error {
	serving, unserve := context.WithCancel(context.WithoutCancel(ctx))
	defer unserve()
	failed, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	served := make(chan error, 1)
	go func() {
		err := d.web.Serve(serving, listener)
		if err != nil {
			err = &ListenError{Addr: listener.Addr().String(), Err: err}
			fail(err) // without the port nobody sees what the probes see
		}
		served <- err
	}()
	var tending sync.WaitGroup
	tending.Go(func() {
		follow(failed, d.opts.LookAgain, d.opts.Reload, d.seen, d.content, func() []byte { return d.reload(failed) })
	})
	tending.Go(func() { d.budgets.tend(failed, d.log) })
	tending.Go(func() { d.countDrops(failed) })
	tended := make(chan struct{})
	go func() { tending.Wait(); close(tended) }()

	drain := d.begun.Drain.D()
	scheduled := make(chan struct{})
	go func() {
		defer close(scheduled)
		d.scheduler.Run(failed, drain)
	}()
	d.log.Info("the prober runs", "probes", len(d.scheduler.Status()), "version", d.opts.Version)
	<-failed.Done()
	d.log.Info("the prober is stopping", "drain", drain.String())
	end := time.Now().Add(drain + d.ending)
	await(scheduled, time.Until(end)-d.closing, func() {
		d.log.Error("a run does not end, and is left behind: a defect of the prober", "waited", (drain + d.ending - d.closing).String())
	})
	await(tended, time.Until(end)-d.closing/2, func() { d.log.Error("a reload, or the state file, does not end, and is left behind") })
	unserve()
	return d.finish(context.WithoutCancel(ctx), end, served)
}

// await waits for done, and after patience calls instead what is to be said.
func await(done <-chan struct{}, patience time.Duration, inVain func()) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		inVain()
	}
}

// finish lets nothing go that can still be kept until the end. What does not come to
// an end by itself is left behind, and said.
func (d *Daemon) finish(ctx context.Context, end time.Time, served <-chan error) error {
	ctx, cancel := context.WithDeadline(ctx, end.Add(-d.closing/4)) // what keeps to it has said so by the end
	defer cancel()
	parts := []func() error{
		func() error {
			ctx, cancel := context.WithTimeout(ctx, leaving)
			defer cancel()
			if err := d.crew.dismiss(ctx); err != nil {
				d.log.Warn("not everybody left as they should; the platform holds them for a while", "error", err)
			}
			return nil
		},
		func() error {
			ctx, cancel := context.WithTimeout(ctx, flushing)
			defer cancel()
			if err := d.tracing.Shutdown(ctx); err != nil {
				d.log.Warn("not every trace was exported", "error", err)
			}
			return nil
		},
		func() error {
			if err := d.budgets.save(time.Now()); err != nil {
				return &StateError{fmt.Errorf("the error budgets were not saved: %w", err)}
			}
			return nil
		},
		func() error { return <-served },
	}
	results := make(chan error, len(parts))
	for _, do := range parts {
		go func() { results <- do() }()
	}
	var failed []error
	last := time.NewTimer(time.Until(end))
	defer last.Stop()
	for late := false; len(failed) < len(parts) && !late; {
		select {
		case err := <-results:
			failed = append(failed, err)
		case <-last.C:
			late = true
			d.log.Error("not everything came to an end in time", "left_behind", len(parts)-len(failed))
		}
	}
	d.watch.Stop()
	d.log.Info("the prober has stopped")
	if err := errors.Join(failed...); err != nil {
		return &EndError{err}
	}
	return nil
}
