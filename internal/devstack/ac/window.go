package ac

import (
	"sync"
	"time"
)

// window counts events by key over the last while, to refuse what comes too
// often.
type window struct {
	length time.Duration
	limit  int

	mu     sync.Mutex // protects all following fields
	events map[string][]time.Time
}

func newWindow(length time.Duration, limit int) *window {
	return &window{length: length, limit: limit, events: make(map[string][]time.Time)}
}

// full reports whether key has used its budget up.
func (w *window) full(key string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.events[key]
	for len(kept) > 0 && now.Sub(kept[0]) >= w.length {
		kept = kept[1:]
	}
	if len(kept) == 0 {
		delete(w.events, key)
		return false
	}
	w.events[key] = kept
	return len(kept) >= w.limit
}

// add counts one event.
func (w *window) add(key string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[key] = append(w.events[key], now)
}
