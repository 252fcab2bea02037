package gc

import (
	"crypto/rand"
	"math/big"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// Status values of a meeting. Nothing in GC ever leaves the first one.
const (
	statusScheduled = "scheduled"
	statusActive    = "active"
)

const (
	codeLength   = 12
	codeAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// meeting is one row. Copies are handed out; the table owns the original.
type meeting struct {
	id              uuid.UUID
	org             uuid.UUID
	creator         uuid.UUID
	code            string
	displayName     string
	status          string
	maxParticipants int32
	e2ee            bool
	requireAuth     bool
	recording       bool
	allowGuests     bool
	allowExternal   bool
	waitingRoom     bool
	createdAt       time.Time
	updatedAt       time.Time

	// turn is held while the meeting is being placed on an MC, so that two first
	// joins cannot place it twice.
	turn chan struct{}
}

func (m meeting) joinable() bool { return m.status == statusScheduled || m.status == statusActive }

// assignment says where a meeting is.
type assignment struct {
	mcID     string
	handlers []*internalv1.MhAssignment
	ended    bool
}

// meetings is the tables of meetings and of their assignments.
type meetings struct {
	mu          sync.Mutex // protects all following fields
	byID        map[uuid.UUID]*meeting
	byCode      map[string]*meeting
	assignments map[uuid.UUID]*assignment
}

func newMeetings() *meetings {
	return &meetings{
		byID:        make(map[uuid.UUID]*meeting),
		byCode:      make(map[string]*meeting),
		assignments: make(map[uuid.UUID]*assignment),
	}
}

// create adds m unless its organisation has reached limit. The code must be
// fresh: a collision of 71 random bits is not retried here.
func (t *meetings) create(m meeting, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, other := range t.byID {
		if other.org == m.org && other.joinable() {
			n++
		}
	}
	if n >= limit {
		return false
	}
	m.turn = make(chan struct{}, 1)
	t.byID[m.id], t.byCode[m.code] = &m, &m
	return true
}

func (t *meetings) find(code string) (meeting, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.byCode[code]; m != nil {
		return *m, true
	}
	return meeting{}, false
}

func (t *meetings) get(id uuid.UUID) (meeting, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.byID[id]; m != nil {
		return *m, true
	}
	return meeting{}, false
}

// update changes a meeting that exists and returns it.
func (t *meetings) update(id uuid.UUID, change func(*meeting)) meeting {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.byID[id]
	change(m)
	m.updatedAt = time.Now()
	return *m
}

func (t *meetings) setStatus(code, status string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.byCode[code]
	if m != nil {
		m.status = status
	}
	return m != nil
}

func (t *meetings) counted() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, m := range t.byID {
		if m.joinable() {
			n++
		}
	}
	return n
}

// placed returns the live assignment of a meeting.
func (t *meetings) placed(id uuid.UUID) (assignment, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.assignments[id]; a != nil && !a.ended {
		return *a, true
	}
	return assignment{}, false
}

func (t *meetings) place(id uuid.UUID, a assignment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.assignments[id] = &a
}

// ended closes the assignment of a meeting. As on the platform it does not ask
// which placing the notice is about: a late one closes a newer placing.
func (t *meetings) ended(id uuid.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.assignments[id]; a != nil {
		a.ended = true
	}
}

func (t *meetings) assigned() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, a := range t.assignments {
		if !a.ended {
			n++
		}
	}
	return n
}

// newCode returns a meeting code of 12 base62 characters.
func newCode() string {
	b := make([]byte, codeLength)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(codeAlphabet))))
		if err != nil {
			panic(err) // the system's random source does not fail
		}
		b[i] = codeAlphabet[n.Int64()]
	}
	return string(b)
}
