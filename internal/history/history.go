// Package history keeps finished runs in memory for the page and the API: the
// latest of all probes, and of each probe its last failures for longer, so that
// a night of successes does not wash the evidence away. It knows nothing of how
// runs come about or are shown.
package history

import (
	"cmp"
	"slices"
	"sync"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
)

// Bounds of what is kept.
const (
	// FailuresKept is how many failed and inconclusive runs are kept of each probe
	// besides the latest runs of all.
	FailuresKept = 20
	// MarksKept is how many outcomes a probe's strip has.
	MarksKept = 60
	// LogBytes is how much log text is kept of a run; the middle of a longer one is left out.
	LogBytes = 32 << 10
	// DetailBytes is how much is kept of a failure's detail.
	DetailBytes = 4 << 10
)

// Query chooses among the runs that are kept; its zero value means all of them.
type Query struct {
	Probe   string        // empty: of every probe
	Outcome flows.Outcome // empty: whatever it was
	Limit   int           // 0: no limit
}

func (q Query) fits(r *flows.Run) bool {
	return (q.Probe == "" || q.Probe == r.Probe) && (q.Outcome == "" || q.Outcome == r.Outcome)
}

// Store holds finished runs. It is safe for concurrent use.
type Store struct {
	keep int

	mu     sync.Mutex // protects all following fields
	added  uint64
	recent []*held // oldest first
	shelf  map[string]*shelf
	byID   map[string]*held
}

// held is an entry in the order in which it came, and how many lists have it.
type held struct {
	Entry
	nth   uint64
	lists int
}

// shelf is what is kept of one probe besides the latest runs of all.
type shelf struct {
	last     *held
	failures []*held       // oldest first
	marks    []digest.Mark // oldest first
}

// New makes a store that keeps the latest runs of all probes, as many as keep says
// and one at the least.
func New(keep int) *Store {
	return &Store{keep: max(keep, 1), shelf: make(map[string]*shelf), byID: make(map[string]*held)}
}

// Add keeps a finished run.
func (s *Store) Add(f Finished) {
	entry, mark := small(f), digest.MarkOf(f.Run) // not under the lock: it takes a while
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added++
	h := &held{Entry: entry, nth: s.added}
	s.byID[h.Run.ID] = h
	s.recent = s.pushLocked(s.recent, h, s.keep)

	shelf := s.shelfLocked(h.Run.Probe)
	if shelf.last != nil {
		s.dropLocked(shelf.last)
	}
	h.lists++
	shelf.last = h
	if h.Run.Outcome == flows.Failed || h.Run.Outcome == flows.Inconclusive {
		shelf.failures = s.pushLocked(shelf.failures, h, FailuresKept)
	}
	shelf.marks = append(shelf.marks, mark)
	shelf.marks = shelf.marks[max(0, len(shelf.marks)-MarksKept):]
}

func (s *Store) shelfLocked(probe string) *shelf {
	of, ok := s.shelf[probe]
	if !ok {
		of = &shelf{}
		s.shelf[probe] = of
	}
	return of
}

// pushLocked appends h to a list and drops its oldest beyond most.
func (s *Store) pushLocked(list []*held, h *held, most int) []*held {
	h.lists++
	list = append(list, h)
	if len(list) > most {
		s.dropLocked(list[0])
		list[0] = nil // the array behind the list outlives it
		list = list[1:]
	}
	return list
}

func (s *Store) dropLocked(h *held) {
	h.lists--
	if h.lists == 0 && s.byID[h.Run.ID] == h {
		delete(s.byID, h.Run.ID)
	}
}

// Recent returns the runs that fit, the one that finished last first.
func (s *Store) Recent(q Query) []Entry {
	s.mu.Lock()
	all := slices.Clone(s.recent)
	oldest := all
	for _, of := range s.shelf {
		for _, h := range append(slices.Clone(of.failures), of.last) {
			if h != nil && (len(oldest) == 0 || h.nth < oldest[0].nth) {
				all = append(all, h)
			}
		}
	}
	s.mu.Unlock()

	slices.SortFunc(all, func(a, b *held) int { return cmp.Compare(b.nth, a.nth) })
	all = slices.Compact(all) // a last run may be among the failures, too
	var out []Entry
	for _, h := range all {
		if q.Limit > 0 && len(out) == q.Limit {
			break
		}
		if q.fits(&h.Run) {
			out = append(out, h.Entry)
		}
	}
	return out
}

// Get returns the run with this id.
func (s *Store) Get(id string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.byID[id]; ok {
		return h.Entry, true
	}
	return Entry{}, false
}

// Last returns the probe's run that finished last.
func (s *Store) Last(probe string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of, ok := s.shelf[probe]; ok && of.last != nil {
		return of.last.Entry, true
	}
	return Entry{}, false
}

// Marks returns the probe's last MarksKept runs, oldest first.
func (s *Store) Marks(probe string) []digest.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of, ok := s.shelf[probe]; ok {
		return slices.Clone(of.marks)
	}
	return nil
}

// Retain forgets every probe that is not named, with its runs.
func (s *Store) Retain(probes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(h *held) bool { return !slices.Contains(probes, h.Run.Probe) }
	s.recent = slices.DeleteFunc(s.recent, gone)
	for name := range s.shelf {
		if !slices.Contains(probes, name) {
			delete(s.shelf, name)
		}
	}
	for id, h := range s.byID {
		if gone(h) {
			delete(s.byID, id)
		}
	}
}

// Len is how many runs are kept.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}
