package tracing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/flows/join"
	"github.com/dark-tower/prober/flows/media"
	"github.com/dark-tower/prober/flows/people"
	"github.com/dark-tower/prober/flows/reconnect"
	"github.com/dark-tower/prober/flows/signin"
	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
)

// world is the embedded platform and the prober, both exporting to one collector.
type world struct {
	*flowtest.Platform
	collector *collectortest.Collector
	services  *tracing.Services
	tracing   *tracing.Tracing
	runs      []flows.Run
}

func newWorld(t *testing.T, o tracing.Options) *world {
	t.Helper()
	w := &world{collector: collectortest.Start(t)}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", w.collector.GRPCEndpoint)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.namespace.name=dark-tower,k8s.pod.name=prober-0")
	var err error
	if w.services, err = tracing.OpenServices(t.Context(), "v0.1.0", nil); err != nil {
		t.Fatal(err)
	}
	if w.tracing, err = tracing.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close(t) })
	w.Platform = flowtest.Start(t, flowtest.Options{Stack: devstack.Options{TracerProvider: w.services.Provider}})
	return w
}

// close ends the platform and flushes everything.
func (w *world) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := errors.Join(w.Platform.Close(), w.services.Shutdown(ctx), w.tracing.Shutdown(ctx)); err != nil {
		t.Errorf("flushing: %v", err)
	}
}

// perform makes a run on the platform as it is bent.
func (w *world) perform(t *testing.T, flow flows.Flow, stage *people.Stage, script flows.Script, bend fault.Faults) {
	t.Helper()
	w.Faults().Set(bend)
	run := flowtest.Play{Flow: flow, Script: script, Stage: stage, Tracer: w.tracing.Tracer()}.Perform(t.Context(), t)
	w.Faults().Set(fault.Faults{})
	if (run.Outcome == flows.Success) != (bend.AC == fault.AC{} && bend.GC == fault.GC{} && bend.MC.JoinError == 0) {
		t.Errorf("%s came to %s: %v", flow, run.Outcome, run.Failure)
	}
	if !w.tracing.Settle(run, false) {
		t.Errorf("the %s run is not kept", flow)
	}
	w.runs = append(w.runs, run)
	if r, ok := script.(*join.Flow); !ok || !r.Resident {
		w.Rest(t)
	}
}

