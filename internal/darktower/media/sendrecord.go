package media

import (
	"maps"
	"sort"
	"time"
)

// record notes a built frame and makes room for what becomes of it.
func (s *Sender) record(r Sent, targets []string) *Sent {
	s.recMu.Lock()
	defer s.recMu.Unlock()
	s.stats.Built++
	s.stats.Missed += r.Missed
	rec := s.sent.add(r)
	if rec == nil {
		return nil
	}
	if len(s.targetR) < len(targets) {
		s.targetR = make([]SentTo, max(chunkLen, len(targets)))
	}
	rec.Targets = s.targetR[:len(targets):len(targets)]
	s.targetR = s.targetR[len(targets):]
	for i, url := range targets {
		rec.Targets[i].URL = url
	}
	return rec
}

// handed implements sendNotes.
func (s *Sender) handed(rec *Sent, target int, hop uint32, at time.Time) {
	s.recMu.Lock()
	defer s.recMu.Unlock()
	s.stats.Handed++
	if rec == nil {
		return
	}
	s.stats.MaxLateness = max(s.stats.MaxLateness, at.Sub(rec.Due))
	rec.Targets[target].Hop, rec.Targets[target].Handed = hop, at
}

// left implements sendNotes.
func (s *Sender) left(rec *Sent, target int, at time.Time) {
	s.recMu.Lock()
	defer s.recMu.Unlock()
	rec.Targets[target].Left = at
}

// dropped implements sendNotes.
func (s *Sender) dropped(rec *Sent, target int, why DropReason) {
	s.recMu.Lock()
	defer s.recMu.Unlock()
	s.stats.Dropped[why]++
	if rec != nil {
		rec.Targets[target].Dropped = why
	}
}

// Sent returns a copy of the record, in the order the frames were built. It is
// taken in short pieces, so that it makes no frame late.
func (s *Sender) Sent() []Sent {
	var out []Sent
	for {
		s.recMu.Lock()
		from := len(out)
		if out == nil {
			out = make([]Sent, 0, s.sent.n)
		}
		out = s.sent.chunk(out, from)
		n := 0
		for i := from; i < len(out); i++ {
			n += len(out[i].Targets)
		}
		targets := make([]SentTo, 0, n)
		for i := from; i < len(out); i++ {
			k := len(targets)
			targets = append(targets, out[i].Targets...)
			out[i].Targets = targets[k:len(targets):len(targets)]
		}
		s.recMu.Unlock()
		if len(out) == from {
			return out
		}
	}
}

// HandedAt returns when the connection to url took the frame with this sender id
// and sequence, and false when the record shows no such hand-over. Of several
// identities with one sender id, which MC gives only to those who leave and come
// back to a meeting that has ended meanwhile, the newest counts.
func (s *Sender) HandedAt(senderID uint16, sequence uint32, url string) (time.Time, bool) {
	s.mu.Lock()
	epoch := s.epochOf[senderID]
	s.mu.Unlock()
	s.recMu.Lock()
	defer s.recMu.Unlock()
	i := sort.Search(s.sent.n, func(i int) bool {
		r := s.sent.at(i)
		return r.Epoch > epoch || r.Epoch == epoch && r.Sequence >= sequence
	})
	if i == s.sent.n {
		return time.Time{}, false
	}
	r := s.sent.at(i)
	if r.Epoch != epoch || r.Sequence != sequence {
		return time.Time{}, false
	}
	for _, t := range r.Targets {
		if t.URL == url && !t.Handed.IsZero() {
			return t.Handed, true
		}
	}
	return time.Time{}, false
}

// Stats returns the totals so far.
func (s *Sender) Stats() SenderStats {
	s.recMu.Lock()
	defer s.recMu.Unlock()
	out := s.stats
	out.Truncated = s.sent.dropped
	out.Dropped = maps.Clone(s.stats.Dropped)
	return out
}
