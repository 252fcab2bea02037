package people

import (
	"sync"
	"time"
	"unique"

	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

// Visits remember when each meeting was last left by anybody of this prober, for as
// long as that matters. The zero value is ready, and safe for concurrent use.
type Visits struct {
	mu sync.Mutex // protects left
	// By handles: fmt shows the keys of an unexported map as they are.
	left map[unique.Handle[httpapi.Secret]]time.Time
}

// over notes that somebody has left a meeting.
func (v *Visits) over(meeting httpapi.Secret, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left == nil {
		v.left = make(map[unique.Handle[httpapi.Secret]]time.Time)
	}
	for m, at := range v.left {
		if now.Sub(at) >= lateEnd {
			delete(v.left, m)
		}
	}
	v.left[unique.Make(meeting)] = now
}

// haste is how soon after it was left a meeting is entered again, when that is too soon
// to judge by; else 0.
func (v *Visits) haste(meeting httpapi.Secret, now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, known := v.left[unique.Make(meeting)]
	if !known || now.Sub(at) >= lateEnd {
		return 0
	}
	return max(now.Sub(at), 1)
}
