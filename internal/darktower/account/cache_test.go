package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// clock is a time that the test sets.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.at.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d / time.Second)) }

func TestATokenIsKeptUntilShortlyBeforeItExpires(t *testing.T) {
	for _, tc := range []struct {
		name     string
		lifetime int
		margin   time.Duration
		fresh    time.Duration // still the same token
		stale    time.Duration // a new one
	}{
		{"the usual hour", 3600, time.Minute, 58 * time.Minute, time.Minute},
		{"the default margin", 3600, 0, 58 * time.Minute, time.Minute},
		{"a life shorter than the margin is used for its first half", 60, time.Hour, 29 * time.Second, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked atomic.Int64
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { grant(w, fmt.Sprint("t", asked.Add(1)), tc.lifetime) })
			var now clock
			c := client(t, Config{BaseURL: url, TokenMargin: tc.margin, Now: now.now})
			for i, step := range []struct {
				later time.Duration
				want  string
			}{{0, "t1"}, {0, "t1"}, {tc.fresh, "t1"}, {tc.stale, "t2"}} {
				now.advance(step.later)
				token, err := c.Token(t.Context(), ada)
				if err != nil || token.Value.Reveal() != step.want {
					t.Errorf("step %d: token %s, error %v", i, token.Value.Reveal(), err)
				}
			}
		})
	}
}

func TestForgetAndOtherPasswordsLeadToANewSignIn(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { grant(w, fmt.Sprint("t", asked.Add(1)), 3600) })
	c := client(t, Config{BaseURL: url})
	other := ada
	other.Password = "another horse"
	for i, cred := range []Credentials{ada, other, ada} {
		if _, err := c.Token(t.Context(), cred); err != nil {
			t.Fatal(i, err)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("%d sign-ins, want 2", asked.Load())
	}
	c.Forget(ada)
	if token, err := c.Token(t.Context(), ada); err != nil || token.Value.Reveal() != "t3" {
		t.Errorf("error %v", err)
	}
}

func TestAFailureIsNotRemembered(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(503)
			return
		}
		grant(w, "t", 3600)
	})
	c := client(t, Config{BaseURL: url})
	if _, err := c.Token(t.Context(), ada); err == nil {
		t.Fatal("no error")
	}
	if _, err := c.Token(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
}

// gate is an AC that holds sign-ins back until it is opened.
type gate struct {
	arrived chan struct{}
	open    chan struct{}
	asked   atomic.Int64
}

func newGate(t *testing.T) (*gate, string) {
	g := &gate{arrived: make(chan struct{}, 100), open: make(chan struct{})}
	return g, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client leaves
		n := g.asked.Add(1)
		g.arrived <- struct{}{}
		select {
		case <-g.open:
			grant(w, fmt.Sprint("t", n), 3600)
		case <-r.Context().Done():
		}
	})
}

func TestCallersThatAskAtTheSameTimeShareOneSignIn(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	var waiting sync.WaitGroup
	var reports atomic.Int64
	const callers = 20
	for range callers {
		waiting.Go(func() {
			ctx := httpapi.WithPhases(t.Context(), func(httpapi.Phases) { reports.Add(1) })
			if token, err := c.Token(ctx, ada); err != nil || token.Value.Reveal() != "t1" {
				t.Errorf("token %s, error %v", token.Value.Reveal(), err)
			}
		})
	}
	<-g.arrived
	close(g.open)
	waiting.Wait()
	if g.asked.Load() != 1 {
		t.Errorf("%d sign-ins", g.asked.Load())
	}
	// Whoever came after the answer found it in the cache and has no phases.
	if n := reports.Load(); n < 1 || n > callers {
		t.Errorf("%d reports", n)
	}
}

func TestACallerThatGivesUpDoesNotTakeTheSignInFromTheOthers(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	first, giveUp := context.WithCancel(t.Context())
	var reported atomic.Bool
	first = httpapi.WithPhases(first, func(httpapi.Phases) { reported.Store(true) })
	gaveUp := make(chan error, 1)
	go func() { _, err := c.Token(first, ada); gaveUp <- err }()
	<-g.arrived // the first caller's sign-in is under way
	got := make(chan error, 1)
	go func() { _, err := c.Token(t.Context(), ada); got <- err }()
	c.await(2)
	giveUp()
	var transport *httpapi.TransportError
	if err := <-gaveUp; !errors.As(err, &transport) || transport.Kind != httpapi.KindCanceled {
		t.Errorf("the one who gave up: %v", err)
	}
	close(g.open)
	if err := <-got; err != nil {
		t.Errorf("the one who stayed: %v", err)
	}
	if g.asked.Load() != 1 || reported.Load() {
		t.Errorf("%d sign-ins; phases reported to the one who had left: %v", g.asked.Load(), reported.Load())
	}
}

// await waits until so many callers share ada's sign-in.
func (c *Client) await(callers int) {
	for {
		c.mu.Lock()
		f := c.flights[ada]
		if f != nil && f.callers == callers {
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		runtime.Gosched()
	}
}

func TestASignInThatEveryoneHasGivenUpKeepsNobodyElseWaiting(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	ctx, giveUp := context.WithCancel(t.Context())
	gone := make(chan error, 2)
	for range 2 {
		go func() { _, err := c.Token(ctx, ada); gone <- err }()
	}
	<-g.arrived
	c.await(2)
	giveUp()
	for range 2 {
		if err := <-gone; err == nil {
			t.Error("a token of nobody's")
		}
	}
	c.running.Wait() // though AC has not answered
	close(g.open)
	if token, err := c.Token(t.Context(), ada); err != nil || token.Value.Reveal() != "t2" {
		t.Errorf("whoever comes later gets %q, %v", token.Value.Reveal(), err)
	}
}

func TestCloseEndsASharedSignIn(t *testing.T) {
	g, url := newGate(t)
	c := client(t, Config{BaseURL: url})
	got := make(chan error, 1)
	go func() { _, err := c.Token(t.Context(), ada); got <- err }()
	<-g.arrived
	c.Close()
	if err := <-got; err == nil {
		t.Error("no error")
	}
	if _, err := c.Token(t.Context(), ada); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
