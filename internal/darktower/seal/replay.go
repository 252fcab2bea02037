package seal

// Bounds of what is remembered of one sender.
const (
	windowLen   = 64 // frames that may arrive late
	maxContexts = 32 // windows for each sender and KEK generation
	maxKeys     = 32 // bound transmit keys for each sender
)

// window remembers which of the last windowLen sequences have been seen.
type window struct {
	highest uint32
	seen    uint64 // bit i: highest-i
}

// admit records a sequence, and reports whether it is new and not too old.
func (w *window) admit(sequence uint32) bool {
	if sequence > w.highest {
		// A shift by windowLen or more leaves nothing, as it should.
		w.seen = w.seen<<(sequence-w.highest) | 1
		w.highest = sequence
		return true
	}
	behind := w.highest - sequence
	if behind >= windowLen || w.seen&(1<<behind) != 0 {
		return false
	}
	w.seen |= 1 << behind
	return true
}

// replayScope is what is remembered of one sender under one KEK generation
// (platform contract, media B.8): sender ids may begin anew with a KEK.
type replayScope struct {
	kek      uint16
	marks    []mark          // one for each stream, so at most 256
	contexts []replayContext // at most maxContexts, oldest first
}

// mark is the highest transmit key generation seen on a stream.
type mark struct {
	stream     uint8
	generation uint64
}

type replayContext struct {
	mark
	window window
}

// admit records a frame, and reports whether it is none of: seen before, too far
// behind, of an older transmit key than already seen.
func (r *replayScope) admit(id KeyID, sequence uint32) bool {
	at := mark{stream: id.Stream(), generation: id.Generation()}
	if !r.advance(at) {
		return false
	}
	for i := range r.contexts {
		if r.contexts[i].mark == at {
			return r.contexts[i].window.admit(sequence)
		}
	}
	r.evict(at.stream)
	r.contexts = append(r.contexts, replayContext{mark: at, window: window{highest: sequence, seen: 1}})
	return true
}

// advance raises the mark of a stream; it fails below the mark.
func (r *replayScope) advance(to mark) bool {
	for i := range r.marks {
		m := &r.marks[i]
		if m.stream != to.stream {
			continue
		}
		if to.generation < m.generation {
			return false
		}
		m.generation = to.generation
		return true
	}
	r.marks = append(r.marks, to)
	return true
}

// evict makes room for a new context on a stream: at the cost of the stream's
// older one, which its mark has made unreachable, else of the oldest.
func (r *replayScope) evict(stream uint8) {
	for i := range r.contexts {
		if r.contexts[i].stream == stream {
			r.contexts = append(r.contexts[:i], r.contexts[i+1:]...)
			return
		}
	}
	if len(r.contexts) == maxContexts {
		r.contexts = append(r.contexts[:0], r.contexts[1:]...)
	}
}
