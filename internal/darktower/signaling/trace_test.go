package signaling

import (
	"context"
	"slices"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// wireTrace is what the packets of one connection show to the server: the STREAM
// frames that came in, and which bytes that went out are acknowledged.
type wireTrace struct {
	mu      sync.Mutex // protects all following fields
	got     map[quic.StreamID][]qlog.StreamFrame
	sent    map[qlog.PacketNumber][]qlog.StreamFrame
	acked   map[quic.StreamID]map[int64]bool // by offset
	changed chan struct{}                    // closed, and replaced, by every acknowledgement
}

func newWireTrace(context.Context, bool, quic.ConnectionID) qlogwriter.Trace {
	return &wireTrace{
		got:     make(map[quic.StreamID][]qlog.StreamFrame),
		sent:    make(map[qlog.PacketNumber][]qlog.StreamFrame),
		acked:   make(map[quic.StreamID]map[int64]bool),
		changed: make(chan struct{}),
	}
}

func (w *wireTrace) AddProducer() qlogwriter.Recorder   { return w }
func (w *wireTrace) SupportsSchemas(schema string) bool { return schema == qlog.EventSchema }
func (w *wireTrace) Close() error                       { return nil }

func (w *wireTrace) RecordEvent(ev qlogwriter.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := ev.(type) {
	case qlog.PacketReceived:
		for _, f := range e.Frames {
			switch f := f.Frame.(type) {
			case *qlog.StreamFrame:
				if !slices.Contains(w.got[f.StreamID], *f) { // or it was sent again
					w.got[f.StreamID] = append(w.got[f.StreamID], *f)
				}
			case *qlog.AckFrame:
				if e.Header.PacketType == qlog.PacketType1RTT {
					w.acknowledgedLocked(f)
				}
			}
		}
	case qlog.PacketSent:
		if e.Header.PacketType != qlog.PacketType1RTT {
			return
		}
		for _, f := range e.Frames {
			if s, ok := f.Frame.(*qlog.StreamFrame); ok {
				w.sent[e.Header.PacketNumber] = append(w.sent[e.Header.PacketNumber], *s)
			}
		}
	}
}

func (w *wireTrace) acknowledgedLocked(ack *qlog.AckFrame) {
	for number, frames := range w.sent {
		if !slices.ContainsFunc(ack.AckRanges, func(r qlog.AckRange) bool { return r.Smallest <= number && number <= r.Largest }) {
			continue
		}
		for _, f := range frames {
			if w.acked[f.StreamID] == nil {
				w.acked[f.StreamID] = make(map[int64]bool)
			}
			for i := f.Offset; i < f.Offset+f.Length; i++ {
				w.acked[f.StreamID][i] = true
			}
		}
		delete(w.sent, number)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// flushed waits until the first n bytes sent on a stream are acknowledged.
func (w *wireTrace) flushed(ctx context.Context, id quic.StreamID, n int) error {
	for {
		w.mu.Lock()
		done, changed := len(w.acked[id]) >= n, w.changed
		w.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// received are the STREAM frames of one stream in order of their offsets.
func (w *wireTrace) received(id quic.StreamID) []qlog.StreamFrame {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames := slices.Clone(w.got[id])
	slices.SortFunc(frames, func(a, b qlog.StreamFrame) int { return int(a.Offset - b.Offset) })
	return frames
}
