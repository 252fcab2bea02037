package flows

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/dark-tower/prober/internal/selfwatch"
)

// ErrShutdown is the cancellation cause of a run that is ended because the
// prober stops: the run is aborted, not failed.
var ErrShutdown = errors.New("the prober is shutting down")

// Spec says what is to be run.
type Spec struct {
	Probe   string
	Flow    Flow
	Lane    string
	Trigger Trigger
	// Informational marks the run as one that nothing is decided by.
	Informational bool

	Timeout  time.Duration // hard deadline of the run
	Teardown time.Duration // own deadline of the clean-up; default 5 s
	Tracer   trace.Tracer  // nil: no trace
	Judge    *Judge        // nil: attribution without a look at the network
	OnStep   func(actor string, step Step, after bool)
	OnDone   func(StepResult)
	// Clock tells whether the machine slept or its clock was set; nil: the
	// machine's own.
	Clock selfwatch.Clock
}

// Script is a flow's code: it reads as the things that people do.
type Script interface {
	Run(ctx context.Context, run *Recorder) error
}

// Recorder collects what happens during a run. It is safe for concurrent use.
type Recorder struct {
	spec  Spec
	trace trace.Tracer
	clock selfwatch.Clock
	began selfwatch.Reading

	mu       sync.Mutex // protects all following fields
	run      Run
	failure  *Failure // the first one
	teardown []func(context.Context) error
	reports  []func(*Run)
}

// Execute runs a script under the run's deadline, takes down what it built
// under a deadline of its own, and returns the finished run. A panic makes the
// run inconclusive; it does not cross this line.
func Execute(ctx context.Context, spec Spec, script Script) Run {
	if spec.Teardown <= 0 {
		spec.Teardown = 5 * time.Second
	}
	tracer := spec.Tracer
	if tracer == nil {
		tracer = noop.NewTracerProvider().Tracer("")
	}
	ctx, span := tracer.Start(ctx, "prober."+string(spec.Flow), trace.WithNewRoot(), startRun(spec))
	defer span.End()
	clock := spec.Clock
	if clock == nil {
		clock = selfwatch.SystemClock
	}
	r := &Recorder{spec: spec, trace: tracer, clock: clock, began: clock(), run: Run{
		ID: uuid.NewString(), Probe: spec.Probe, Flow: spec.Flow, Lane: spec.Lane, Trigger: spec.Trigger,
		Informational: spec.Informational,
		Started:       time.Now(), Cold: true,
	}}
	if sc := span.SpanContext(); sc.HasTraceID() {
		r.run.TraceID, r.run.SpanID = sc.TraceID().String(), sc.SpanID().String()
	}
	err := r.perform(ctx, script)
	r.run.Duration = time.Since(r.run.Started)
	stopped := ctx.Err() != nil // what ends during the clean-up ends no run
	disturbance, disturbed := r.disturbed()
	r.dismantle(ctx)
	run := r.finish(stopped, err)
	if disturbed {
		disturbance.void(&run)
	}
	endRun(span, run)
	return run
}

func (r *Recorder) perform(ctx context.Context, script Script) (err error) {
	if r.spec.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.spec.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = &Failure{Hop: Prober, Reason: Self, Cause: CausePanic, Err: fmt.Errorf("panic: %v", p),
				Detail: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return script.Run(ctx, r)
}

// Step runs fn as a step of the measured person.
func (r *Recorder) Step(ctx context.Context, step Step, fn func(context.Context) error) error {
	return r.As(ActorPerson).Step(ctx, step, fn)
}

// As gives the steps that follow to another person of the run.
func (r *Recorder) As(actor string) *Part {
	return &Part{run: r, actor: actor, measured: actor != ActorAnchor}
}

// OnTeardown registers clean-up that runs on every path, last registered first.
func (r *Recorder) OnTeardown(fn func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.teardown = append(r.teardown, fn)
}

// AtEnd registers a look at what there is to report once the script has
// returned and before anything is taken down; it runs on every path, so that a
// run that failed half-way still shows its evidence.
func (r *Recorder) AtEnd(fn func(*Run)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, fn)
}

// Record changes the run under the recorder's lock.
func (r *Recorder) Record(fn func(*Run)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(&r.run)
}

func (r *Recorder) dismantle(ctx context.Context) {
	r.mu.Lock()
	reports, teardown := r.reports, r.teardown
	r.mu.Unlock()
	for _, report := range reports {
		r.guard(func() { r.Record(report) })
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.spec.Teardown)
	defer cancel()
	for i := len(teardown) - 1; i >= 0; i-- {
		clean := false
		r.guard(func() { clean = teardown[i](ctx) == nil })
		r.Record(func(run *Run) {
			if clean {
				run.Leaves.Clean++
			} else {
				run.Leaves.Unclean++
			}
		})
	}
}

// guard keeps a panic of the clean-up from hiding the run's result.
func (r *Recorder) guard(fn func()) {
	defer func() {
		if p := recover(); p != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.failure == nil {
				r.failure = &Failure{Hop: Prober, Reason: Self, Cause: CausePanic,
					Detail: fmt.Sprintf("panic while finishing: %v\n%s", p, debug.Stack())}
			}
		}
	}()
	fn()
}

// finish decides the outcome: shutdown first, then the script's failure, then
// evidence that the prober could not measure.
func (r *Recorder) finish(stopped bool, err error) Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.run
	failure := r.failure
	if err != nil {
		var f *Failure
		if errors.As(err, &f) {
			failure = f
		} else if failure == nil {
			failure = &Failure{Hop: Prober, Reason: Self, Cause: CauseConfig, Err: err, Detail: err.Error()}
		}
	}
	run.Failure = failure
	run.Outcome = failure.Outcome()
	if failure != nil && stopped && failure.Cause != CausePanic {
		run.Outcome = Aborted
	}
	if run.Outcome == Success && len(run.Steps) == 0 {
		run.Outcome = Inconclusive
		run.Failure = &Failure{Hop: Prober, Reason: Self, Cause: CauseConfig, Detail: "the flow recorded no step: nothing was measured"}
	}
	return run
}
