package flows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/flows"
)

type script func(ctx context.Context, run *flows.Recorder) error

func (s script) Run(ctx context.Context, run *flows.Recorder) error { return s(ctx, run) }

func wait(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestARunRecordsWhatEachStepTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := flows.Execute(t.Context(), flows.Spec{Probe: "p", Flow: flows.Join}, script(func(ctx context.Context, run *flows.Recorder) error {
			if err := run.As(flows.ActorAnchor).Step(ctx, flows.StepGCAssign, wait(30*time.Millisecond)); err != nil {
				return err
			}
			if err := run.As(flows.ActorAnchor).Step(ctx, flows.StepMCConnect, wait(20*time.Millisecond)); err != nil {
				return err
			}
			return run.Step(ctx, flows.StepGCJoin, func(ctx context.Context) error {
				flows.AddPhase(ctx, "dns", 2*time.Millisecond)
				flows.AddPhase(ctx, "tls", 0) // did not happen
				flows.AddPhase(ctx, "first_byte", 5*time.Millisecond)
				return wait(10 * time.Millisecond)(ctx)
			})
		}))
		if run.Outcome != flows.Success || run.Failure != nil {
			t.Fatalf("outcome %s, failure %v", run.Outcome, run.Failure)
		}
		if run.Duration != 60*time.Millisecond {
			t.Errorf("run took %v", run.Duration)
		}
		var got []string
		for _, s := range run.Steps {
			got = append(got, fmt.Sprintf("%s %s %v measured=%v", s.Actor, s.Step, s.Duration, s.Measured))
		}
		want := "anchor gc_assign 30ms measured=true; anchor mc_connect 20ms measured=false; person gc_join 10ms measured=true"
		if strings.Join(got, "; ") != want {
			t.Errorf("steps: %v", got)
		}
		var sum time.Duration
		names := []string{}
		for _, p := range run.Steps[2].Phases {
			sum += p.Duration
			names = append(names, p.Name)
		}
		if sum != run.Steps[2].Duration || strings.Join(names, ",") != "dns,first_byte,rest" {
			t.Errorf("phases %v sum to %v of %v", names, sum, run.Steps[2].Duration)
		}
	})
}

func TestOutcomes(t *testing.T) {
	step := func(s flows.Step, err error) script {
		return func(ctx context.Context, run *flows.Recorder) error {
			return run.Step(ctx, s, func(context.Context) error { return err })
		}
	}
	for _, c := range []struct {
		name    string
		script  script
		outcome flows.Outcome
		hop     flows.Hop
		reason  flows.Reason
		cause   flows.Cause
	}{
		{"a failure of the platform fails the run",
			step(flows.StepMCJoin, &flows.Failure{Hop: flows.MC, Reason: flows.Timeout}), flows.Failed, flows.MC, flows.Timeout, ""},
		{"a failure of the prober leaves the run open",
			step(flows.StepMCJoin, &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane}),
			flows.Inconclusive, flows.Prober, flows.Self, flows.CauseLane},
		{"throttling leaves the run open",
			step(flows.StepGCJoin, &flows.Failure{Hop: flows.GC, Reason: flows.Throttled}), flows.Inconclusive, flows.GC, flows.Throttled, ""},
		{"a panic leaves the run open and does not end the process",
			func(context.Context, *flows.Recorder) error { panic("boom") }, flows.Inconclusive, flows.Prober, flows.Self, flows.CausePanic},
		{"an error outside any step is the prober's",
			func(context.Context, *flows.Recorder) error { return errors.New("odd") }, flows.Inconclusive, flows.Prober, flows.Self, flows.CauseConfig},
		{"a run without a single step is no success",
			func(context.Context, *flows.Recorder) error { return nil }, flows.Inconclusive, flows.Prober, flows.Self, flows.CauseConfig},
		{"the first failure counts, not its consequences",
			func(ctx context.Context, run *flows.Recorder) error {
				_ = step(flows.StepMHConnect, &flows.Failure{Hop: flows.MH, Reason: flows.Unavailable})(ctx, run)
				return nil
			}, flows.Failed, flows.MH, flows.Unavailable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := flows.Execute(t.Context(), flows.Spec{Flow: flows.Join}, c.script)
			if run.Outcome != c.outcome {
				t.Fatalf("outcome %s, want %s (%v)", run.Outcome, c.outcome, run.Failure)
			}
			if f := run.Failure; f.Hop != c.hop || f.Reason != c.reason || f.Cause != c.cause {
				t.Errorf("failure %+v", f)
			}
		})
	}
}