func everything(t *testing.T, w *world) {
	stage := func() *people.Stage { return w.Stage(t, 0) }
	green := fault.Faults{}
	for range 2 {
		s := stage()
		w.perform(t, flows.Join, s, &join.Flow{Stage: s}, green)
	}
	s := stage()
	w.perform(t, flows.Media, s, &media.Flow{Stage: s, Duration: time.Second, Settle: 100 * time.Millisecond}, green)
	for _, kind := range []flows.Disconnect{flows.CutClean, flows.CutHandler} {
		s := stage()
		w.perform(t, flows.Reconnect, s, &reconnect.Flow{Stage: s, Disconnect: kind, Steady: 100 * time.Millisecond, Patience: 20 * time.Second}, green)
	}
	s = stage()
	w.perform(t, flows.SignIn, s, &signin.Flow{Stage: s}, green)
	for _, bend := range []fault.Faults{{AC: fault.AC{SignInStatus: 500}}, {GC: fault.GC{JoinStatus: 503}}, {GC: fault.GC{MeetingNotFound: true}}, {MC: fault.MC{JoinError: 3, OwnTrace: true}}} {
		s := stage()
		w.perform(t, flows.Join, s, &join.Flow{Stage: s}, bend)
	}
	s = stage()
	resident := &join.Flow{Stage: s, Resident: true}
	for range 3 {
		w.perform(t, flows.Join, s, resident, green)
	}
	if err := resident.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOneRunIsOneWholeTraceInTheCollector follows every kind of run through the
// prober and all services into a real collector.
func TestOneRunIsOneWholeTraceInTheCollector(t *testing.T) {
	w := newWorld(t, tracing.Options{Version: "v1.2.3", Instance: "prober-a", KeepOneIn: 1000})
	everything(t, w)
	w.close(t)
	if w.tracing.Dropped() != 0 || w.services.Dropped() != 0 {
		t.Errorf("spans were lost: %d of the prober, %d of the platform", w.tracing.Dropped(), w.services.Dropped())
	}

	byID := make(map[string]collectortest.Trace)
	for _, x := range w.collector.Traces(t) {
		if len(x.Names(tracing.ServiceName)) > 0 {
			byID[x.ID] = x
		}
	}
	if len(byID) != len(w.runs) {
		t.Errorf("%d traces of %d runs", len(byID), len(w.runs))
	}
	for _, run := range w.runs {
		x := byID[run.TraceID]
		if roots := x.Roots(); len(roots) != 1 || roots[0].Name != "prober."+string(run.Flow) || roots[0].ID != run.SpanID {
			t.Errorf("roots %v of %s", roots, x)
		}
		for _, o := range x.Orphans() {
			t.Errorf("%s of %s has no parent in the trace", o.Name, o.Service)
		}
		var want []string
		switch {
		case run.Flow == flows.SignIn || run.Failure != nil && run.Failure.Step == flows.StepSignIn:
			want = []string{"ac-service"}
		case run.Failure != nil && run.Failure.Hop == flows.GC || run.Failure != nil && run.Failure.Hop == flows.Prober:
			want = []string{"ac-service", "gc-service"}
		case run.Failure != nil: // MC makes a trace of its own, but GC asks it in the run's
			want = []string{"ac-service", "gc-service", "mc-service"}
		default:
			want = []string{"ac-service", "gc-service", "mc-service", "mh-service"}
		}
		if got := x.Services(); !slices.Equal(got, append(want, tracing.ServiceName)) {
			t.Errorf("a %s run with outcome %s has spans of %v\n%s", run.Flow, run.Outcome, got, x)
		}
		checkSteps(t, run, x)
	}
	checkCatalogue(t, byID)
}

// checkSteps compares the steps of a run with their spans.
func checkSteps(t *testing.T, run flows.Run, x collectortest.Trace) {
	t.Helper()
	steps := make(map[string]collectortest.Span)
	for _, s := range x.Spans {
		if s.Service != tracing.ServiceName {
			continue
		}
		if strings.HasPrefix(s.Name, "prober."+string(run.Flow)+".") {
			steps[s.ID] = s
		}
		r := s.Resource
		if r["service.version"] != "v1.2.3" || r["service.instance.id"] != "prober-a" || r["service.namespace"] != "darktower" || r["k8s.pod.name"] != "prober-0" {
			t.Fatalf("resource %v", r)
		}
	}
	if len(steps) != len(run.Steps) {
		t.Errorf("%d steps have %d spans", len(run.Steps), len(steps))
	}
	for _, s := range run.Steps {
		span := steps[s.SpanID]
		_, within := steps[span.Parent] // what is done after a cut is part of restore
		if span.Name != "prober."+string(run.Flow)+"."+string(s.Step) || span.Parent != run.SpanID && !within || s.TraceID != run.TraceID {
			t.Errorf("step %s of %s has the span %q below %q", s.Step, s.Actor, span.Name, span.Parent)
		}
		if a := span.Attributes; a["actor"] != s.Actor || a["outcome"] != string(s.Failure.Outcome()) || span.Failed != (s.Failure != nil) {
			t.Errorf("step %s of %s: %v", s.Step, s.Actor, a)
		}
	}
}

// TestACollectorThatComesBackIsExportedToAgain stops the collector while runs go on.
func TestACollectorThatComesBackIsExportedToAgain(t *testing.T) {
	w := newWorld(t, tracing.Options{})
	s := w.Stage(t, 0)
	flow := &signin.Flow{Stage: s}
	perform := func() flows.Run {
		w.perform(t, flows.SignIn, s, flow, fault.Faults{})
		return w.runs[len(w.runs)-1]
	}
	whole := func(x collectortest.Trace) bool {
		return len(x.Names(tracing.ServiceName)) == 3 && len(x.Names("ac-service")) == 1 && len(x.Orphans()) == 0
	}
	w.collector.Await(t, perform().TraceID, whole)
	w.collector.Stop(t)
	perform()
	w.collector.Restart(t)
	// The exporter tries what it could not send for a while: the run in between is
	// there as a whole, or lost as a whole.
	w.collector.Await(t, perform().TraceID, whole)
	w.close(t)
	for _, x := range w.collector.Traces(t) {
		if n := len(x.Names(tracing.ServiceName)); n != 0 && n != 3 {
			t.Errorf("%d of 3 spans: %s", n, x)
		}
	}
}
