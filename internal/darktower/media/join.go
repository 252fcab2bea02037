package media

import (
	"cmp"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// A lane is one connection of the sender: uplink order and the relay's hop
// numbers mean something within it.
type lane struct {
	url   string
	epoch uint32 // of the sender's connection
}

// A spot is where frames of one lane arrive: the relay counts them separately
// for each edge, and an edge ends in one slot of one connection.
type spot struct {
	lane
	recv uint32 // epoch of the receiver's connection
	slot uint16
}

// A flight is one sent frame and all that arrived of it.
type flight struct {
	*Sent
	arrivals []*Received // in order of arrival
	accepted *Received   // the first accepted copy
	counted  bool        // due in the window, and settled
}

// A copy is one arrival of a flight at a spot.
type hopCopy struct {
	pos int // of the flight within its stream
	at  spot
	hop uint32
}

// A stream is all the flights of one identity of the sender, in the order they
// were built, which is the order of their sequences.
type stream struct {
	flights []*flight
	copies  []hopCopy
}

type streamKey struct {
	epoch  uint32
	stream uint8
}

type frameKey struct {
	sender   uint16
	stream   uint8
	sequence uint32
}

// joined is a Pair, matched.
type joined struct {
	streams []*stream            // in order of epoch and stream number
	order   []*flight            // of the accepted first copies, in order of arrival
	byFrame map[frameKey][]place // oldest first; more than one only when MC gave one sender id twice
}

type place struct {
	s   *stream
	pos int
}

func (p place) flight() *flight { return p.s.flights[p.pos] }

// join finds the flight of each arrival.
func join(p Pair) *joined {
	j := &joined{byFrame: make(map[frameKey][]place, len(p.Sent))}
	byKey := map[streamKey]*stream{}
	for i := range p.Sent {
		s := &p.Sent[i]
		key := streamKey{s.Epoch, s.Stream}
		st := byKey[key]
		if st == nil {
			st = &stream{}
			byKey[key] = st
			j.streams = append(j.streams, st)
		}
		fk := frameKey{s.SenderID, s.Stream, s.Sequence}
		j.byFrame[fk] = append(j.byFrame[fk], place{st, len(st.flights)})
		st.flights = append(st.flights, &flight{Sent: s})
	}

	arrivals := make([]*Received, 0, len(p.Received))
	for i := range p.Received {
		if p.Received[i].Decoded {
			arrivals = append(arrivals, &p.Received[i])
		}
	}
	slices.SortStableFunc(arrivals, func(a, b *Received) int { return a.At.Compare(b.At) })

	var garbled []*Received
	for _, r := range arrivals {
		at, ok := j.find(frameKey{r.SenderID, r.Stream, r.Sequence}, r)
		switch {
		case ok:
			j.arrived(at, r)
		case r.Reject == frame.SignatureInvalid || r.Reject == frame.NoRosterEntry:
			garbled = append(garbled, r)
		}
	}
	j.matchGarbled(arrivals, garbled)

	for _, st := range j.streams {
		slices.SortStableFunc(st.copies, func(a, b hopCopy) int { return cmp.Compare(a.pos, b.pos) })
		for _, f := range st.flights {
			slices.SortStableFunc(f.arrivals, func(a, b *Received) int { return a.At.Compare(b.At) })
		}
	}
	return j
}

// find returns the newest flight under key that can have arrived as r.
func (j *joined) find(key frameKey, r *Received) (place, bool) {
	places := j.byFrame[key]
	for _, p := range slices.Backward(places) {
		if !p.flight().Built.After(r.At) {
			return p, true
		}
	}
	return place{}, false
}

func (j *joined) arrived(p place, r *Received) {
	f := p.flight()
	f.arrivals = append(f.arrivals, r)
	if f.accepted == nil && r.Accepted() {
		f.accepted = r
		j.order = append(j.order, f)
	}
	if to := f.target(r.HandlerURL); to != nil && !to.Handed.IsZero() {
		at := spot{lane: lane{to.URL, to.ConnEpoch}, recv: r.ConnEpoch, slot: r.SlotID}
		p.s.copies = append(p.s.copies, hopCopy{pos: p.pos, at: at, hop: r.Hop})
	}
}

// target returns what became of the frame at url, or nil when that is no target.
func (f *flight) target(url string) *SentTo {
	for i := range f.Targets {
		if f.Targets[i].URL == url {
			return &f.Targets[i]
		}
	}
	return nil
}

// matchGarbled finds the flights of refused frames whose key id may be damaged.
// The slot tells the sender: such a frame counts as its sequence number says when
// the frames accepted in that slot before and after it are of this pair's sender,
// and no other copy of that frame arrived.
func (j *joined) matchGarbled(arrivals, garbled []*Received) {
	if len(garbled) == 0 {
		return
	}
	type slotKey struct {
		url  string
		recv uint32
		slot uint16
	}
	keyOf := func(r *Received) slotKey { return slotKey{r.HandlerURL, r.ConnEpoch, r.SlotID} }
	owners := map[slotKey][]*Received{}
	for _, r := range arrivals {
		if r.Accepted() {
			owners[keyOf(r)] = append(owners[keyOf(r)], r)
		}
	}
	for _, r := range garbled {
		accepted := owners[keyOf(r)]
		i, _ := slices.BinarySearchFunc(accepted, r.At, func(a *Received, t time.Time) int { return a.At.Compare(t) })
		if i == 0 || i == len(accepted) || accepted[i-1].SenderID != accepted[i].SenderID {
			continue
		}
		before := accepted[i-1]
		p, ok := j.find(frameKey{before.SenderID, before.Stream, r.Sequence}, r)
		if !ok || len(p.flight().arrivals) > 0 {
			continue
		}
		if to := p.flight().target(r.HandlerURL); to != nil && !to.Handed.IsZero() && !to.Handed.After(r.At) {
			j.arrived(p, r)
		}
	}
}
