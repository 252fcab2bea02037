package link

import (
	"sync"
	"time"
)

// Stats are the totals of one direction.
type Stats struct {
	In         uint64 // packets that came in
	Out        uint64 // packets that left, duplicates included
	Duplicated uint64
	Reordered  uint64 // held back for their successor

	Lost, Swallowed, Overtaxed, Crowded, Unsendable uint64 // by fate

	// Missed are packets that the system dropped before the link could read them,
	// because a socket's buffer was full: not of the link's doing.
	Missed uint64
	// UnderWay are packets that came in and have not left.
	UnderWay int
	Lateness Lateness
}

// A way is one direction of a link at work. Packets are brought to it, wait for
// their due time, and are sent by whoever comes first: the reader who brings
// another one, or the goroutine that the alarm wakes.
type way struct {
	name  Direction
	alarm alarm
	note  func(Packet)              // nil: nobody wants to know
	spare func(payload []byte) bool // nil: nobody is spared
	most  int                       // packets under way
	done  chan struct{}             // closed when the goroutine has ended

	mu       sync.Mutex // protects all following fields; held while sending, which keeps the order
	shaper   shaper
	schedule schedule
	armed    time.Time // what the alarm is set to; zero: to nothing
	order    uint64
	stats    Stats
	lateness latenessCount
	unused   []*transit
	closed   bool
}

// newWay starts a direction; close must be called.
func newWay(name Direction, c Conditions, a alarm, cfg *Config) *way {
	w := &way{name: name, alarm: a, note: cfg.OnPacket, spare: cfg.Spare, most: cfg.MaxPackets, done: make(chan struct{})}
	w.shaper.set(c)
	go w.run()
	return w
}

func (w *way) run() {
	defer close(w.done)
	for w.alarm.wait() {
		w.mu.Lock()
		w.armed = time.Time{}
		w.flush()
		w.mu.Unlock()
	}
}

// set changes the conditions for packets that come in from now on.
func (w *way) set(c Conditions) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shaper.set(c)
}

func (w *way) conditions() Conditions {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shaper.cond
}

// bring takes a packet of f that came in at a moment, and copies its data.
func (w *way) bring(f *flow, data []byte, in time.Time, exact bool) {
	spared := w.spare != nil && w.spare(data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	p := Packet{Direction: w.name, Client: f.client, Number: f.count, Size: len(data), In: in, Exact: exact}
	f.count++
	w.stats.In++
	c := w.shaper.steer(f, in, len(data), spared)
	if c.fate == Forwarded && len(w.schedule) >= w.most {
		c.fate = Crowded
	}
	if c.fate != Forwarded {
		w.end(p, c.fate)
		return
	}
	t := w.add(f, p, data, c)
	if c.twice {
		p.Copy = true
		w.add(f, p, data, c)
		w.stats.Duplicated++
	}
	switch {
	case c.hold:
		f.held = t
		w.stats.Reordered++
	case f.held != nil:
		w.overtake(f, t)
	}
	w.flush()
}

// add puts a packet under way.
func (w *way) add(f *flow, p Packet, data []byte, c course) *transit {
	var t *transit
	if n := len(w.unused); n > 0 {
		t, w.unused = w.unused[n-1], w.unused[:n-1]
	} else {
		t = &transit{}
	}
	p.Due, p.Reordered = c.due, c.hold
	if c.hold {
		p.Due = c.due.Add(overtaking)
	}
	t.Packet, t.data, t.from, t.order = p, append(t.data[:0], data...), f, w.order
	w.order++
	w.schedule.add(t)
	return t
}

// overtake lets the packet that f holds back leave right behind its successor.
func (w *way) overtake(f *flow, successor *transit) {
	held := f.held
	f.held = nil
	if successor.Due.After(held.Due) {
		return // it leaves before, as the conditions have changed since
	}
	held.Due, held.order = successor.Due, w.order
	w.order++
	w.schedule.moved(held)
}

// flush sends what is due and sets the alarm to what comes next.
func (w *way) flush() {
	for len(w.schedule) > 0 && !w.closed {
		now := time.Now()
		if due := w.schedule.nextDue(); due.After(now) {
			if !due.Equal(w.armed) {
				w.alarm.set(due)
				w.armed = due
			}
			return
		}
		t := w.schedule.take()
		if t.from.held == t {
			t.from.held = nil
		}
		t.Out = now
		err := t.from.send(t.data)
		t.Gone = time.Now()
		if err != nil {
			w.end(t.Packet, Unsendable)
		} else {
			w.stats.Out++
			w.lateness.note(t.Out.Sub(t.Due))
			w.end(t.Packet, Forwarded)
		}
		t.from = nil
		w.unused = append(w.unused, t)
	}
}

// end counts and tells the end of a packet.
func (w *way) end(p Packet, fate Fate) {
	p.Fate = fate
	switch fate {
	case Lost:
		w.stats.Lost++
	case Swallowed:
		w.stats.Swallowed++
	case Overtaxed:
		w.stats.Overtaxed++
	case Crowded:
		w.stats.Crowded++
	case Unsendable:
		w.stats.Unsendable++
	}
	if fate != Forwarded {
		p.Due, p.Out, p.Gone = time.Time{}, time.Time{}, time.Time{}
	}
	if w.note != nil {
		w.note(p)
	}
}

// missed counts packets that a socket lost before they could be read.
func (w *way) missed(n uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Missed += uint64(n)
}

// crowd counts a packet of a client for whom there is no room.
func (w *way) crowd(p Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.In++
	w.end(p, Crowded)
}

func (w *way) summary() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.UnderWay = len(w.schedule)
	s.Lateness = w.lateness.summary()
	return s
}

// close ends the direction with what is under way, and waits for its goroutine.
func (w *way) close() {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.done
		return
	}
	w.closed = true
	for len(w.schedule) > 0 {
		w.end(w.schedule.take().Packet, Unsendable)
	}
	w.alarm.close()
	w.mu.Unlock()
	<-w.done
}
