package mh

import (
	"context"
	"sync"
)

// ring is a bounded queue with any number of writers and one reader at a time.
// A push into a full ring pushes out the oldest item.
type ring[T any] struct {
	ready chan struct{} // one token: the ring is not empty

	mu          sync.Mutex // protects all following fields
	items       []T        // the whole capacity
	first, used int
}

func newRing[T any](capacity int) *ring[T] {
	return &ring[T]{items: make([]T, capacity), ready: make(chan struct{}, 1)}
}

// push adds v and returns what it pushed out.
func (r *ring[T]) push(v T) (evicted T, full bool) {
	r.mu.Lock()
	if full = r.used == len(r.items); full {
		evicted = r.popLocked()
	}
	r.items[(r.first+r.used)%len(r.items)] = v
	r.used++
	r.mu.Unlock()
	r.wake()
	return evicted, full
}

// wake makes the reader look again.
func (r *ring[T]) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (r *ring[T]) popLocked() T {
	var zero T
	v := r.items[r.first]
	r.items[r.first] = zero
	r.first = (r.first + 1) % len(r.items)
	r.used--
	return v
}

// tryPop takes the oldest item, if there is one.
func (r *ring[T]) tryPop() (v T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used == 0 {
		return v, false
	}
	return r.popLocked(), true
}

// pop waits for the oldest item until ctx ends.
func (r *ring[T]) pop(ctx context.Context) (v T, ok bool) {
	for {
		if v, ok = r.tryPop(); ok {
			return v, true
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return v, false
		}
	}
}
