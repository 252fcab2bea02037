package slo

import (
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
)

// Book keeps the ledgers of a configuration's objectives. It is safe for concurrent
// use.
type Book struct {
	mu      sync.Mutex // protects all following fields
	order   []string
	ledgers map[string]*Ledger
}

// Tally is what one run added to one objective.
type Tally struct {
	Objective   Objective
	Events, Bad uint64
}

// NewBook returns empty ledgers for these objectives.
func NewBook(objectives []Objective) *Book {
	b := &Book{}
	b.Apply(objectives)
	return b
}

// Apply takes over the objectives of another configuration. An objective that means
// the same as before (see Objective.Fingerprint) keeps its ledger.
func (b *Book) Apply(objectives []Objective) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.ledgers
	b.order, b.ledgers = nil, make(map[string]*Ledger, len(objectives))
	for _, o := range objectives {
		l, known := before[o.Name]
		if !known || l.objective.Fingerprint() != o.Fingerprint() {
			l = NewLedger(o)
		}
		l.objective = o // its role may be another one
		b.order, b.ledgers[o.Name] = append(b.order, o.Name), l
	}
}

// Record counts a run for every objective of its probe, at the time now, and returns
// what it counted. Objectives without an event of it are left out.
func (b *Book) Record(now time.Time, run flows.Run) []Tally {
	return b.record(now, func(o Objective) (events, bad uint64) { return o.Count(run) })
}

// RecordInherited counts slots that were skipped because of run: see
// Objective.CountInherited.
func (b *Book) RecordInherited(now time.Time, run flows.Run, slots int) []Tally {
	return b.record(now, func(o Objective) (events, bad uint64) { return o.CountInherited(run, slots) })
}

func (b *Book) record(now time.Time, count func(Objective) (events, bad uint64)) []Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Tally
	for _, name := range b.order {
		l := b.ledgers[name]
		if events, bad := count(l.objective); events > 0 {
			l.Add(now, events, bad)
			out = append(out, Tally{l.objective, events, bad})
		}
	}
	return out
}

// Report returns the budget of every objective, in the order of the configuration.
func (b *Book) Report(now time.Time) []Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Budget, 0, len(b.order))
	for _, name := range b.order {
		out = append(out, b.ledgers[name].Report(now))
	}
	return out
}

// Marshal returns the ledgers as a versioned JSON document.
func (b *Book) Marshal(now time.Time) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Version: StateVersion, Saved: now.UTC(), Ledgers: make(map[string]LedgerState, len(b.order))}
	for name, l := range b.ledgers {
		s.Ledgers[name] = l.state()
	}
	return s.marshal()
}

// Restore adds what a state holds of the objectives of this book; it is meant to be
// called before anything is recorded. It returns the names of the objectives that
// mean something else now, and so begin anew. Buckets later than now, and those of
// objectives that there are no more, are dropped.
func (b *Book) Restore(now time.Time, s State) (anew []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range b.order {
		l := b.ledgers[name]
		kept, known := s.Ledgers[name]
		switch {
		case !known:
		case kept.Fingerprint != l.objective.Fingerprint():
			anew = append(anew, name)
		default:
			l.restore(now, kept)
		}
	}
	return anew
}
