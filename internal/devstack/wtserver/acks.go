package wtserver

import (
	"context"
	"slices"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// ackTrace learns from a connection's events which stream bytes the peer has
// acknowledged: the QUIC stack itself tells nobody.
type ackTrace struct {
	mu      sync.Mutex // protects all following fields
	sent    map[qlog.PacketNumber][]qlog.StreamFrame
	streams map[quic.StreamID]*ackedStream
	changed chan struct{} // closed and replaced at each acknowledgement
}

// ackedStream is what of one stream is acknowledged.
type ackedStream struct {
	spans []span // disjoint, ascending
	size  int64  // of the whole stream; -1 until its FIN is acknowledged
}

type span struct{ from, to int64 }

func traceAcks(context.Context, bool, quic.ConnectionID) qlogwriter.Trace {
	return &ackTrace{
		sent:    make(map[qlog.PacketNumber][]qlog.StreamFrame),
		streams: make(map[quic.StreamID]*ackedStream),
		changed: make(chan struct{}),
	}
}

// AddProducer and SupportsSchemas make ackTrace a qlogwriter.Trace.
func (t *ackTrace) AddProducer() qlogwriter.Recorder { return ackRecorder{t} }

// SupportsSchemas declines HTTP/3's events.
func (t *ackTrace) SupportsSchemas(schema string) bool { return schema == qlog.EventSchema }

type ackRecorder struct{ t *ackTrace }

func (ackRecorder) Close() error { return nil }

func (r ackRecorder) RecordEvent(ev qlogwriter.Event) {
	switch e := ev.(type) {
	case qlog.PacketSent:
		if e.Header.PacketType == qlog.PacketType1RTT {
			r.t.packetSent(e.Header.PacketNumber, e.Frames)
		}
	case qlog.PacketReceived:
		if e.Header.PacketType == qlog.PacketType1RTT {
			for _, f := range e.Frames {
				if ack, ok := f.Frame.(*qlog.AckFrame); ok {
					r.t.acknowledged(ack)
				}
			}
		}
	case qlog.PacketLost:
		r.t.mu.Lock()
		delete(r.t.sent, e.Header.PacketNumber) // its bytes are sent again in another packet
		r.t.mu.Unlock()
	}
}

func (t *ackTrace) packetSent(pn qlog.PacketNumber, frames []qlog.Frame) {
	var pieces []qlog.StreamFrame
	for _, f := range frames {
		if sf, ok := f.Frame.(*qlog.StreamFrame); ok {
			pieces = append(pieces, *sf)
		}
	}
	if pieces == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[pn] = pieces
}

func (t *ackTrace) acknowledged(ack *qlog.AckFrame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	progress := false
	for pn, pieces := range t.sent {
		for _, r := range ack.AckRanges {
			if r.Smallest <= pn && pn <= r.Largest {
				for _, p := range pieces {
					t.addLocked(p)
				}
				delete(t.sent, pn)
				progress = true
				break
			}
		}
	}
	if progress {
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

func (t *ackTrace) addLocked(p qlog.StreamFrame) {
	st := t.streams[p.StreamID]
	if st == nil {
		st = &ackedStream{size: -1}
		t.streams[p.StreamID] = st
	}
	if p.Fin {
		st.size = p.Offset + p.Length
	}
	if p.Length == 0 {
		return
	}
	st.spans = append(st.spans, span{p.Offset, p.Offset + p.Length})
	slices.SortFunc(st.spans, func(a, b span) int { return int(a.from - b.from) })
	merged := st.spans[:1]
	for _, s := range st.spans[1:] {
		if last := &merged[len(merged)-1]; s.from <= last.to {
			last.to = max(last.to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	st.spans = merged
}

func (st *ackedStream) complete() bool {
	if st == nil || st.size < 0 {
		return false
	}
	return st.size == 0 || len(st.spans) == 1 && st.spans[0] == span{0, st.size}
}

// wait returns when everything on the streams up to their FIN is acknowledged,
// or when ctx ends.
func (t *ackTrace) wait(ctx context.Context, ids []quic.StreamID) {
	for {
		t.mu.Lock()
		pending := slices.ContainsFunc(ids, func(id quic.StreamID) bool { return !t.streams[id].complete() })
		changed := t.changed
		t.mu.Unlock()
		if !pending {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
