package main

import (
	"context"
	"time"

	"github.com/dark-tower/prober/internal/link"
)

// phase is a part of joining through links, and the round trips that it must take.
type phase struct {
	name  string
	trips int
	took  time.Duration
}

// measurePhases has a person join through links with a delay, one way, and gives
// the phases that consist of round trips. The platform's servers send their HTTP/3
// settings only after the handshake, which makes settings a round trip of their own.
func measurePhases(ctx context.Context, delay time.Duration) ([]phase, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	defer cancel()
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	phases, err := w.join(ctx, delay)
	if closeErr := w.close(); err == nil {
		err = closeErr
	}
	return phases, err
}

func (w *world) join(ctx context.Context, delay time.Duration) ([]phase, error) {
	one := link.Conditions{Delay: delay}
	p, err := w.invite(ctx, link.Spec{Up: one, Down: one})
	if err != nil {
		return nil, err
	}
	if _, err := p.RequestJoin(ctx, w.code); err != nil {
		return nil, err
	}
	if err := p.ConnectMC(ctx); err != nil {
		return nil, err
	}
	mc := p.MCTimings()
	start := time.Now()
	if err := p.JoinMC(ctx); err != nil {
		return nil, err
	}
	joined := time.Since(start)
	results, err := p.ConnectHandlers(ctx)
	if err != nil {
		return nil, err
	}
	mh := results[0].Timings
	start = time.Now()
	if err := p.Declare(ctx); err != nil {
		return nil, err
	}
	declared := time.Since(start)
	return []phase{
		{"MC: QUIC handshake", 1, mc.Handshake},
		{"MC: HTTP/3 settings", 1, mc.Settings},
		{"MC: CONNECT", 1, mc.Connect},
		{"MC: join", 1, joined},
		{"MH: QUIC handshake", 1, mh.Handshake},
		{"MH: HTTP/3 settings", 1, mh.Settings},
		{"MH: CONNECT", 1, mh.Connect},
		{"MH: connect message", 0, results[0].At.Sub(results[0].Start) - mh.Total},
		{"MC: declaring slots", 1, declared},
	}, nil
}
