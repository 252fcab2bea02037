package darktower

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/signaling"
)

// AwaitDirected waits until MC directs the participant to send to at least one
// handler: with a handler's name in it, that is also the first sign that the
// handler has accepted the connection (platform contract, media C.2).
func (p *Participant) AwaitDirected(ctx context.Context) error {
	_, err := p.await(ctx, signaling.Directed())
	return err
}

// AwaitHearing waits until MC shows sender ACTIVE in one of the participant's
// slots, and returns that slot.
func (p *Participant) AwaitHearing(ctx context.Context, sender uint16) (signaling.Assignment, error) {
	v, err := p.await(ctx, signaling.Hearing(sender))
	a, _ := v.SlotOf(sender)
	return a, err
}

// AwaitView waits until the view fulfils e, as signaling's Await does.
func (p *Participant) AwaitView(ctx context.Context, e signaling.Expectation) (signaling.View, error) {
	return p.await(ctx, e)
}

func (p *Participant) await(ctx context.Context, e signaling.Expectation) (signaling.View, error) {
	s, err := p.current()
	if err != nil {
		return signaling.View{}, fmt.Errorf("waiting for %s: %w", e.What, err)
	}
	ctx, stop := p.whileHandled(ctx)
	defer stop()
	return s.Await(ctx, e)
}

// AwaitFrame returns the first datagram on record for which cond holds, refused
// ones included, and waits for it if need be. It ends early when the MC session
// has ended, or every handler connection but those that are cut off in the dark.
func (p *Participant) AwaitFrame(ctx context.Context, cond func(media.Received) bool) (media.Received, error) {
	s, err := p.current()
	if err != nil {
		return media.Received{}, fmt.Errorf("waiting for a frame: %w", err)
	}
	ctx, handled := p.whileHandled(ctx)
	defer handled()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.Transport().Context(), func() {
		<-s.Done()
		cancel(s.Err())
	})
	defer stop()
	return p.receiver.AwaitFrame(ctx, cond)
}

// whileHandled returns a context that ends when the last open handler connection
// does: that is how a handler says no.
func (p *Participant) whileHandled(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var stops []func() bool
	var left atomic.Int32
	var current []media.HandlerStatus
	for _, h := range p.handlers.Status() {
		if h.Current && !h.Dark {
			current = append(current, h)
		}
	}
	left.Store(int32(len(current)))
	for _, h := range current {
		stops = append(stops, context.AfterFunc(h.Session.Context(), func() {
			if left.Add(-1) == 0 {
				cancel(fmt.Errorf("%w: the last one, to %s: %w", media.ErrAllClosed, h.URL, h.Session.Err()))
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// bindProbation is how long a handler connection must have stayed open to be
// taken for accepted when nothing else tells. A handler closes a refused one
// within the time its check of the token and its call to MC take.
const bindProbation = 3 * time.Second

// AwaitBound waits until the handler that was cut last has taken the participant
// back: a frame was accepted over the new connection, or MC names the handler
// again in a directive or a slot, or the connection has simply stayed open for a
// while: MC may have put the media elsewhere, and a handler never says yes.
func (p *Participant) AwaitBound(ctx context.Context) error {
	s, err := p.current()
	if err != nil {
		return fmt.Errorf("waiting for a media handler to take the participant back: %w", err)
	}
	cut, ok := p.lastCut(CutKindHandler)
	if !ok {
		return errors.New("waiting for a media handler to take the participant back: none was cut")
	}
	h, ok := p.handlers.Current(cut.URL)
	if !ok || !h.Open || h.ConnEpoch <= cut.ConnEpoch {
		return fmt.Errorf("media handler %s is not connected: %w", cut.URL, media.ErrNoConnection)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(h.Session.Context(), func() {
		cancel(fmt.Errorf("media handler %s did not take the participant back: %w", h.URL, h.Session.Err()))
	})
	defer stop()

	bound := make(chan error, 2)
	watch, end := context.WithCancel(ctx)
	defer end()
	go func() {
		_, err := p.receiver.AwaitFrame(watch, func(r media.Received) bool {
			return r.Accepted() && r.HandlerURL == h.URL && r.ConnEpoch == h.ConnEpoch
		})
		bound <- err
	}()
	go func() {
		_, err := s.Wait(watch, "MC to name media handler "+h.URL, func(v signaling.View) bool {
			return v.At.After(h.Ready) && names(v, h.URL)
		})
		bound <- err
	}()
	timer := time.NewTimer(time.Until(h.Ready.Add(bindProbation)))
	defer timer.Stop()
	var result error
	waiting := 2
	select {
	case result = <-bound:
		waiting--
	case <-timer.C:
	case <-ctx.Done():
		result = context.Cause(ctx)
	}
	end()
	for ; waiting > 0; waiting-- {
		<-bound
	}
	return result
}

func names(v signaling.View, url string) bool {
	if audio, ok := v.Directive.Audio(); ok && v.Directive != nil {
		for _, t := range audio.Targets {
			if t == url {
				return true
			}
		}
	}
	for _, a := range v.Slots {
		if a.HandlerURL == url {
			return true
		}
	}
	return false
}
