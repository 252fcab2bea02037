package flows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Part is one person's share of a run.
type Part struct {
	run      *Recorder
	actor    string
	measured bool
	after    bool
}

// Actor names the person.
func (p *Part) Actor() string { return p.actor }

// Run is the recorder behind the part.
func (p *Part) Run() *Recorder { return p.run }

// AfterCut marks the steps that follow as done after the cut of a reconnect.
func (p *Part) AfterCut() *Part {
	q := *p
	q.after = true
	return &q
}

// measures reports whether a step counts for the SLI.
func (p *Part) measures(step Step) bool { return p.measured || step == StepGCAssign }

// Step gives fn a span, a duration and, when it fails, a hop and a reason. The
// error it returns is always a *Failure: fn's own one, or fn's error attributed. A
// step that was cancelled, as the run is shut down or somebody else has failed, is
// not recorded.
func (p *Part) Step(ctx context.Context, step Step, fn func(context.Context) error) error {
	if p.run.spec.OnStep != nil {
		p.run.spec.OnStep(p.actor, step, p.after)
	}
	ctx, span := p.run.trace.Start(ctx, fmt.Sprintf("prober.%s.%s", p.run.spec.Flow, step), startStep(p, step))
	defer span.End()
	phases := &phaseLog{}
	result := StepResult{Step: step, Actor: p.actor, After: p.after, Started: time.Now(), Measured: p.measures(step)}
	if sc := span.SpanContext(); sc.HasSpanID() {
		result.TraceID, result.SpanID = sc.TraceID().String(), sc.SpanID().String()
	}
	err := fn(context.WithValue(ctx, phaseKey{}, phases))
	result.Started, result.Duration = phases.span(result.Started)
	if err != nil {
		failure := p.Blame(ctx, step, err)
		result.Failure = failure
		if failure.givenUp() {
			giveUp(span)
			return failure // it was neither done nor did it fail
		}
		err = failure
	}
	result.Phases = phases.sumTo(result.Duration)
	endStep(span, result)
	p.run.Record(func(run *Run) { run.Steps = append(run.Steps, result) })
	p.run.noteFailure(result.Failure)
	if p.run.spec.OnDone != nil {
		p.run.spec.OnDone(result)
	}
	return err
}

// Blame makes err this person's failure of a step: err itself, when it is a
// *Failure, or else attributed.
func (p *Part) Blame(ctx context.Context, step Step, err error) *Failure {
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = p.run.spec.Judge.Attribute(ctx, step, err)
	}
	f := *failure
	if f.Step == "" {
		f.Step = step
	}
	f.row()
	if f.Actor == "" {
		f.Actor = p.actor
	}
	f.After = f.After || p.after
	if f.Detail == "" && f.Err != nil {
		f.Detail = f.Err.Error()
	}
	if d, disturbed := p.run.disturbed(); disturbed && !f.givenUp() {
		return d.excuse(&f)
	}
	return &f
}

// noteFailure keeps the first failure: later ones are its consequences.
func (r *Recorder) noteFailure(f *Failure) {
	if f == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = f
	}
}

type phaseKey struct{}

// phaseLog collects the phases of one step; parallel parts may write to it.
type phaseLog struct {
	mu     sync.Mutex // protects all following fields
	phases []Phase
	begin  time.Time
	end    time.Time
}

// AddPhase records a phase under the step that ctx belongs to. Durations of
// zero or less are phases that did not happen, and are left out.
func AddPhase(ctx context.Context, name string, d time.Duration) {
	log, ok := ctx.Value(phaseKey{}).(*phaseLog)
	if !ok || d <= 0 {
		return
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	log.phases = append(log.phases, Phase{Name: name, Duration: d})
}

// BeginAt and EndAt set the moments at which the step that ctx belongs to began
// and was over, where those are known better than by the call and the return of
// its function: a cut begins before the step that mends it, and the arrival of a
// frame is stamped by the reader, before anybody is told.
func BeginAt(ctx context.Context, at time.Time) { setMoment(ctx, func(l *phaseLog) { l.begin = at }) }

// EndAt: see BeginAt.
func EndAt(ctx context.Context, at time.Time) { setMoment(ctx, func(l *phaseLog) { l.end = at }) }

func setMoment(ctx context.Context, set func(*phaseLog)) {
	if log, ok := ctx.Value(phaseKey{}).(*phaseLog); ok {
		log.mu.Lock()
		defer log.mu.Unlock()
		set(log)
	}
}

// span is from the begin to the end that were set, or from called until now.
func (l *phaseLog) span(called time.Time) (start time.Time, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start, end := l.begin, l.end
	if start.IsZero() {
		start = called
	}
	if end.IsZero() {
		end = time.Now()
	}
	return start, max(0, end.Sub(start))
}

func (l *phaseLog) sumTo(total time.Duration) []Phase {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := total
	for _, p := range l.phases {
		rest -= p.Duration
	}
	if len(l.phases) > 0 && rest > 0 {
		return append(l.phases, Phase{Name: PhaseRest, Duration: rest})
	}
	return l.phases
}
