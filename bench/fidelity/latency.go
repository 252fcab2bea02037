package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/link"
)

// settle is how long frames may be under way after a window.
const settle = time.Second

// wrong is an error that no untainted sample may have: the lag sampler's threshold.
const wrong = 5 * time.Millisecond

// A comparison is what the prober said of one frame's latency, and what the links
// know of it.
type comparison struct {
	reported time.Duration // leaving until arrival
	// truth is the time between the frame's coming to the uplink and its leaving
	// the downlink: both links' delays and the relay.
	truth time.Duration
	// sending is from leaving until the packet came to the uplink, receiving from
	// its leaving the downlink until arrival. Their sum is the error.
	sending, receiving time.Duration
	// own is what this process adds and the prober leaves out: from hand-over until
	// leaving, and from arrival until the reader had it.
	own     time.Duration
	exact   bool // both moments are the kernel's, none stands in for one
	tainted bool
}

func (c comparison) error() time.Duration { return c.reported - c.truth }

// latencyResult is one measured conversation.
type latencyResult struct {
	frames   []comparison
	lateness [2]link.Lateness // of the first person's link, by direction
}

// measureLatency has two people talk for a while through links with these
// conditions.
func measureLatency(ctx context.Context, spec link.Spec, duration time.Duration) (latencyResult, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+4*patience)
	defer cancel()
	w, err := newWorld(ctx)
	if err != nil {
		return latencyResult{}, err
	}
	r, err := w.compareLatency(ctx, spec, duration)
	if closeErr := w.close(); err == nil {
		err = closeErr
	}
	return r, err
}

func (w *world) compareLatency(ctx context.Context, spec link.Spec, duration time.Duration) (r latencyResult, err error) {
	a, b, err := w.converse(ctx, spec)
	if err != nil {
		return r, err
	}
	window := media.Pair{From: time.Now(), Settle: settle}
	window.To = window.From.Add(duration)
	if err := pause(ctx, duration); err != nil {
		return r, err
	}
	a.Quiet()
	b.Quiet()
	if err := pause(ctx, settle+4*spec.Up.Delay); err != nil {
		return r, err
	}
	r.lateness = [2]link.Lateness{a.media.Stats(link.Up).Lateness, a.media.Stats(link.Down).Lateness}
	for _, pair := range [][2]*person{{a, b}, {b, a}} {
		compared, err := w.compare(window, pair[0], pair[1])
		if err != nil {
			return r, fmt.Errorf("%v to %v: %w", pair[0].Participant, pair[1].Participant, err)
		}
		r.frames = append(r.frames, compared...)
	}
	return r, nil
}

// compare takes the samples as the media flow does and puts the truth beside them.
func (w *world) compare(window media.Pair, from, to *person) ([]comparison, error) {
	trips, err := w.trips(from, to)
	if err != nil {
		return nil, err
	}
	window.Sent, window.Received = from.Sent(), to.Received()
	e := media.Legs(window)
	var out []comparison
	for i, s := range e.Latency {
		t, ok := trips[s.Sequence]
		if !ok || !t.relayed || t.up.Fate != link.Forwarded || t.down.Fate != link.Forwarded {
			return nil, fmt.Errorf("frame %d arrived, and the links know nothing of it", s.Sequence)
		}
		if !t.up.Exact {
			continue // when it came to the link is not known well enough
		}
		out = append(out, comparison{
			reported: s.Latency, truth: t.down.Out.Sub(t.up.In),
			sending: t.up.In.Sub(s.StartedAt), receiving: s.ArrivedAt.Sub(t.down.Out),
			own:     e.LeaveLateness[i] + e.ReadLateness[i],
			exact:   e.LeaveLateness[i] > 0 && e.ReadLateness[i] > 0,
			tainted: w.watch.LateDuring(s.HandedAt, s.ArrivedAt),
		})
	}
	return out, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// quantile is the nearest-rank quantile of what value gives for each; 0 for none.
func quantile[T any](all []T, q float64, value func(T) time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	vs := make([]time.Duration, len(all))
	for i, c := range all {
		vs[i] = value(c)
	}
	slices.Sort(vs)
	return vs[min(len(vs)-1, int(q*float64(len(vs))))]
}

// untainted leaves out what cannot fail a run by itself.
func (r latencyResult) untainted() []comparison {
	return slices.DeleteFunc(slices.Clone(r.frames), func(c comparison) bool { return c.tainted })
}
