package flows

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"
)

// Target is an address of the platform that the prober knows of.
type Target struct {
	Hop  Hop
	Addr string                      // for reports: host:port
	Ping func(context.Context) error // nil error: it answered, in whatever way
}

// Witness tells silence of one address from silence of everything: whose fault
// a timeout was depends on what else still answers.
type Witness struct {
	// Reference answers when the prober's own network is well; nil: there is no
	// reference, and silence of everything is the prober's own.
	Reference func(context.Context) error
	// HTTP are the fixed targets, AC and GC.
	HTTP []Target
	// Patience bounds each look; default 2 s.
	Patience time.Duration

	mu    sync.Mutex // protects all following fields
	media map[string]Target
}

const maxLearned = 64

// Learn remembers an MC or MH that a run was sent to, so that later silence can
// be compared with it.
func (w *Witness) Learn(t Target) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.media == nil {
		w.media = make(map[string]Target)
	}
	if _, known := w.media[t.Addr]; known || len(w.media) < maxLearned {
		w.media[t.Addr] = t
	}
}

// Sight is what answered at one moment.
type Sight struct {
	Reference bool
	HTTP      bool // any of AC and GC
	MC, MH    bool // any of them
	KnownMH   bool // there was a handler to ask
}

// nothing reports whether nothing of the platform answered.
func (s Sight) nothing() bool { return !s.HTTP && !s.MC && !s.MH }

// or is what answered at either moment.
func (s Sight) or(t Sight) Sight {
	return Sight{s.Reference || t.Reference, s.HTTP || t.HTTP, s.MC || t.MC, s.MH || t.MH, s.KnownMH || t.KnownMH}
}

// Look asks the reference and every known target once, all at the same time. It
// has its own deadline: the one that has just passed does not end it.
func (w *Witness) Look(ctx context.Context) Sight {
	return w.look(ctx, cmp.Or(max(w.Patience, 0), 2*time.Second))
}

func (w *Witness) look(ctx context.Context, patience time.Duration) Sight {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()

	w.mu.Lock()
	targets := append([]Target(nil), w.HTTP...)
	for _, t := range w.media {
		targets = append(targets, t)
	}
	w.mu.Unlock()

	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		sight Sight
	)
	ask := func(ping func(context.Context) error, seen func()) {
		wg.Go(func() {
			if ping(ctx) == nil {
				mu.Lock()
				defer mu.Unlock()
				seen()
			}
		})
	}
	if w.Reference != nil {
		ask(w.Reference, func() { sight.Reference = true })
	}
	for _, t := range targets {
		switch t.Hop {
		case AC, GC:
			ask(t.Ping, func() { sight.HTTP = true })
		case MC:
			ask(t.Ping, func() { sight.MC = true })
		case MH:
			mu.Lock()
			sight.KnownMH = true
			mu.Unlock()
			ask(t.Ping, func() { sight.MH = true })
		}
	}
	wg.Wait()
	return sight
}

// TCPPing is a ping that connects to addr (host:port) and hangs up. A refused
// connection is an answer too: somebody is there.
func TCPPing(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if refused(err) {
			return nil
		}
		return err
	}
}

// ResolverPing is the default reference: the resolver of this machine, asked for
// a name that any resolver knows about. An answer that the name does not exist
// is an answer.
func ResolverPing(ctx context.Context) error {
	_, err := (&net.Resolver{PreferGo: true}).LookupNS(ctx, ".")
	if dns, ok := asDNS(err); ok && dns.IsNotFound {
		return nil
	}
	return err
}
