package schedule

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dark-tower/prober/flows"
)

// Options are what a scheduler is made of. Run must be given.
type Options struct {
	Instance string // with the probe's name it seeds the splay
	Budget   Budget
	FirstRun time.Duration // no run is due earlier after the start, nor after a reload that brought or changed the probe
	Ghost    time.Duration // rest after a run that left somebody behind; for the default of Rest
	// Rest is how long a lane rests after a run. Nil: as long as the lane says, and at
	// least Ghost when the run left somebody behind. It must not block.
	Rest func(lane Lane, run flows.Run) time.Duration
	// Run runs a probe once, under a deadline of its own. ctx ends with
	// flows.ErrShutdown as its cause when the run must end because the prober does. A
	// panic makes the run inconclusive.
	Run      func(ctx context.Context, s Start) flows.Run
	Observer Observer // nil: nobody is told
}

// Scheduler starts runs when they are due. Its methods are safe for concurrent use.
type Scheduler struct {
	opts   Options
	born   time.Time
	turned atomic.Int64  // when the loop last turned, in nanoseconds since born; 0 when there is none
	wake   chan struct{} // the loop's heap has changed
	runs   sync.WaitGroup

	starting atomic.Bool // the phase is turning; for whoever cannot wait for mu

	mu      sync.Mutex // protects all following fields
	phase   phase
	base    context.Context // of all runs
	epoch   time.Time
	budget  Budget
	used    Budget // by runs, and by those who stay between them
	stays   Budget // of used, by those who stay
	probes  map[string]*entry
	queue   queue              // the probes that have an interval, by due time
	lanes   map[string]*lane   // by name: rest outlives a probe
	running map[string]*active // by probe: also of probes that are removed
}

type phase int

const (
	idle phase = iota
	turning
	stopped
)

// entry is a configured probe.
type entry struct {
	Probe
	seed    uint64
	grid    grid
	slot    int64     // the next one
	due     time.Time // of slot
	index   int       // in the queue; -1 when not there
	lanes   []*lane   // as in Probe.Lanes
	turn    int       // of the lanes
	backoff backoff
	skipped SkipReason // why the last slot has no run; empty when it has one
}

// New makes a scheduler without probes.
func New(opts Options) *Scheduler {
	if opts.Observer == nil {
		opts.Observer = nobody{}
	}
	if opts.Rest == nil {
		opts.Rest = func(lane Lane, run flows.Run) time.Duration { return rest(lane, opts.Ghost, run) }
	}
	return &Scheduler{
		opts: opts, born: time.Now(), wake: make(chan struct{}, 1), budget: opts.Budget,
		probes: make(map[string]*entry), lanes: make(map[string]*lane), running: make(map[string]*active),
	}
}

// Apply replaces the probes and the budget; at the start and at a reload. Probes with
// an equal fingerprint are left alone. A changed one enters its due times anew and
// keeps its splay, its lanes' rest, and its back-off, of which the observer is told
// again: what a service has asked for, a reload does not undo. Runs that are under way
// go on and are reported, also those of removed probes and those that a smaller budget
// would not admit.
func (s *Scheduler) Apply(probes []Probe, b Budget) {
	for _, tell := range s.apply(probes, b) {
		tell(s.opts.Observer)
	}
	select {
	case s.wake <- struct{}{}:
	default: // it will wake up already
	}
}

func (s *Scheduler) apply(probes []Probe, b Budget) (tell []func(Observer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget = b
	named := make(map[string]bool, len(probes))
	for _, p := range probes {
		named[p.Name] = true
		e := s.probes[p.Name]
		if e != nil && e.Fingerprint == p.Fingerprint {
			continue
		}
		if e == nil {
			e = &entry{seed: seed(s.opts.Instance, p.Name), index: -1}
			s.probes[p.Name] = e
		}
		s.vacate(e)
		s.used, s.stays = s.used.plus(p.Standing), s.stays.plus(p.Standing)
		e.Probe, e.turn, e.skipped = p, 0, ""
		e.lanes = s.lanesOf(p)
		e.disinherit()
		told := e.backoff.told
		if s.phase == turning {
			s.enter(e, time.Now())
		}
		if told {
			tell = append(tell, e.tell())
		}
	}
	for name, e := range s.probes {
		if !named[name] {
			delete(s.probes, name)
			s.queue.remove(e)
			s.vacate(e)
		}
	}
	s.forgetLanes(time.Now())
	return tell
}

// knows reports whether a run of p ran as the probe is now. Slots inherit from no
// other: it may have been a run of something else.
func (e *entry) knows(p Probe) bool { return e.Fingerprint == p.Fingerprint }

// disinherit lets go of runs of before a change.
func (e *entry) disinherit() {
	e.backoff.run = nil
	for _, l := range e.lanes {
		l.ghost = nil
	}
}

// enter gives the probe its next slot.
func (s *Scheduler) enter(e *entry, now time.Time) {
	s.queue.remove(e)
	if e.Interval <= 0 {
		e.backoff = backoff{}
		return
	}
	e.grid = grid{s.epoch.Add(s.opts.FirstRun + splay(e.seed, e.Interval)), e.Interval}
	e.slot = e.grid.from(now.Add(s.opts.FirstRun))
	e.due = e.grid.due(e.slot)
	heap.Push(&s.queue, e)
}
