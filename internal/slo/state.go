package slo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// StateVersion is the only version of the document there is.
const StateVersion = 1

// Bounds of a document: what is beyond them was not written by this package.
const (
	maxState   = 32 << 20 // bytes
	maxEvents  = 1 << 40  // in one bucket
	maxLedgers = 1024
	maxHours   = 24*90 + 2 // of the longest window there is
	maxFine    = int(fineKept/fineWide) + 2
)

// State is what the ledgers of a book know, in a form that can be kept.
type State struct {
	Version int                    `json:"version"`
	Saved   time.Time              `json:"saved"`
	Ledgers map[string]LedgerState `json:"ledgers"` // by the name of the objective
}

// LedgerState is one ledger. A bucket is [slot, events, bad]: the slot counts hours,
// or quarters of a minute, since the epoch; empty buckets are left out.
type LedgerState struct {
	Fingerprint string      `json:"fingerprint"`
	Since       time.Time   `json:"since"`
	Hours       [][3]uint64 `json:"hours,omitempty"`
	Fine        [][3]uint64 `json:"fine,omitempty"`
}

// Fingerprint tells objectives apart that count different things: equal fingerprints
// mean that old events are still events of this objective.
func (o Objective) Fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%v|%d|%d|%d", o.Probe, o.SLI, o.Target, o.Threshold, o.Window, o.Interval))
	return hex.EncodeToString(sum[:8])
}

func (s State) marshal() ([]byte, error) {
	out, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("keeping the error budgets: %w", err)
	}
	return out, nil
}

// ParseState reads and checks what Book.Marshal wrote. It refuses whatever that
// cannot have written.
func ParseState(document []byte) (State, error) {
	var s State
	if err := parseState(document, &s); err != nil {
		return State{}, fmt.Errorf("reading the error budgets: %w", err)
	}
	return s, nil
}

func parseState(document []byte, s *State) error {
	if len(document) > maxState {
		return fmt.Errorf("the document is larger than %d MiB", maxState>>20)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(document, &version); err != nil {
		return fmt.Errorf("not a JSON document: %w", err)
	}
	if version.Version != StateVersion {
		return fmt.Errorf("version %d of the document is not known here, only %d", version.Version, StateVersion)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return fmt.Errorf("not a document of error budgets: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	if len(s.Ledgers) > maxLedgers {
		return fmt.Errorf("it has %d ledgers, more than %d", len(s.Ledgers), maxLedgers)
	}
	for name, l := range s.Ledgers {
		for what, list := range map[string][][3]uint64{"hours": l.Hours, "fine": l.Fine} {
			most := maxHours
			if what == "fine" {
				most = maxFine
			}
			if err := checkBuckets(list, most); err != nil {
				return fmt.Errorf("%s of %q: %w", what, name, err)
			}
		}
	}
	return nil
}

// maxSlot is the last slot whose start is still a time.
const maxSlot = uint64(1<<63-1) / uint64(fineWide)

func checkBuckets(list [][3]uint64, most int) error {
	if len(list) > most {
		return fmt.Errorf("%d buckets, more than %d", len(list), most)
	}
	for i, b := range list {
		switch slot, events, bad := b[0], b[1], b[2]; {
		case slot > maxSlot:
			return fmt.Errorf("bucket %d is of no time", i)
		case i > 0 && slot <= list[i-1][0]:
			return fmt.Errorf("bucket %d is out of order", i)
		case events == 0 || events > maxEvents:
			return fmt.Errorf("bucket %d has %d events", i, events)
		case bad > events:
			return fmt.Errorf("bucket %d has %d events and %d of them bad", i, events, bad)
		}
	}
	return nil
}

func (l *Ledger) state() LedgerState {
	return LedgerState{Fingerprint: l.objective.Fingerprint(), Since: l.since.UTC(), Hours: l.hours.list(), Fine: l.fine.list()}
}

// restore takes over the buckets that are not later than now.
func (l *Ledger) restore(now time.Time, s LedgerState) {
	l.hours.take(now, s.Hours)
	l.fine.take(now, s.Fine)
	first := l.hours.first()
	if first.IsZero() {
		return
	}
	// The first hour has begun before its first event.
	if s.Since.After(first) && !s.Since.After(now) {
		first = s.Since
	}
	if l.since.IsZero() || first.Before(l.since) {
		l.since = first
	}
}

func (r *ring) list() [][3]uint64 {
	var out [][3]uint64
	n := len(r.buckets)
	oldest := int64(0)
	for _, b := range r.buckets {
		oldest = max(oldest, b.slot-int64(n)+1)
	}
	for s := oldest; s < oldest+int64(n); s++ {
		if b := r.at(s); b.slot == s && b.events > 0 {
			out = append(out, [3]uint64{uint64(s), b.events, b.bad})
		}
	}
	return out
}

func (r *ring) take(now time.Time, list [][3]uint64) {
	last := r.slot(now)
	for _, x := range list {
		s := int64(x[0])
		if s > last || s <= last-int64(len(r.buckets)) {
			continue
		}
		b := r.at(s)
		if b.slot != s {
			*b = bucket{slot: s}
		}
		b.events, b.bad = b.events+x[1], b.bad+x[2]
		r.newest = max(r.newest, s)
	}
}
