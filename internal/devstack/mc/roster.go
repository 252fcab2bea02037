package mc

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

const (
	maxSenderID   = 65535
	maxName       = 256 // bytes of a display name
	maxMediaConns = 4   // tracked per participant and handler (platform contract, MC D.5)
)

// participant is one entry of a meeting's roster. The meeting's lock protects
// every field.
type participant struct {
	id       string // minted here per join
	user     string // the token's subject, which media handlers know people by
	name     string
	host     bool
	senderID uint32
	key      []byte // published identity key: 32 bytes or none
	binding  binding

	client *client   // nil while the connection is lost
	lostAt time.Time // when it was lost
	gone   bool      // no longer on the roster

	muted  kinds // what the client says of itself
	server kinds // what a host has imposed
	by     string

	slots []slot // the receive slots as declared; nil before the first declaration

	media       map[*handler]map[string]struct{} // live connection ids by handler
	settled     bool
	windowStart time.Time // first handler connection since none
	lastSettle  time.Time

	reported map[string]signalingv1.ConnectionState // by handler URL, as the client says
}

// kinds is a mute state: one flag per media kind.
type kinds struct{ audio, video bool }

func (k kinds) any() bool { return k.audio || k.video }

// newParticipantLocked admits a participant and makes its sender id. The one
// error is a sender space whose 65535 ids are all held.
func (m *meeting) newParticipantLocked(ctx context.Context, r joinRequest) (*participant, error) {
	id, err := m.nextSenderLocked(ctx)
	if err != nil {
		return nil, err
	}
	p := &participant{
		id:       uuid.NewString(),
		user:     r.user,
		name:     displayName(r.name, len(m.roster)+1),
		host:     r.host,
		senderID: id,
		media:    make(map[*handler]map[string]struct{}),
	}
	m.publishKeyLocked(p, r.key)
	return p, nil
}

// publishKeyLocked sets the identity key that the others are shown.
func (m *meeting) publishKeyLocked(p *participant, key []byte) {
	if len(key) > 0 && m.opts.Faults.Get().MC.WrongRosterKey {
		if other, _, err := ed25519.GenerateKey(rand.Reader); err == nil {
			key = other
		}
	}
	p.key = slices.Clone(key)
}

// displayName is the token's name cut on a character boundary, or the
// platform's stand-in (platform contract, MC C).
func displayName(name string, n int) string {
	if name == "" {
		return fmt.Sprintf("Participant %d", n)
	}
	return cut(name, maxName)
}

// nextSenderLocked returns the next sender id. Ids are never reused inside one
// key generation; when all are used up, a new key opens a fresh namespace that
// leaves out the ids still held (platform contract, MC D.2).
func (m *meeting) nextSenderLocked(ctx context.Context) (uint32, error) {
	held := make(map[uint32]bool)
	if m.reissued || m.lastSender == maxSenderID {
		for _, p := range m.roster {
			held[p.senderID] = true
		}
		for _, p := range m.mediaConns {
			held[p.senderID] = true // a handler may still forward under it
		}
	}
	for range 2 {
		for m.lastSender < maxSenderID {
			m.lastSender++
			if !held[m.lastSender] {
				return m.lastSender, nil
			}
		}
		if err := m.rotateLocked(ctx); err != nil {
			return 0, fmt.Errorf("opening a fresh sender space: %w", err)
		}
		m.lastSender, m.reissued = 0, true
	}
	return 0, fmt.Errorf("all %d sender ids are held", maxSenderID)
}

// entry is the participant as the others see it.
func (p *participant) entry() *signalingv1.Participant {
	return &signalingv1.Participant{
		ParticipantId:     p.id,
		Name:              p.name,
		SenderId:          &p.senderID,
		IdentityPublicKey: p.key,
	}
}

// removeLocked takes p off the roster and tells the others. It reports whether
// that was the last one, and then the meeting is over.
func (m *meeting) removeLocked(ctx context.Context, p *participant, reason signalingv1.LeaveReason) (last bool) {
	m.roster = slices.DeleteFunc(m.roster, func(q *participant) bool { return q == p })
	p.gone, p.client = true, nil
	if len(m.roster) == 0 {
		m.endLocked()
		return true
	}
	m.broadcastLocked(ctx, nil, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantLeft{
		ParticipantLeft: &signalingv1.ParticipantLeft{ParticipantId: p.id, Reason: reason},
	}})
	m.scheduleRotationLocked(time.Now())
	m.refreshLocked(ctx)
	return false
}

// broadcastLocked queues one message for everybody with a connection but except.
func (m *meeting) broadcastLocked(ctx context.Context, except *participant, msg *signalingv1.ServerMessage) {
	for _, p := range m.roster {
		if p != except && p.client != nil {
			p.client.out.put(ctx, msg)
		}
	}
}
