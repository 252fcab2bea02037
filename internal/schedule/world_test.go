package schedule_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

const (
	firstRun = 15 * time.Second
	every    = 10 * time.Second
	ghost    = 45 * time.Second
)

// world is a scheduler that runs, and what its observer saw. It lives in a bubble.
type world struct {
	*schedule.Scheduler
	epoch time.Time
	stop  context.CancelCauseFunc
	over  chan struct{}

	mu        sync.Mutex // protects all following fields
	fates     map[string][]string
	starts    []schedule.Start
	skips     []schedule.Skip
	finished  []flows.Run
	inherited []string
	slowed    []string
}

// play says what a run does. Its result is completed with an ID and the lane.
type play func(ctx context.Context, s schedule.Start) flows.Run

// in runs body in a bubble with a scheduler that runs play on the probes. It starts
// with one probe slot due in each interval after firstRun.
func in(t *testing.T, opts schedule.Options, drain time.Duration, play play, body func(t *testing.T, w *world), probes ...schedule.Probe) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{epoch: time.Now(), over: make(chan struct{}), fates: make(map[string][]string)}
		if opts.Budget == (schedule.Budget{}) {
			opts.Budget = schedule.Budget{Participants: 16, DatagramsPerSecond: 1000}
		}
		opts.Instance, opts.FirstRun, opts.Ghost, opts.Observer = "a", firstRun, ghost, w
		opts.Run = func(ctx context.Context, s schedule.Start) flows.Run {
			run := play(ctx, s)
			run.ID, run.Probe, run.Lane, run.Trigger = fmt.Sprintf("%s/%d", s.Probe, s.Slot), s.Probe, s.Lane, s.Trigger
			return run
		}
		w.Scheduler = schedule.New(opts)
		w.Apply(probes, opts.Budget)
		var ctx context.Context
		ctx, w.stop = context.WithCancelCause(t.Context())
		go func() {
			defer close(w.over)
			w.Run(ctx, drain)
		}()
		synctest.Wait()
		body(t, w)
		w.stop(flows.ErrShutdown)
		<-w.over
	})
}

// slots lets time pass until n slots of a probe with the given interval have been
// due since firstRun: the nth is due before its interval is over.
func (w *world) slots(n int, interval time.Duration) {
	time.Sleep(time.Until(w.epoch.Add(firstRun + time.Duration(n)*interval)))
	synctest.Wait()
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// fate is what became of the probe's slots, in turn.
func (w *world) fate(probe string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.fates[probe], " ")
}

func (w *world) heirs() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.inherited, ", ")
}

func (w *world) backoffs() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.slowed, ", ")
}

func (w *world) ended() []flows.Run {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.finished)
}

// runs are the starts of a probe.
func (w *world) runs(probe string) []schedule.Start {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.starts), func(s schedule.Start) bool { return s.Probe != probe })
}

func (w *world) status(t *testing.T, probe string) schedule.Status {
	t.Helper()
	for _, s := range w.Status() {
		if s.Probe == probe {
			return s
		}
	}
	t.Fatalf("no status of %s", probe)
	return schedule.Status{}
}

func (w *world) Started(s schedule.Start) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts = append(w.starts, s)
	fate := s.Lane
	if s.Trigger == flows.OnDemand {
		fate = "by-hand"
	} else if fate == "" {
		fate = "run"
	}
	w.fates[s.Probe] = append(w.fates[s.Probe], fate)
}

func (w *world) Skipped(s schedule.Skip) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skips = append(w.skips, s)
	w.fates[s.Probe] = append(w.fates[s.Probe], string(s.Reason))
}

func (w *world) Finished(_ schedule.Start, run flows.Run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = append(w.finished, run)
}

func (w *world) Inherited(run flows.Run, slots int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inherited = append(w.inherited, fmt.Sprintf("%d of %s %s", slots, run.ID, run.Outcome))
}

func (w *world) BackedOff(probe string, until time.Time, interval time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until.IsZero() {
		w.slowed = append(w.slowed, fmt.Sprintf("%s %s", probe, interval))
		return
	}
	w.slowed = append(w.slowed, fmt.Sprintf("%s %s for %s", probe, interval, time.Until(until).Round(time.Second)))
}

// Plays.

// takes runs for d, or until it is cancelled, and succeeds.
func takes(d time.Duration) play { return ends(d, flows.Run{Outcome: flows.Success}) }

// ends runs for d and comes to an end.
func ends(d time.Duration, run flows.Run) play {
	return func(ctx context.Context, _ schedule.Start) flows.Run {
		select {
		case <-time.After(d):
			return run
		case <-ctx.Done():
			return flows.Run{Outcome: flows.Aborted, Failure: &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Detail: context.Cause(ctx).Error()}}
		}
	}
}

// bySlot plays the given slots, and else succeeds in a second.
func bySlot(plays map[int64]play) play {
	return func(ctx context.Context, s schedule.Start) flows.Run {
		if p := plays[s.Slot]; p != nil {
			return p(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}
}

// Outcomes.

func failed() flows.Run {
	return flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Step: flows.StepMCConnect, Hop: flows.MC, Reason: flows.Timeout}}
}

func unavailable(after time.Duration) flows.Run {
	return flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Unavailable, BackOff: true, RetryAfter: after}}
}

func throttled(after time.Duration) flows.Run {
	return flows.Run{Outcome: flows.Inconclusive, Failure: &flows.Failure{Step: flows.StepGCJoin, Hop: flows.GC, Reason: flows.Throttled, BackOff: true, RetryAfter: after}}
}

func unclean(run flows.Run) flows.Run {
	run.Leaves = flows.Leaves{Unclean: 1}
	return run
}

// probe is one without lanes that takes nothing.
func probe(name string) schedule.Probe {
	return schedule.Probe{Name: name, Interval: every, Fingerprint: "1"}
}

// laned is a probe with lanes that rest for a second.
func laned(name string, lanes ...string) schedule.Probe {
	p := probe(name)
	for _, l := range lanes {
		p.Lanes = append(p.Lanes, schedule.Lane{Name: l, Rest: time.Second})
	}
	return p
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func contextWithStop(t *testing.T) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(flows.ErrShutdown) }
}
