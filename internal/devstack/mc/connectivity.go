package mc

import (
	"context"
	"time"
)

// mediaConn names one client connection at one media handler.
type mediaConn struct{ handler, connection string }

// mediaConnected records what a handler reports and answers with the sender id
// to bind, or 0: nobody of that user is here, or more than one is (platform
// contract, MC D.9).
func (m *meeting) mediaConnected(ctx context.Context, user, handlerID, connection string) uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return 0
	}
	p := m.byUserLocked(user)
	if p == nil {
		m.opts.Log.Debug("media connection of nobody, or of two", "meeting_id", m.id, "handler", handlerID)
		return 0
	}
	m.mediaConns[mediaConn{handlerID, connection}] = p
	h := m.handlerLocked(handlerID)
	if h == nil {
		m.opts.Log.Warn("media connection at a handler that is not the meeting's", "meeting_id", m.id, "handler", handlerID)
		return p.senderID
	}
	conns := p.media[h]
	if len(conns) >= maxMediaConns {
		return p.senderID // known to its handler, ignored here
	}
	if len(p.media) == 0 {
		p.windowStart = time.Now()
	}
	if conns == nil {
		conns = make(map[string]struct{})
		p.media[h] = conns
	}
	conns[connection] = struct{}{}
	m.refreshLocked(ctx)
	return p.senderID
}

// mediaDisconnected records that a handler has lost a connection. One that is
// not known here is ignored.
func (m *meeting) mediaDisconnected(ctx context.Context, handlerID, connection string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := mediaConn{handlerID, connection}
	p, ok := m.mediaConns[key]
	if !ok {
		return
	}
	delete(m.mediaConns, key)
	h := m.handlerLocked(handlerID)
	if _, tracked := p.media[h][connection]; p.gone || !tracked {
		return
	}
	delete(p.media[h], connection)
	if len(p.media[h]) == 0 {
		delete(p.media, h)
	}
	if len(p.media) == 0 {
		p.settled = false
	}
	m.refreshLocked(ctx)
}

// byUserLocked returns the one participant of a user; nil when there is none or
// when there are two.
func (m *meeting) byUserLocked(user string) *participant {
	var found *participant
	for _, p := range m.roster {
		if p.user == user {
			if found != nil {
				return nil
			}
			found = p
		}
	}
	return found
}

func (m *meeting) handlerLocked(id string) *handler {
	for _, h := range m.handlers {
		if h.id == id {
			return h
		}
	}
	return nil
}

// settleAt is when p, connected to at least one handler, counts for routing: at
// once with all handlers, else a window after the first; and never sooner than a
// window after it last settled (platform contract, MC D.5).
func (p *participant) settleAt(handlers int, window time.Duration) time.Time {
	at := p.windowStart
	if len(p.media) < handlers {
		at = at.Add(window)
	}
	if !p.lastSettle.IsZero() && at.Before(p.lastSettle.Add(window)) {
		at = p.lastSettle.Add(window)
	}
	return at
}

// settleLocked settles everybody who is due and reports whether somebody was.
func (m *meeting) settleLocked(now time.Time) (changed bool) {
	for _, p := range m.roster {
		if p.settled || len(p.media) == 0 || now.Before(p.settleAt(len(m.handlers), m.opts.Times.Settle)) {
			continue
		}
		p.settled, p.lastSettle = true, now
		changed = true
	}
	return changed
}
