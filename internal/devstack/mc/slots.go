package mc

import "github.com/dark-tower/prober/internal/darktower/wire/signalingv1"

// slot is one declared receive slot and, when a source fills it, its edge.
type slot struct {
	id     uint32
	kind   signalingv1.MediaKind
	pinned uint32 // sender id the client wants; checked and then not used; 0: none
	edge   *edge  // nil: nobody; always nil for video
}

// edge is one (sender, subscriber) pair and the one handler that forwards it.
type edge struct {
	egressID uint32
	sender   *participant
	handler  *handler
	slotID   uint32
}

// audio returns the participant's audio slots in declaration order.
func (p *participant) audio() []*slot {
	var out []*slot
	for i := range p.slots {
		if p.slots[i].kind == signalingv1.MediaKind_MEDIA_KIND_AUDIO {
			out = append(out, &p.slots[i])
		}
	}
	return out
}

// redeclare replaces p's slots. Sources stay at their ordinal among the audio
// slots.
func (p *participant) redeclare(slots []slot) {
	old := p.audio()
	p.slots = slots
	for i, s := range p.audio() {
		if i < len(old) {
			s.edge = old[i].edge
		}
	}
}

// hears reports whether p can hear s: two people who are both settled and share
// a handler (platform contract, MC D.5).
func (p *participant) hears(s *participant) bool {
	return p != s && !s.gone && p.settled && s.settled && p.shares(s)
}

func (p *participant) shares(s *participant) bool {
	for h := range p.media {
		if len(s.media[h]) > 0 {
			return true
		}
	}
	return false
}

// fillLocked frees the slots whose source cannot be heard any more, moves edges
// off handlers that are no longer shared, and fills empty slots with the
// earliest-joined sender not yet held. No other slot moves.
func (m *meeting) fillLocked() {
	for _, p := range m.roster {
		held := make(map[*participant]bool)
		audio := p.audio()
		for _, s := range audio {
			switch e := s.edge; {
			case e == nil:
			case !p.hears(e.sender):
				s.edge = nil
			default:
				held[e.sender] = true
				if e.slotID != s.id || len(p.media[e.handler]) == 0 || len(e.sender.media[e.handler]) == 0 {
					s.edge = m.newEdgeLocked(p, e.sender, s.id, e.handler)
				}
			}
		}
		for _, s := range audio {
			if s.edge != nil {
				continue
			}
			for _, q := range m.roster {
				if !held[q] && p.hears(q) {
					held[q] = true
					s.edge = m.newEdgeLocked(p, q, s.id, nil)
					break
				}
			}
		}
	}
}

// newEdgeLocked routes sender to subscriber: over the handler it had, if both are
// still there; else over one the sender is already directed to, so that it sends
// as few copies as it can; else senders are spread over the shared handlers.
func (m *meeting) newEdgeLocked(subscriber, sender *participant, slotID uint32, had *handler) *edge {
	var shared []*handler
	for _, h := range m.handlers {
		if len(subscriber.media[h]) > 0 && len(sender.media[h]) > 0 {
			shared = append(shared, h)
		}
	}
	choice := shared[int(sender.senderID-1)%len(shared)]
	targets := m.targetsLocked(sender)
	for _, h := range shared {
		if targets[h] {
			choice = h
			break
		}
	}
	for _, h := range shared {
		if h == had {
			choice = h
		}
	}
	m.lastEgress++
	return &edge{egressID: m.lastEgress, sender: sender, handler: choice, slotID: slotID}
}

// targetsLocked are the handlers that carry sender's outgoing edges.
func (m *meeting) targetsLocked(sender *participant) map[*handler]bool {
	targets := make(map[*handler]bool)
	m.edgesLocked(func(_ *participant, e *edge) {
		if e.sender == sender {
			targets[e.handler] = true
		}
	})
	return targets
}

// edgesLocked calls f for every edge, by subscriber in join order.
func (m *meeting) edgesLocked(f func(subscriber *participant, e *edge)) {
	for _, p := range m.roster {
		for _, s := range p.audio() {
			if s.edge != nil {
				f(p, s.edge)
			}
		}
	}
}

// unreachableLocked are the senders that are connected to handlers and share
// none with p. Somebody who is not settled is nobody's, and has none.
func (m *meeting) unreachableLocked(p *participant) []uint32 {
	var ids []uint32
	for _, q := range m.roster {
		if q != p && p.settled && q.settled && !p.shares(q) {
			ids = append(ids, q.senderID)
		}
	}
	return ids
}
