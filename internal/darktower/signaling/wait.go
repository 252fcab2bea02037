package signaling

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// An Expectation is something that a View will show.
type Expectation struct {
	// What names it, for errors: "a send directive with a target".
	What string
	// Missing says what v still lacks, and returns "" when v fulfils the
	// expectation. An error ends the wait: it can no longer be fulfilled. It is
	// called with one view after the other and must not block.
	Missing func(v View) (string, error)
}

// Directed expects to be told to send audio to at least one handler.
func Directed() Expectation {
	return Expectation{"a send directive with a target", func(v View) (string, error) {
		if audio, ok := v.Directive.Audio(); ok && len(audio.Targets) > 0 {
			return "", nil
		}
		return v.String(), nil
	}}
}

// Hearing expects sender to be ACTIVE in any slot.
func Hearing(sender uint16) Expectation {
	return Expectation{fmt.Sprintf("sender %d to be ACTIVE in a slot", sender), func(v View) (string, error) {
		if a, ok := v.SlotOf(sender); ok && a.State == signalingv1.SlotState_SLOT_STATE_ACTIVE {
			return "", nil
		}
		return v.String(), nil
	}}
}

// HearingIn expects sender to be ACTIVE in one particular slot.
func HearingIn(slot, sender uint16) Expectation {
	return Expectation{fmt.Sprintf("slot %d to be ACTIVE with sender %d", slot, sender), func(v View) (string, error) {
		a, ok := v.Slot(slot)
		switch {
		case ok && a.Active(sender):
			return "", nil
		case ok:
			return a.String(), nil
		}
		return v.String(), nil
	}}
}

// Await waits until the newest view fulfils e, beginning with the current one, and
// returns that view. A state that came and went between two looks is not seen.
//
// It returns a *TimeoutError when ctx's deadline passes, the cause of ctx when it
// is cancelled, the expectation's own error, or the session's error when the
// session ends first or has ended before the call. The view is the last one seen.
func (s *Session) Await(ctx context.Context, e Expectation) (View, error) {
	if ended := s.board.ended(); ended != nil {
		// What a dead session showed last is no evidence of now.
		return s.View(), unmet(ended, e.What)
	}
	return s.board.wait(ctx, s.phase(), e)
}

// Wait waits until cond holds; what names it for errors. See Await.
func (s *Session) Wait(ctx context.Context, what string, cond func(View) bool) (View, error) {
	return s.Await(ctx, Expectation{what, func(v View) (string, error) {
		if cond(v) {
			return "", nil
		}
		return v.String(), nil
	}})
}

// board holds the newest view. One goroutine posts and ends it; any number wait.
type board struct {
	mu   sync.Mutex // protects all following fields
	view View
	// changed is closed, and replaced, by every change.
	changed chan struct{}
	// err is why there will be no further view.
	err error
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

func (b *board) current() View {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view
}

func (b *board) ended() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// post makes v the newest view and wakes everybody who waits.
func (b *board) post(v View) { b.change(func() { b.view = v }) }

// end says that there will be no further view.
func (b *board) end(err error) { b.change(func() { b.err = err }) }

func (b *board) change(set func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	set()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) look() (View, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view, b.changed, b.err
}

// wait waits until the newest view fulfils e. The last view of a session counts
// also when the session ended right behind it.
func (b *board) wait(ctx context.Context, phase Phase, e Expectation) (View, error) {
	start := time.Now()
	for {
		view, changed, ended := b.look()
		missing, err := e.Missing(view)
		if err != nil {
			return view, fmt.Errorf("waiting for %s: %w", e.What, err)
		}
		if missing == "" {
			return view, nil
		}
		if ended != nil {
			return view, unmet(ended, e.What)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return view, &TimeoutError{Phase: phase, Waiting: e.What, Missing: missing, After: time.Since(start), Err: ctx.Err()}
			}
			return view, fmt.Errorf("waiting for %s: %w", e.What, context.Cause(ctx))
		}
	}
}

// unmet adds to the session's end what was being waited for.
func unmet(ended error, what string) error {
	if closed, ok := ended.(*ClosedError); ok {
		c := *closed
		c.Missing = what
		return &c
	}
	return fmt.Errorf("waiting for %s: %w", what, ended)
}
