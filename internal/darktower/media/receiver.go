package media

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/seal"
)

// ReceiverConfig bounds what a Receiver keeps.
type ReceiverConfig struct {
	Queue      int // datagrams between the readers and the decoder; default 512
	MaxRecords int // datagrams recorded; default 1 << 17
}

// An Opener verifies and decrypts frames. *seal.Opener is one.
type Opener interface {
	Open(dst []byte, v frame.View, now time.Time) (seal.Opened, error)
}

// Receiver takes datagrams from all handler connections of a participant.
//
// Each connection has a goroutine that does nothing but read, stamp and hand
// over; one further goroutine decodes, watches the hop numbers, opens and records.
// A datagram that finds the queue between them full is the prober's own loss, and
// is counted as such, not as received.
//
// received = accepted + sum of refused, always.
//
// A Receiver outlives connections and identities: its record spans them all.
type Receiver struct {
	cfg     ReceiverConfig
	queue   chan arrival
	decoded chan struct{} // closed when the decoder has ended

	mu       sync.Mutex // protects all following fields
	opener   Opener
	slots    map[uint16]bool
	records  log[Received]
	grown    chan struct{} // closed at the next record or connection's end; nil when nobody waits
	stats    ReceiverStats
	open     int // connections being read
	attached int // connections that were ever read
	lastErr  error
}

// ReceiverStats are a receiver's totals.
type ReceiverStats struct {
	Received     int // datagrams decoded or refused
	Accepted     int
	Refused      map[frame.Reason]int
	WrapOutcomes map[seal.WrapOutcome]int // of accepted frames
	Undeclared   int                      // decoded frames for a slot that was not declared
	// QueueDropped are datagrams this process had in hand and lost for want of
	// time; QueueDroppedAt are the moments of the last of them.
	QueueDropped   int
	QueueDroppedAt []time.Time
	Truncated      int // datagrams that the full record does not show
}

// maxDropTimes bounds ReceiverStats.QueueDroppedAt.
const maxDropTimes = 1024

// arrival is one datagram in the reader's hand, or the end of its connection.
type arrival struct {
	at   time.Time // when it came in
	read time.Time // when the reader had it
	data []byte
	from *inlet
	end  error
}

// NewReceiver starts a Receiver; Close must be called.
func NewReceiver(cfg ReceiverConfig) *Receiver {
	if cfg.Queue <= 0 {
		cfg.Queue = 512
	}
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = defaultMaxRecords
	}
	r := &Receiver{
		cfg: cfg, queue: make(chan arrival, cfg.Queue), decoded: make(chan struct{}),
		records: log[Received]{limit: cfg.MaxRecords},
		stats:   ReceiverStats{Refused: map[frame.Reason]int{}, WrapOutcomes: map[seal.WrapOutcome]int{}},
	}
	go r.decode()
	return r
}

// Adopt sets who opens the frames of connections made from now on, and the slots
// that are declared for them. Connections that exist keep the opener they have.
func (r *Receiver) Adopt(o Opener, slots []uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opener = o
	r.slots = make(map[uint16]bool, len(slots))
	for _, id := range slots {
		r.slots[id] = true
	}
}

// Close ends the decoder after what is queued. All connections must have ended.
func (r *Receiver) Close() {
	close(r.queue)
	<-r.decoded
}

func (r *Receiver) decode() {
	defer close(r.decoded)
	var plaintext []byte
	for a := range r.queue {
		if a.end != nil {
			r.ended(a.end)
			continue
		}
		var rec Received
		rec, plaintext = a.from.take(a, plaintext)
		r.note(rec)
	}
}

// note adds a record and wakes whoever waits for one.
func (r *Receiver) note(rec Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Received++
	if rec.Accepted() {
		r.stats.Accepted++
		r.stats.WrapOutcomes[rec.Wrap]++
	} else {
		r.stats.Refused[rec.Reject]++
	}
	if rec.Decoded && !rec.Declared {
		r.stats.Undeclared++
	}
	r.records.add(rec)
	r.wakeLocked()
}

