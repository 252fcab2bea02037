// Package history keeps finished runs in memory for the page and the API: the
// latest of all probes, and of each probe its last failures for longer, so that
// a night of successes does not wash the evidence away. It knows nothing of how
// runs come about or are shown.
package history

import (
	"time"

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

// Finished is a run as it is handed in.
type Finished struct {
	Run  flows.Run
	Log  []string // its log lines, without the newline
	Kept bool     // its trace was exported
}

// Entry is a run as it is kept: everything of the run but the latency of every
// single frame and the error values behind its failures. It is shared and must not
// be changed.
type Entry struct {
	Run    flows.Run       // Pairs without Samples
	Series []digest.Series // for each of Run.Pairs, in their order
	Log    []string
	Kept   bool
}

// Ended is when the run was judged.
func (e Entry) Ended() time.Time { return e.Run.Started.Add(e.Run.Duration) }

// Query chooses among the runs that are kept; its zero value means all of them.
type Query struct {
	Probe   string        // empty: of every probe
	Outcome flows.Outcome // empty: whatever it was
	Limit   int           // 0: no limit
}

// Store holds finished runs. It is safe for concurrent use.
type Store struct{}

// New makes a store that keeps the latest runs, as many as keep says.
func New(keep int) *Store { return &Store{} }

// Add keeps a finished run.
func (s *Store) Add(f Finished) {}

// Recent returns the runs that fit, newest first.
func (s *Store) Recent(q Query) []Entry { return nil }

// Get returns the run with this id.
func (s *Store) Get(id string) (Entry, bool) { return Entry{}, false }

// Last returns the probe's run that finished last.
func (s *Store) Last(probe string) (Entry, bool) { return Entry{}, false }

// Marks returns the probe's last MarksKept runs, oldest first.
func (s *Store) Marks(probe string) []digest.Mark { return nil }

// Retain forgets every probe that is not named, with its runs.
func (s *Store) Retain(probes []string) {}

// Len is how many runs are kept.
func (s *Store) Len() int { return 0 }
