package mc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
)

// Why a meeting cannot be joined here.
var (
	errNotHere      = errors.New("the meeting is not on this controller")
	errReleasing    = errors.New("the meeting has ended and is being released")
	errNoHandlers   = errors.New("the meeting has no usable media handler")
	errShuttingDown = errors.New("the controller is shutting down")
)

// table holds a controller's meetings by id.
type table struct {
	opts *options
	max  int
	// release runs a meeting's end at its handlers and at GC.
	release func(*meeting)

	wg sync.WaitGroup // one per release

	mu       sync.Mutex // protects all following fields
	meetings map[string]*seat
	closed   bool
	released chan struct{} // closed and replaced when a meeting has been released
}

// seat is one meeting's place in the table.
type seat struct {
	meeting *meeting
	over    bool         // the meeting has ended and is being released
	next    []assignment // assigned again meanwhile
}

func newTable(opts *options, limit int, release func(*meeting)) *table {
	return &table{opts: opts, max: limit, release: release, meetings: make(map[string]*seat), released: make(chan struct{})}
}

// assign places a meeting here, as GC asks. A meeting that is being released is
// placed as soon as it has been.
func (t *table) assign(id string, handlers []assignment) internalv1.RejectionReason {
	if id == "" || len(handlers) == 0 {
		return internalv1.RejectionReason_REJECTION_REASON_INVALID_REQUEST
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.meetings[id]
	switch {
	case t.closed:
		return internalv1.RejectionReason_REJECTION_REASON_DRAINING
	case s != nil && s.over:
		s.next = slices.Clone(handlers)
	case s != nil:
		s.meeting.reassign(slices.Clone(handlers))
	case len(t.meetings) >= t.max:
		return internalv1.RejectionReason_REJECTION_REASON_AT_CAPACITY
	default:
		if err := t.placeLocked(id, slices.Clone(handlers)); err != nil {
			t.opts.Log.Error("meeting not placed", "meeting_id", id, "error", err.Error())
			return internalv1.RejectionReason_REJECTION_REASON_UNHEALTHY
		}
	}
	return internalv1.RejectionReason_REJECTION_REASON_UNSPECIFIED
}

func (t *table) placeLocked(id string, handlers []assignment) error {
	m, err := newMeeting(id, t.opts, handlers)
	if err != nil {
		return err
	}
	t.meetings[id] = &seat{meeting: m}
	return nil
}

// open returns the meeting to join.
func (t *table) open(id string) (*meeting, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.meetings[id]
	switch {
	case s == nil:
		return nil, errNotHere
	case s.over:
		return nil, errReleasing
	case t.closed:
		return nil, errShuttingDown
	}
	return s.meeting, nil
}

// find returns the meeting that a media handler speaks of, or nil.
func (t *table) find(id string) *meeting {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.meetings[id]; s != nil && !s.over {
		return s.meeting
	}
	return nil
}

// over releases a meeting whose last participant has gone.
func (t *table) over(m *meeting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return // close sees to it
	}
	t.meetings[m.id].over = true
	t.wg.Go(func() {
		m.wg.Wait() // no snapshot may follow the meeting's end
		t.release(m)
		t.mu.Lock()
		defer t.mu.Unlock()
		next := t.meetings[m.id].next
		delete(t.meetings, m.id)
		t.releasedLocked()
		if next != nil && !t.closed {
			if err := t.placeLocked(m.id, next); err != nil {
				t.opts.Log.Error("meeting not placed", "meeting_id", m.id, "error", err.Error())
			}
		}
	})
}

// occupied counts the meetings with somebody in them or being released.
func (t *table) occupied() int {
	t.mu.Lock()
	seats := make([]*seat, 0, len(t.meetings))
	n := 0
	for _, s := range t.meetings {
		if s.over {
			n++
		} else {
			seats = append(seats, s)
		}
	}
	t.mu.Unlock()
	for _, s := range seats {
		if s.meeting.occupied() {
			n++
		}
	}
	return n
}

func (t *table) releasedLocked() {
	close(t.released)
	t.released = make(chan struct{})
}

// awaitIdle waits until no meeting is occupied or being released.
func (t *table) awaitIdle(ctx context.Context) error {
	for {
		t.mu.Lock()
		released := t.released
		t.mu.Unlock()
		n := t.occupied()
		if n == 0 {
			return nil
		}
		select {
		case <-released:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d meetings to end: %w", n, ctx.Err())
		}
	}
}

// size counts all meetings that GC has placed here.
func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.meetings)
}

// drain refuses everything new from now on.
func (t *table) drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// close ends all meetings without a word and waits for them and for the
// releases under way.
func (t *table) close() {
	t.drain()
	t.mu.Lock()
	seats := make([]*seat, 0, len(t.meetings))
	for _, s := range t.meetings {
		seats = append(seats, s)
	}
	t.mu.Unlock()
	for _, s := range seats {
		s.meeting.close()
	}
	t.wg.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.meetings)
	t.releasedLocked()
}

// releaseAt ends m at its handlers, all at once; each that does not answer is
// given up after the deadline.
func (m *meeting) releaseAt(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range m.handlers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, m.opts.Times.MHTimeout)
			defer cancel()
			_, err := h.client.EndMeeting(ctx, &internalv1.EndMeetingRequest{MeetingId: m.id, McId: m.opts.ControllerID})
			if err != nil {
				m.opts.Log.Warn("meeting not released at its handler", "meeting_id", m.id, "handler", h.id, "error", err.Error())
			}
		})
	}
	wg.Wait()
}
