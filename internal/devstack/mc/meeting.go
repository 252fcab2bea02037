package mc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
)

// errMeetingOver is a join that found its meeting ended in the same instant.
var errMeetingOver = errors.New("the meeting has ended")

// options are what all meetings of a controller share.
type options struct {
	ControllerID    string
	GRPCEndpoint    string // where handlers reach this controller
	Times           Times
	AsDeployed      bool
	MaxSlots        int
	MaxDeclarations int
	Faults          *fault.Panel
	Trace           tracing
	Log             *slog.Logger
	Master          []byte // secret that binding keys are derived from

	// Handler returns the way to one media handler.
	Handler func(endpoint string) (handlerClient, error)
	// Over is called once, without locks, when a started meeting has ended.
	Over func(*meeting)
}

// assignment is a media handler that GC chose for a meeting.
type assignment struct{ id, url, grpc string }

// meeting is the state of one meeting: who is there, what they hear and through
// which handler. One lock protects it; its goroutines are one that keeps time
// and one per handler that installs the forwarding snapshot there.
type meeting struct {
	id         string
	opts       *options
	bindingKey []byte

	wake chan struct{} // one token: deadlines may have changed
	stop chan struct{} // closed when the meeting is over
	wg   sync.WaitGroup

	mu          sync.Mutex // protects all following fields
	assignments []assignment
	handlers    []*handler // sorted by id; frozen at the first join
	started     time.Time  // of the first join
	over        bool

	roster     []*participant // in join order
	mediaConns map[mediaConn]*participant
	lastSender uint32
	reissued   bool // sender ids are in their second round or later
	lastEgress uint32

	kek      kek
	rotateAt time.Time // zero: no rotation is due
}

func newMeeting(id string, opts *options, handlers []assignment) (*meeting, error) {
	key, err := bindingKey(opts.Master, id)
	if err != nil {
		return nil, err
	}
	return &meeting{
		id: id, opts: opts, bindingKey: key,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		assignments: handlers,
		mediaConns:  make(map[mediaConn]*participant),
		kek:         newKEK(0),
	}, nil
}

// reassign replaces the handlers GC chose; once somebody has joined they are
// frozen and nothing happens.
func (m *meeting) reassign(handlers []assignment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started.IsZero() {
		m.assignments = handlers
	}
}

// occupied reports whether somebody is on the roster, or was until just now and
// the release has yet to begin.
func (m *meeting) occupied() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.roster) > 0 || m.over
}

// startLocked freezes the handlers and sends each the empty snapshot.
func (m *meeting) startLocked(ctx context.Context) error {
	for _, a := range m.assignments {
		if a.url == "" || a.grpc == "" {
			continue
		}
		c, err := m.opts.Handler(a.grpc)
		if err != nil {
			return fmt.Errorf("reaching media handler %s: %w", a.id, err)
		}
		m.handlers = append(m.handlers, &handler{id: a.id, url: a.url, client: c, wake: make(chan struct{}, 1)})
	}
	if len(m.handlers) == 0 {
		return errNoHandlers
	}
	slices.SortFunc(m.handlers, func(a, b *handler) int { return strings.Compare(a.id, b.id) })
	m.started = time.Now()
	m.snapshotLocked(ctx)
	m.wg.Go(m.keepTime)
	for _, h := range m.handlers {
		m.wg.Go(func() { m.program(h) })
	}
	return nil
}

// endLocked stops the meeting's goroutines; Over follows when they have been
// told.
func (m *meeting) endLocked() {
	if m.over {
		return
	}
	m.over = true
	close(m.stop)
}

// close ends the meeting without a word to anybody and waits for its goroutines.
func (m *meeting) close() {
	m.mu.Lock()
	m.endLocked()
	m.mu.Unlock()
	m.wg.Wait()
}

// refreshLocked works out everything that follows from the roster, the slots
// and who is connected where, and sends what has changed.
func (m *meeting) refreshLocked(ctx context.Context) {
	if m.over {
		return
	}
	m.settleLocked(time.Now())
	m.fillLocked()
	m.snapshotLocked(ctx)
	m.emitLocked(ctx)
	signal(m.wake)
}

// keepTime runs what falls due: settle windows, expired graces and key rotations.
func (m *meeting) keepTime() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
		case <-timer.C:
		}
		next, over := m.tick(time.Now())
		if over {
			m.opts.Over(m)
			return
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// tick does what is due at now and returns when to look again; zero means not
// before something changes.
func (m *meeting) tick(now time.Time) (next time.Time, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return time.Time{}, false
	}
	ctx := context.Background()
	for _, p := range slices.Clone(m.roster) {
		if p.client == nil && !now.Before(m.graceEndLocked(p)) {
			m.opts.Log.Debug("participant timed out", "meeting_id", m.id, "participant_id", p.id)
			if m.removeLocked(ctx, p, signalingv1.LeaveReason_LEAVE_REASON_TIMEOUT) {
				return time.Time{}, true
			}
		}
	}
	if !m.rotateAt.IsZero() && !now.Before(m.rotateAt) {
		if err := m.rotateLocked(ctx); err != nil {
			m.opts.Log.Error("meeting key not rotated", "meeting_id", m.id, "error", err.Error())
		}
	}
	if m.settleLocked(now) {
		m.refreshLocked(ctx)
	}
	return m.nextLocked(), false
}

// graceEndLocked is the first look at graces, one every tick since the meeting
// started, that finds p's expired.
func (m *meeting) graceEndLocked(p *participant) time.Time {
	tick := m.opts.Times.GraceTick
	after := p.lostAt.Add(m.opts.Times.Grace).Sub(m.started)
	return m.started.Add((after + tick - 1) / tick * tick)
}

// nextLocked is the earliest moment at which something falls due.
func (m *meeting) nextLocked() time.Time {
	next := m.rotateAt
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, p := range m.roster {
		if p.client == nil {
			earlier(m.graceEndLocked(p))
		}
		if !p.settled && len(p.media) > 0 {
			earlier(p.settleAt(len(m.handlers), m.opts.Times.Settle))
		}
	}
	return next
}

// signal leaves one token in ch.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
