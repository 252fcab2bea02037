package httpapi

import (
	"context"
	"iter"
	"time"
)

// The phases of a request, in order.
const (
	PhaseDNS       = "dns"        // until the name is resolved
	PhaseConnect   = "connect"    // until TCP is connected
	PhaseTLS       = "tls"        // until TLS is established
	PhaseFirstByte = "first_byte" // until the request is written and the first byte of the answer is here
	PhaseBody      = "body"       // until the answer is complete
)

// Phase is one phase of a request.
type Phase struct {
	Took     time.Duration
	Happened bool // false: absent, which is not the same as 0
}

// Phases says where the time of one request went. The phases that happened sum to
// Total; those that did not (no name to resolve, no TLS, a reused connection) are absent.
type Phases struct {
	Service   string
	Operation string
	Start     time.Time
	Total     time.Duration
	Reused    bool   // the connection had served a request before
	Remote    string // address of the peer, empty when never connected

	DNS, Connect, TLS, FirstByte, Body Phase
}

// All yields the phases that happened, in order.
func (p Phases) All() iter.Seq2[string, time.Duration] {
	return func(yield func(string, time.Duration) bool) {
		for _, x := range []struct {
			name  string
			phase Phase
		}{{PhaseDNS, p.DNS}, {PhaseConnect, p.Connect}, {PhaseTLS, p.TLS}, {PhaseFirstByte, p.FirstByte}, {PhaseBody, p.Body}} {
			if x.phase.Happened && !yield(x.name, x.phase.Took) {
				return
			}
		}
	}
}

type phasesKey struct{}

// WithPhases returns a context whose requests report their phases to hook: once per
// request, failed ones included, before the call returns and on its goroutine.
func WithPhases(ctx context.Context, hook func(Phases)) context.Context {
	return context.WithValue(ctx, phasesKey{}, hook)
}

// Report hands p to the hook of ctx, if there is one. It is for callers that made a
// request on behalf of another context.
func Report(ctx context.Context, p Phases) {
	if hook, ok := ctx.Value(phasesKey{}).(func(Phases)); ok && hook != nil {
		hook(p)
	}
}
