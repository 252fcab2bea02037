package join_test

import (
	"maps"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/flowtest"
)

func attribute(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// TestAnMCThatAnswersInATraceOfItsOwnIsLinked follows the link from a step to what MC
// did about it.
func TestAnMCThatAnswersInATraceOfItsOwnIsLinked(t *testing.T) {
	for name, c := range map[string]struct {
		mc   fault.MC
		want flowtest.Verdict
	}{
		"a join":           {fault.MC{OwnTrace: true}, flowtest.Green()},
		"a join's refusal": {fault.MC{OwnTrace: true, JoinError: 3}, flowtest.Red(flows.ActorAnchor, flows.StepMCJoin, flows.MC, flows.Rejected)},
	} {
		t.Run(name, func(t *testing.T) {
			traces := flowtest.NewTraces()
			p := flowtest.Start(t, flowtest.Options{Stack: devstack.Options{TracerProvider: traces.Provider}})
			p.Faults().Set(fault.Faults{MC: c.mc})
			stage := p.Stage(t, 0)
			spans := tracetest.NewInMemoryExporter()
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("flows")
			run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage, Tracer: tracer}.Perform(t.Context(), t)
			c.want.Check(t, run)
			p.Rest(t)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			theirs := traces.Roots("mc-service", "mc.webtransport.connection")
			links := map[string]bool{}
			for _, s := range spans.GetSpans() {
				if s.Name != "prober.join.mc_join" {
					continue
				}
				if got := attribute(s, "continuity"); got != flows.TraceLinked || len(s.Links) != 1 {
					t.Errorf("continuity %q, %d links", got, len(s.Links))
					continue
				}
				links[s.Links[0].SpanContext.TraceID().String()] = true
			}
			if len(links) == 0 || !slices.Equal(slices.Sorted(maps.Keys(links)), theirs) {
				t.Errorf("links to %v, MC's traces are %v", links, theirs)
			}
			if len(run.Continuity) != len(links) || run.Continuity[0].Result != flows.TraceLinked {
				t.Errorf("continuity %+v", run.Continuity)
			}
		})
	}
}

// TestSpansSayWhatWasDialed looks at the steps that open QUIC connections.
func TestSpansSayWhatWasDialed(t *testing.T) {
	p := flowtest.Start(t, flowtest.Options{})
	stage := p.Stage(t, 0)
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("flows")
	run := flowtest.Play{Flow: flows.Join, Script: script(stage), Stage: stage, Tracer: tracer}.Perform(t.Context(), t)
	flowtest.Green().Check(t, run)
	dials := map[string]int{}
	for _, s := range spans.GetSpans() {
		if s.Name != "prober.join.mc_connect" && s.Name != "prober.join.mh_connect" {
			continue
		}
		dials[s.Name]++
		if got := attribute(s, "network.transport") + " " + attribute(s, "network.protocol.name") + " " + attribute(s, "user_agent.synthetic.type"); got != "quic http test" {
			t.Errorf("%s: %s", s.Name, got)
		}
		handlers := 0
		for _, e := range s.Events {
			if e.Name == "handler" {
				handlers++
			}
		}
		if s.Name == "prober.join.mc_connect" && (attribute(s, "server.address") != "127.0.0.1" || attribute(s, "server.port") == "") {
			t.Errorf("MC is at %s, port %s", attribute(s, "server.address"), attribute(s, "server.port"))
		}
		if s.Name == "prober.join.mh_connect" && handlers != len(p.HandlerURLs) {
			t.Errorf("events of %d handlers, there are %d", handlers, len(p.HandlerURLs))
		}
	}
	if len(dials) != 2 || dials["prober.join.mc_connect"] != 2 || dials["prober.join.mh_connect"] != 2 {
		t.Errorf("dials: %v", dials)
	}
}
