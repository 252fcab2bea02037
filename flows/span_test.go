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

// spansOf runs a script and returns its spans by name, as text.
func spansOf(t *testing.T, ctx context.Context, s script) map[string]string {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	run := flows.Execute(ctx, flows.Spec{Probe: "p", Flow: flows.Join, Lane: "one", Trigger: flows.Scheduled, Tracer: provider.Tracer("prober")}, s)
	out := map[string]string{}
	for _, s := range exporter.GetSpans() {
		var b strings.Builder
		for _, a := range s.Attributes {
			fmt.Fprintf(&b, "%s=%s ", a.Key, a.Value.String())
		}
		for _, e := range s.Events {
			fmt.Fprintf(&b, "| %s at %v", e.Name, e.Time.Sub(run.Started))
			for _, a := range e.Attributes {
				fmt.Fprintf(&b, " %s=%s", a.Key, a.Value.String())
			}
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "| %s %s", s.Status.Code, s.Status.Description)
		out[s.Name] = strings.ReplaceAll(strings.TrimSpace(b.String()), run.ID, "RUN")
	}
	return out
}

func TestSpansSayWhatARunCameTo(t *testing.T) {
	timeout := &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Detail: "silence"}
	const root, begun = "probe=p flow=join lane=one trigger=schedule informational=false run=RUN ", "step=gc_join actor=person after_cut=false measured=true hop=gc "
	for name, c := range map[string]struct {
		script script
		want   map[string]string
	}{
		"a success": {func(ctx context.Context, run *flows.Recorder) error {
			run.Record(func(r *flows.Run) { r.TimeToMedia = new(1500 * time.Microsecond) })
			return run.Step(ctx, flows.StepGCJoin, func(ctx context.Context) error {
				flows.AddPhase(ctx, "connect", 2*time.Millisecond)
				flows.AddPhase(ctx, "first_byte", 5*time.Millisecond)
				return wait(10 * time.Millisecond)(ctx)
			})
		}, map[string]string{
			"prober.join":         root + "outcome=success cold=true duration_ms=10 unclean_leaves=0 time_to_media_ms=1.5 | Unset",
			"prober.join.gc_join": begun + "outcome=success duration_ms=10 | phase.connect at 2ms duration_ms=2 | phase.first_byte at 7ms duration_ms=5 | Unset",
		}},
		"a failure": {func(ctx context.Context, run *flows.Recorder) error {
			return run.As(flows.ActorAnchor).AfterCut().Step(ctx, flows.StepMCJoin, func(context.Context) error { return timeout })
		}, map[string]string{
			"prober.join": root + "outcome=failure cold=true duration_ms=0 unclean_leaves=0 step=mc_join actor=anchor hop=mc reason=timeout error.type=timeout " +
				"| exception at 0s hop=mc reason=timeout exception.type=*flows.Failure exception.message=mc_join at mc (timeout): silence | Error mc_join at mc (timeout): silence",
			"prober.join.mc_join": "step=mc_join actor=anchor after_cut=true measured=false hop=mc outcome=failure duration_ms=0 reason=timeout error.type=timeout " +
				"| exception at 0s hop=mc reason=timeout exception.type=*flows.Failure exception.message=mc_join at mc (timeout): silence | Error mc_join at mc (timeout): silence",
		}},
		"the prober's own fault, in no step": {func(context.Context, *flows.Recorder) error { return errors.New("odd") }, map[string]string{
			"prober.join": root + "outcome=inconclusive cold=true duration_ms=0 unclean_leaves=0 hop=prober reason=self cause=config error.type=self " +
				"| exception at 0s hop=prober reason=self cause=config exception.type=*flows.Failure exception.message=at prober (self: config): odd | Error at prober (self: config): odd",
		}},
		"a step that is given up": {func(ctx context.Context, run *flows.Recorder) error {
			_ = run.Step(ctx, flows.StepGCJoin, func(context.Context) error { return context.Canceled })
			return timeout
		}, map[string]string{
			"prober.join.gc_join": begun + "outcome=aborted | Unset",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := spansOf(t, t.Context(), c.script)
				for span, want := range c.want {
					if got[span] != want {
						t.Errorf("%s is\n%s, want\n%s", span, got[span], want)
					}
				}
			})
		})
	}
}
