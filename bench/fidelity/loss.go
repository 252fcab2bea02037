package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/link"
)

// lossResult is what the prober said of one ordered pair, and what is true.
type lossResult struct {
	evidence media.PairEvidence
	sent     int // frames of the window that were handed over

	// Frames of the window that did not arrive, by whether the handler forwarded
	// them. Of these, linkUp and linkDown were lost by the links.
	up, down         int
	linkUp, linkDown int
}

// agrees tells whether every count is the truth. Losses are attributed for certain
// only between frames that arrived, which the window is made to lie between.
func (r lossResult) agrees() bool {
	e := r.evidence
	return e.Sent-e.LostSender == r.sent && e.LostUplink == r.up && e.LostDownlink == r.down && e.Unattributed == 0 &&
		e.Delivered+e.Late == r.sent-r.up-r.down && e.Unsettled == 0
}

// measureLoss has two people talk, with the links in poor conditions for the given
// time. Only packets that hold frames are lost: people stay connected.
func measureLoss(ctx context.Context, poor link.Spec, duration time.Duration) ([]lossResult, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+4*patience)
	defer cancel()
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	r, err := w.compareLoss(ctx, poor, duration)
	if closeErr := w.close(); err == nil {
		err = closeErr
	}
	return r, err
}

func (w *world) compareLoss(ctx context.Context, poor link.Spec, duration time.Duration) ([]lossResult, error) {
	good := link.Spec{Up: link.Conditions{Delay: poor.Up.Delay}, Down: link.Conditions{Delay: poor.Down.Delay}}
	a, b, err := w.converse(ctx, good)
	if err != nil {
		return nil, err
	}
	set := func(s link.Spec) error {
		for _, p := range w.people {
			if err := p.media.Set(s); err != nil {
				return err
			}
		}
		return nil
	}
	if err := set(poor); err != nil {
		return nil, err
	}
	window := media.Pair{From: time.Now(), Settle: patience}
	if err := pause(ctx, duration); err != nil {
		return nil, err
	}
	window.To = time.Now()
	if err := set(good); err != nil {
		return nil, err
	}
	// Frames from before and from behind the window on both sides of it.
	after := time.Now().Add(200 * time.Millisecond)
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		if err := p[0].hear(ctx, p[1], after); err != nil {
			return nil, err
		}
	}
	a.Quiet()
	b.Quiet()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	var out []lossResult
	for _, p := range [][2]*person{{a, b}, {b, a}} {
		r, err := w.judge(window, p[0], p[1])
		if err != nil {
			return nil, fmt.Errorf("%v to %v: %w", p[0].Participant, p[1].Participant, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// settle waits until nothing has moved anywhere for a while.
func (w *world) settle(ctx context.Context) error {
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := len(w.forwarded)
		for _, p := range w.people {
			n += p.SentStats().Handed + p.ReceivedStats().Received
			for _, d := range []link.Direction{link.Up, link.Down} {
				n += p.media.Stats(d).UnderWay
			}
		}
		return n
	}
	for before := -1; ; {
		now := count()
		if now == before {
			return nil
		}
		before = now
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// judge counts the true losses of a window.
func (w *world) judge(window media.Pair, from, to *person) (lossResult, error) {
	trips, err := w.trips(from, to)
	if err != nil {
		return lossResult{}, err
	}
	window.Sent, window.Received = from.Sent(), to.Received()
	r := lossResult{evidence: media.Legs(window)}
	arrived := make(map[uint32]bool)
	for _, got := range window.Received {
		if got.Accepted() && got.SenderID == from.SenderID() {
			arrived[got.Sequence] = true
		}
	}
	for _, s := range window.Sent {
		t, ok := trips[s.Sequence]
		if !ok || s.Due.Before(window.From) || !s.Due.Before(window.To) {
			continue
		}
		r.sent++
		switch {
		case arrived[s.Sequence]:
		case !t.relayed:
			r.up++
			if t.up.Fate == link.Lost {
				r.linkUp++
			}
		default:
			r.down++
			if t.down.Fate == link.Lost {
				r.linkDown++
			}
		}
	}
	return r, nil
}