// ended notes that a connection is no longer read, after all that it brought.
func (r *Receiver) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	r.lastErr = err
	r.wakeLocked()
}

func (r *Receiver) wakeLocked() {
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
}

// queueFull notes a datagram that was lost in this process.
func (r *Receiver) queueFull(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.QueueDropped++
	if len(r.stats.QueueDroppedAt) == maxDropTimes {
		r.stats.QueueDroppedAt = append(r.stats.QueueDroppedAt[:0], r.stats.QueueDroppedAt[1:]...)
	}
	r.stats.QueueDroppedAt = append(r.stats.QueueDroppedAt, at)
}

// Received returns a copy of the record, in the order of decoding. It is taken in
// short pieces, so that it holds nothing up.
func (r *Receiver) Received() []Received {
	var out []Received
	for {
		r.mu.Lock()
		n := len(out)
		if out == nil {
			out = make([]Received, 0, r.records.n)
		}
		out = r.records.chunk(out, n)
		r.mu.Unlock()
		if len(out) == n {
			return out
		}
	}
}

// Stats returns the totals so far.
func (r *Receiver) Stats() ReceiverStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.stats
	out.Refused = maps.Clone(r.stats.Refused)
	out.WrapOutcomes = maps.Clone(r.stats.WrapOutcomes)
	out.QueueDroppedAt = slices.Clone(r.stats.QueueDroppedAt)
	out.Truncated = r.records.dropped
	return out
}

var (
	// ErrRecordFull is the cause when a frame is waited for that the full record
	// could not show.
	ErrRecordFull = errors.New("the record of received frames is full")
	// ErrAllClosed is the cause when a frame is waited for and every handler
	// connection has ended.
	ErrAllClosed = errors.New("every media handler connection has ended")
)

// AwaitFrame returns the first recorded datagram for which cond holds, whether
// it arrived before or after the call. cond sees refused datagrams too. The error
// is a *WaitError: of ctx, ErrAllClosed or ErrRecordFull.
func (r *Receiver) AwaitFrame(ctx context.Context, cond func(Received) bool) (Received, error) {
	start := time.Now()
	var batch []Received
	for next := 0; ; {
		r.mu.Lock()
		batch = r.records.from(batch[:0], next)
		next = r.records.n
		if r.grown == nil {
			r.grown = make(chan struct{})
		}
		grown, full, gone, cause := r.grown, r.records.dropped > 0, r.open == 0 && r.attached > 0, r.lastErr
		r.mu.Unlock()
		for _, rec := range batch {
			if cond(rec) {
				return rec, nil
			}
		}
		switch {
		case full:
			return Received{}, r.waitError(start, ErrRecordFull)
		case gone:
			return Received{}, r.waitError(start, errors.Join(ErrAllClosed, cause))
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return Received{}, r.waitError(start, context.Cause(ctx))
		}
	}
}

// A WaitError is a frame that did not come.
type WaitError struct {
	After    time.Duration
	Received int // datagrams of any kind, ever
	Accepted int
	Refused  map[frame.Reason]int
	Err      error
}

func (r *Receiver) waitError(since time.Time, err error) *WaitError {
	s := r.Stats()
	return &WaitError{After: time.Since(since), Received: s.Received, Accepted: s.Accepted, Refused: s.Refused, Err: err}
}

// Error says what had arrived instead.
func (e *WaitError) Error() string {
	var why strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(e.Refused)) {
		fmt.Fprintf(&why, ", %d %s", e.Refused[reason], reason)
	}
	return fmt.Sprintf("waited %s for a media frame (so far %d datagrams: %d accepted%s): %v",
		e.After.Round(time.Millisecond), e.Received, e.Accepted, why.String(), e.Err)
}

// Timeout reports whether the time was up, rather than the connections gone.
func (e *WaitError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

func (e *WaitError) Unwrap() error { return e.Err }
