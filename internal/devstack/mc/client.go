package mc

import (
	"context"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// client is one connection as its meeting sees it. Except for the first fields,
// which never change, the meeting's lock protects every field.
type client struct {
	id   string
	out  *outbox
	drop func() // asks for the connection to be dropped, does not wait
	// replaced is closed when drop was called.
	replaced <-chan struct{}

	declared    bool // a declaration was accepted on this connection
	accepted    int  // how many were
	directive   *signalingv1.SendDirective
	assignments *signalingv1.StreamAssignments

	refusals           limiter // answers to refused declarations
	muteLimit          limiter
	serverMuteLimit    limiter
	serverMuteRefusals limiter
	unmuteLimit        limiter
}

// newClient returns a connection with its rate limits (platform contract, MC B.9
// and D.8).
func newClient(id string, out *outbox, drop func()) *client {
	return &client{
		id: id, out: out, drop: drop,
		refusals:           limiter{burst: 8, every: time.Second},
		muteLimit:          limiter{burst: 8, every: 250 * time.Millisecond},
		serverMuteLimit:    limiter{burst: 8, every: 250 * time.Millisecond},
		serverMuteRefusals: limiter{burst: 4, every: time.Second},
		unmuteLimit:        limiter{burst: 2, every: 5 * time.Second},
	}
}

// joinRequest is what a checked JoinRequest brings into a meeting.
type joinRequest struct {
	user          string // the token's subject
	name          string // the token's display name
	host          bool
	key           []byte // identity key: 32 bytes or none
	correlationID string
	bindingToken  string
}

// join admits a participant or resumes one, tells the others and returns the
// answer to the joiner. What happens from now on is queued in c.out, first of
// all the server mutes in force (platform contract, MC B.7).
func (m *meeting) join(ctx context.Context, r joinRequest, c *client) (*participant, *signalingv1.JoinResponse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return nil, nil, errMeetingOver
	}
	if m.started.IsZero() {
		if err := m.startLocked(ctx); err != nil {
			return nil, nil, err
		}
	}
	p := m.resumableLocked(r, time.Now())
	if p != nil {
		m.resumeLocked(ctx, p, r)
	} else {
		var err error
		if p, err = m.newParticipantLocked(ctx, r); err != nil {
			return nil, nil, err
		}
		m.roster = append(m.roster, p)
		m.broadcastLocked(ctx, p, p.joined())
	}
	p.client, p.binding = c, newBinding()
	response := m.responseLocked(p)
	for _, q := range m.roster {
		if q.server.any() {
			c.out.put(ctx, q.muteUpdate())
		}
	}
	m.refreshLocked(ctx)
	return p, response, nil
}

// resumeLocked gives p to a new connection. The old one, when it is still there,
// is replaced; the others hear of it only if the identity key is another.
func (m *meeting) resumeLocked(ctx context.Context, p *participant, r joinRequest) {
	if p.client != nil {
		p.client.drop()
	}
	p.host = r.host
	before := string(p.key)
	m.publishKeyLocked(p, r.key)
	if string(p.key) != before {
		m.broadcastLocked(ctx, p, p.joined())
	}
}

func (p *participant) joined() *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantJoined{
		ParticipantJoined: &signalingv1.ParticipantJoined{Participant: p.entry()},
	}}
}

func (m *meeting) responseLocked(p *participant) *signalingv1.JoinResponse {
	out := &signalingv1.JoinResponse{
		ParticipantId:              p.id,
		CorrelationId:              p.binding.correlationID,
		BindingToken:               p.binding.token(m.bindingKey, p.id),
		SenderId:                   &p.senderID,
		MeetingKek:                 m.keyForLocked(),
		KekGeneration:              uint32(m.kek.generation),
		KekRotationDebounceSeconds: m.debounceSeconds(),
	}
	for _, q := range m.roster {
		if q != p {
			out.ExistingParticipants = append(out.ExistingParticipants, q.entry())
		}
	}
	for _, h := range m.handlers {
		out.MediaServers = append(out.MediaServers, &signalingv1.MediaServerInfo{MediaHandlerUrl: h.url})
	}
	return out
}

// leave records the end of a connection: a client that closed it is off the
// roster at once, anything else begins a grace (platform contract, MC B.10). A
// connection that was replaced changes nothing.
func (m *meeting) leave(ctx context.Context, p *participant, c *client, voluntary bool) {
	if m.leaveUnlessReplaced(ctx, p, c, voluntary) {
		m.opts.Over(m)
	}
}

func (m *meeting) leaveUnlessReplaced(ctx context.Context, p *participant, c *client, voluntary bool) (last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || p.client != c {
		return false
	}
	if voluntary {
		return m.removeLocked(ctx, p, signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY)
	}
	p.client, p.lostAt = nil, time.Now()
	signal(m.wake)
	return false
}

func errorMessage(code signalingv1.ErrorCode, text string) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_Error{
		Error: &signalingv1.ErrorMessage{Code: code, Message: text},
	}}
}