func TestTeardownRunsOnEveryPathWithItsOwnDeadline(t *testing.T) {
	for name, body := range map[string]func(context.Context) error{
		"success": func(context.Context) error { return nil },
		"failure": func(context.Context) error { return &flows.Failure{Hop: flows.GC, Reason: flows.Rejected} },
		"panic":   func(context.Context) error { panic("boom") },
		"timeout": wait(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				run := flows.Execute(t.Context(), flows.Spec{Flow: flows.Join, Timeout: time.Second}, script(func(ctx context.Context, run *flows.Recorder) error {
					run.OnTeardown(func(context.Context) error { order = append(order, "first"); return nil })
					run.OnTeardown(func(ctx context.Context) error {
						if ctx.Err() != nil {
							t.Error("the teardown's context has ended already")
						}
						order = append(order, "second")
						return errors.New("did not leave cleanly")
					})
					run.AtEnd(func(r *flows.Run) { r.Self.DroppedRecords = len(order) + 1 })
					return run.Step(ctx, flows.StepGCJoin, body)
				}))
				if strings.Join(order, ",") != "second,first" {
					t.Errorf("teardown order %v", order)
				}
				if run.Leaves != (flows.Leaves{Clean: 1, Unclean: 1}) {
					t.Errorf("leaves %+v", run.Leaves)
				}
				if run.Self.DroppedRecords != 1 {
					t.Error("the evidence was not taken before the teardown")
				}
			})
		})
	}
}

func TestARunThatIsShutDownIsAborted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	run := flows.Execute(ctx, flows.Spec{Flow: flows.Join}, script(func(ctx context.Context, run *flows.Recorder) error {
		return run.Step(ctx, flows.StepMCConnect, func(ctx context.Context) error {
			cancel(flows.ErrShutdown)
			return ctx.Err()
		})
	}))
	if run.Outcome != flows.Aborted {
		t.Errorf("outcome %s, want aborted", run.Outcome)
	}
	if len(run.Steps) > 0 {
		t.Errorf("a step that was given up is recorded: %+v", run.Steps)
	}
}

func TestOneRunIsOneTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	run := flows.Execute(t.Context(), flows.Spec{Flow: flows.Media, Tracer: provider.Tracer("prober")}, script(func(ctx context.Context, run *flows.Recorder) error {
		_ = run.Step(ctx, flows.StepGCJoin, func(context.Context) error { return nil })
		return run.Step(ctx, flows.StepTalk, func(context.Context) error { return errors.New("silence") })
	}))
	if run.TraceID == "" {
		t.Fatal("the run names no trace")
	}
	names := map[string]string{}
	for _, s := range spans.GetSpans() {
		if got := s.SpanContext.TraceID().String(); got != run.TraceID {
			t.Errorf("span %s is in trace %s, the run in %s", s.Name, got, run.TraceID)
		}
		names[s.Name] = s.Status.Code.String()
	}
	want := map[string]string{"prober.media": "Error", "prober.media.gc_join": "Unset", "prober.media.talk": "Error"}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("spans %v, want %v", names, want)
	}
}

func TestEveryStepHasAnOwnerAndALegalFailure(t *testing.T) {
	rows := 0
	for _, s := range flows.Steps() {
		if s.Owner() == flows.Prober {
			t.Errorf("step %s has no owner", s)
		}
		if !flows.Legal(s, flows.Prober, flows.Self) {
			t.Errorf("step %s can not be the prober's own", s)
		}
		for _, h := range flows.Hops() {
			for _, r := range flows.Reasons() {
				if flows.Legal(s, h, r) {
					rows++
				}
			}
		}
	}
	for name, n := range map[string]int{"steps": len(flows.Steps()), "reasons": len(flows.Reasons()), "hops": len(flows.Hops()),
		"outcomes": len(flows.Outcomes()), "causes": len(flows.Causes())} {
		if n > 10 {
			t.Errorf("%d %s: a closed set has at most ten values", n, name)
		}
	}
	if own := len(flows.Steps()); rows != 64+own {
		t.Errorf("%d legal rows of step, hop and reason besides the prober's own: 64 are distinguished", rows-own)
	}
}
