package account

import (
	"context"
	"errors"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// ErrClosed is returned by Token after Close.
var ErrClosed = errors.New("the AC client is closed")

// flight is one sign-in that several callers wait for. Its result may be read once
// done is closed.
//
// It is not a singleflight.Group because the lookup of the token and the start of
// the flight must be one step under one lock, or a caller that comes between a
// flight's end and its own look at the cache signs in a second time.
type flight struct {
	cancel  context.CancelFunc
	callers int // that wait; protected by the Client's mu

	done   chan struct{}
	token  Token
	err    error
	phases []httpapi.Phases
}

// Remembered returns the token that Token would return without asking AC.
func (c *Client) Remembered(cred Credentials) (Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.tokens[cred]
	if !ok || c.closed || !c.now().Before(k.renew) {
		return Token{}, false
	}
	return k.token, true
}

// Token returns the remembered token, or signs in when there is none or it is about
// to expire. Callers that ask at the same time share one sign-in; one that gives up
// does not take it from the others. A sign-in that everyone has given up is ended soon
// after: whoever asks later must not wait for an answer that AC may have forgotten. A
// failure is not remembered.
func (c *Client) Token(ctx context.Context, cred Credentials) (Token, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return Token{}, ErrClosed
	}
	if k, ok := c.tokens[cred]; ok && c.now().Before(k.renew) {
		c.mu.Unlock()
		return k.token, nil
	}
	f, ok := c.flights[cred]
	if !ok {
		// It keeps the values of the first caller's context (the span) but neither its
		// deadline nor its hook: the first caller may be gone when the answer comes.
		flying, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel}
		c.flights[cred] = f
		c.running.Go(func() { c.fly(flying, cred, f) })
	}
	f.callers++
	c.mu.Unlock()

	select {
	case <-ctx.Done():
		defer c.leave(cred, f)
		return Token{}, c.gaveUp(ctx, f)
	case <-f.done:
		for _, p := range f.phases {
			httpapi.Report(ctx, p)
		}
		return f.token, f.err
	}
}

// verdict is how long a sign-in may still take to say why it failed, when a caller's
// time is over: both have the same deadline as a rule, and only the sign-in knows
// whether there was a connection at all.
const verdict = 100 * time.Millisecond

// gaveUp is the error of a caller whose time is over. A token that comes now is late.
func (c *Client) gaveUp(ctx context.Context, f *flight) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		late := time.NewTimer(verdict)
		defer late.Stop()
		select {
		case <-f.done:
			if f.err != nil {
				for _, p := range f.phases {
					httpapi.Report(ctx, p)
				}
				return f.err
			}
		case <-late.C:
		}
	}
	return c.api.GaveUp(ctx, "sign in")
}

// leave takes a caller away who does not wait any more.
func (c *Client) leave(cred Credentials, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.callers--; f.callers == 0 {
		c.land(cred, f)
		f.cancel()
	}
}

// land lets the next caller sign in anew. The lock is held.
func (c *Client) land(cred Credentials, f *flight) {
	if c.flights[cred] == f {
		delete(c.flights, cred)
	}
}

// fly signs in on behalf of everyone who waits.
func (c *Client) fly(ctx context.Context, cred Credentials, f *flight) {
	defer f.cancel()
	defer context.AfterFunc(c.stopped, f.cancel)()
	ctx = httpapi.WithPhases(ctx, func(p httpapi.Phases) { f.phases = append(f.phases, p) })
	f.token, f.err = c.SignIn(ctx, cred)

	c.mu.Lock()
	c.land(cred, f)
	c.mu.Unlock()
	close(f.done)
}

// Close ends shared sign-ins that are under way and waits for them. Token fails
// afterwards.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
	c.api.CloseIdleConnections()
}
