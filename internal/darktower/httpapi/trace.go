package httpapi

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// recorder turns the events of httptrace into Phases. It moves one mark along, so
// that the phases have no gaps and sum to the total. Events of a dial that outlives
// its request come from another goroutine and are ignored after finish.
type recorder struct {
	mu      sync.Mutex
	done    bool      // protects against late events; all fields below are under mu
	mark    time.Time // where the phase under way began
	current string    // the phase under way
	phases  Phases
}

func newRecorder(service, operation string) *recorder {
	now := time.Now()
	return &recorder{
		mark:    now,
		current: PhaseConnect, // an address needs no resolver and no DNS event comes
		phases:  Phases{Service: service, Operation: operation, Start: now},
	}
}

func (r *recorder) slot(phase string) *Phase {
	switch phase {
	case PhaseDNS:
		return &r.phases.DNS
	case PhaseConnect:
		return &r.phases.Connect
	case PhaseTLS:
		return &r.phases.TLS
	case PhaseFirstByte:
		return &r.phases.FirstByte
	}
	return &r.phases.Body
}

// begin says that phase is under way, without moving the mark.
func (r *recorder) begin(phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done {
		r.current = phase
	}
}

// end closes phase, once, and says what is under way next.
func (r *recorder) end(phase, next string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done || r.slot(phase).Happened {
		return
	}
	now := time.Now()
	*r.slot(phase) = Phase{Took: now.Sub(r.mark), Happened: true}
	r.mark, r.current = now, next
}

func (r *recorder) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { r.begin(PhaseDNS) },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			if info.Err == nil {
				r.end(PhaseDNS, PhaseConnect)
			}
		},
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				r.end(PhaseConnect, PhaseFirstByte)
			}
		},
		TLSHandshakeStart: func() { r.begin(PhaseTLS) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				r.end(PhaseTLS, PhaseFirstByte)
			}
		},
		GotConn:              r.gotConn,
		GotFirstResponseByte: func() { r.end(PhaseFirstByte, PhaseBody) },
	}
}

func (r *recorder) gotConn(info httptrace.GotConnInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return
	}
	r.current = PhaseFirstByte
	r.phases.Remote = info.Conn.RemoteAddr().String()
	if info.Reused {
		// What was dialed meanwhile is not what this request travels on.
		r.phases.Reused = true
		r.phases.DNS, r.phases.Connect, r.phases.TLS = Phase{}, Phase{}, Phase{}
		r.mark = r.phases.Start
	}
}

// underWay returns the phase that has not ended yet.
func (r *recorder) underWay() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// finish closes the phase under way and returns the result.
func (r *recorder) finish() Phases {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done {
		r.done = true
		now := time.Now()
		r.phases.Total = now.Sub(r.phases.Start)
		// The last phase was cut short if the request failed: it happened all the same.
		*r.slot(r.current) = Phase{Took: now.Sub(r.mark), Happened: true}
	}
	return r.phases
}
