package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/slo/statefile"
	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// How often the budgets are written to the state file, and how often they are
// computed for the metrics: as often as those are scraped.
const (
	savedEvery    = time.Minute
	computedEvery = 15 * time.Second
)

// budgets are the error budgets of the objectives in force, counted, shown and kept.
type budgets struct {
	path    string // of the state file; empty: they are not kept
	metrics *metrics.Metrics
	book    *slo.Book

	mu         sync.Mutex // protects all following fields
	objectives []slo.Objective
}

// openBudgets begins with what the state file knows of the objectives. A file that
// nobody can have written is put aside: budgets that begin anew are better than a
// prober that does not. One that cannot be written is said now, and not in a minute.
func openBudgets(path string, m *metrics.Metrics, now time.Time, objectives []slo.Objective, log *slog.Logger) (*budgets, error) {
	b := &budgets{path: path, metrics: m, book: slo.NewBook(objectives), objectives: objectives}
	if path == "" {
		return b, nil
	}
	if err := b.restore(now, log); err != nil {
		return nil, &StateError{err}
	}
	if err := b.save(now); err != nil {
		return nil, &StateError{err}
	}
	return b, nil
}

func (b *budgets) restore(now time.Time, log *slog.Logger) error {
	content, err := statefile.Read(b.path)
	if err != nil || content == nil {
		return err
	}
	state, err := slo.ParseState(content)
	if err != nil {
		aside := b.path + ".unreadable"
		log.Error("the error budgets cannot be read, and begin anew", "error", err, "kept_as", aside)
		return os.Rename(b.path, aside)
	}
	if anew := b.book.Restore(now, state); len(anew) > 0 {
		log.Warn("objectives mean something else than when their budgets were saved, and begin anew", "slo", anew)
	}
	return nil
}

// apply takes over other objectives; those that have not changed keep their budgets.
func (b *budgets) apply(objectives []slo.Objective) {
	b.mu.Lock()
	b.objectives = objectives
	b.mu.Unlock()
	b.book.Apply(objectives)
}

// count adds the events of a finished run.
func (b *budgets) count(now time.Time, run flows.Run) { b.show(b.book.Record(now, run)) }

// inherit adds the events of slots that share the outcome of a run.
func (b *budgets) inherit(now time.Time, run flows.Run, slots int) {
	b.show(b.book.RecordInherited(now, run, slots))
}

func (b *budgets) show(tallies []slo.Tally) {
	for _, t := range tallies {
		b.metrics.Events(t.Objective.Name, t.Events, t.Bad)
	}
}

// notable reports a run that missed a threshold: its trace is worth keeping.
func (b *budgets) notable(run flows.Run) bool {
	b.mu.Lock()
	objectives := b.objectives
	b.mu.Unlock()
	return slices.ContainsFunc(objectives, func(o slo.Objective) bool {
		_, bad := o.Count(run)
		return bad > 0
	})
}

// publish shows the state of every budget in the metrics.
func (b *budgets) publish(now time.Time) {
	for _, r := range b.book.Report(now) {
		burn := make(map[string]float64, len(r.Burn))
		for i, w := range slo.BurnWindows() {
			if rate, known := r.Burn[w]; known {
				burn[metrics.Windows()[i]] = rate
			}
		}
		b.metrics.SetBudget(r.Objective.Name, metrics.Budget{
			SLI: r.SLI, Consumed: r.Consumed, Remaining: r.Remaining, Coverage: &r.Coverage, Burn: burn})
	}
}

// save writes the state file, if there is one.
func (b *budgets) save(now time.Time) error {
	if b.path == "" {
		return nil
	}
	content, err := b.book.Marshal(now)
	if err != nil {
		return err
	}
	return statefile.Write(b.path, content)
}

// tend keeps metrics and state file up to date until ctx is done.
func (b *budgets) tend(ctx context.Context, log *slog.Logger) {
	compute, save := time.NewTicker(computedEvery), time.NewTicker(savedEvery)
	defer compute.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-compute.C:
			b.publish(now)
		case now := <-save.C:
			if err := b.save(now); err != nil {
				log.Warn("the error budgets were not saved", "error", err)
			}
		}
	}
}

// StateError is a state file that cannot be had.
type StateError struct{ Err error }

func (e *StateError) Error() string { return fmt.Sprintf("daemon.state_file: %v", e.Err) }

// Unwrap returns what is wrong.
func (e *StateError) Unwrap() error { return e.Err }
