package mh

import (
	"context"
	"errors"
	"sync"

	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

var (
	errTooManyMeetings = errors.New("the cap of registered meetings is reached")
	errOtherMC         = errors.New("the meeting belongs to another controller")
	errSenderTaken     = errors.New("the sender id is held by another participant")
	errMeetingEnded    = errors.New("the meeting has ended")
)

// meetings are the meetings that MCs have registered.
type meetings struct {
	maxMeetings, maxStreams int

	mu      sync.Mutex // protects all following fields
	byID    map[string]*meeting
	streams int           // installed, over all meetings
	added   chan struct{} // closed and replaced when a meeting is registered
}

// meeting is one registered meeting.
type meeting struct {
	id    string
	ended chan struct{} // closed by EndMeeting

	mu         sync.RWMutex // protects all following fields
	mcID       string
	mcEndpoint string
	generation uint64  // of policy; 0: none
	policy     *policy // nil: none
	bindings   map[uint16]*binding
	over       bool
}

// binding ties a sender id to the participant who holds it and to the connection
// that receives for it. The egress queue outlives a takeover.
type binding struct {
	subject string
	egress  *ring[outgoing]
	owner   *conn
}

// outgoing is a rewritten frame on its way to a subscriber.
type outgoing struct {
	bytes []byte
	info  Forwarded
}

func newMeetings(maxMeetings, maxStreams int) *meetings {
	return &meetings{maxMeetings: maxMeetings, maxStreams: min(maxStreams, maxTotalEdges),
		byID: make(map[string]*meeting), added: make(chan struct{})}
}

// register installs a snapshot and returns the generation and mode that are in
// force. A snapshot over the stream ceiling is not installed, which is no error.
func (ms *meetings) register(req *internalv1.RegisterMeetingRequest, p *policy) (uint64, signalingv1.TransportMode, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.byID[req.GetMeetingId()]
	if m == nil {
		if len(ms.byID) >= ms.maxMeetings {
			return 0, 0, errTooManyMeetings
		}
		m = &meeting{id: req.GetMeetingId(), ended: make(chan struct{}), bindings: make(map[uint16]*binding),
			mcID: req.GetMcId(), mcEndpoint: req.GetMcGrpcEndpoint()}
		ms.byID[m.id] = m
		close(ms.added)
		ms.added = make(chan struct{})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if req.GetPolicyGeneration() > m.generation {
		held := 0
		if m.policy != nil {
			held = m.policy.streams
		}
		if total := ms.streams - held + p.streams; total <= ms.maxStreams {
			ms.streams = total
			m.policy, m.generation = p, req.GetPolicyGeneration()
			m.mcID, m.mcEndpoint = req.GetMcId(), req.GetMcGrpcEndpoint()
		}
	}
	if m.policy == nil {
		return m.generation, transportModeNone, nil
	}
	return m.generation, m.policy.mode, nil
}

// end releases a meeting and ends its connections. An unknown one is no error.
func (ms *meetings) end(id, mcID string) error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.byID[id]
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mcID != mcID {
		return errOtherMC
	}
	m.over = true
	if m.policy != nil {
		ms.streams -= m.policy.streams
	}
	delete(ms.byID, id)
	close(m.ended)
	return nil
}

// await returns the meeting, once it is registered, or ctx's error.
func (ms *meetings) await(ctx context.Context, id string) (*meeting, error) {
	for {
		ms.mu.Lock()
		m, added := ms.byID[id], ms.added
		ms.mu.Unlock()
		if m != nil {
			return m, nil
		}
		select {
		case <-added:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (ms *meetings) size() (meetings, streams int) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return len(ms.byID), ms.streams
}

// controller returns the gRPC endpoint of the meeting's MC.
func (m *meeting) controller() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mcEndpoint
}

// bind makes c the connection that receives for its sender id. A connection of
// the same participant is taken over with its queue; another participant's is
// not: the incumbent wins (platform contract, media C.2).
func (m *meeting) bind(c *conn) (*ring[outgoing], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return nil, errMeetingEnded
	}
	b := m.bindings[c.sender]
	switch {
	case b == nil:
		b = &binding{subject: c.subject, egress: newRing[outgoing](egressRing)}
		m.bindings[c.sender] = b
	case b.subject != c.subject:
		return nil, errSenderTaken
	default:
		b.owner.takenOver()
	}
	b.owner = c
	return b.egress, nil
}

// unbind releases c's binding, unless another connection has taken it over.
func (m *meeting) unbind(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.bindings[c.sender]; b != nil && b.owner == c {
		delete(m.bindings, c.sender)
	}
}

// muted reports whether a host has muted the sender.
func (m *meeting) muted(sender uint16) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.policy == nil {
		return false
	}
	_, ok := m.policy.muted[sender]
	return ok
}

// route returns the edges of a sender; ok is false when the meeting has no
// policy yet.
func (m *meeting) route(sender uint16) (edges []edge, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.policy == nil {
		return nil, false
	}
	return m.policy.bySender[sender], true
}

// queue returns the egress queue of a subscriber with a connection here.
func (m *meeting) queue(subscriber uint16) (*ring[outgoing], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	b := m.bindings[subscriber]
	if b == nil {
		return nil, false
	}
	return b.egress, true
}
