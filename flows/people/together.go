package people

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrSilence is the silence of somebody who should be heard.
var ErrSilence = errors.New("no frame was accepted")

// Together has everybody do one thing at the same time and waits for all; the
// first failure is returned, and ends the waiting of the others.
func Together(ctx context.Context, everybody []*Person, do func(context.Context, *Person) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range everybody {
		g.Go(func() error { return do(ctx, p) })
	}
	return g.Wait()
}

// Pairs calls fn for each ordered pair and returns the first failure.
func Pairs(everybody []*Person, fn func(listener, talker *Person) error) error {
	var first error
	for _, listener := range everybody {
		for _, talker := range everybody {
			if listener == talker {
				continue
			}
			if err := fn(listener, talker); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

// Converse has everybody, already connected, declare their slots and talk, until
// everybody has heard everybody else.
func Converse(ctx context.Context, everybody ...*Person) error {
	others := func(p *Person) []*Person {
		var out []*Person
		for _, q := range everybody {
			if q != p {
				out = append(out, q)
			}
		}
		return out
	}
	for _, p := range everybody {
		if err := p.Talk(ctx); err != nil {
			return err
		}
	}
	if err := Together(ctx, everybody, func(ctx context.Context, p *Person) error {
		return p.Subscribe(ctx, others(p)...)
	}); err != nil {
		return err
	}
	return Together(ctx, everybody, func(ctx context.Context, p *Person) error {
		for _, q := range others(p) {
			if _, err := p.HearFirst(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sleep waits for d, unless the run or the MC session of one of the people ends
// before.
func Sleep(ctx context.Context, d time.Duration, everybody ...*Person) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, p := range everybody {
		stop := context.AfterFunc(p.SessionContext(), func() { cancel(p.SessionEnd()) })
		defer stop()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
