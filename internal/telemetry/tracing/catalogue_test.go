package tracing_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/collectortest"
	"github.com/dark-tower/prober/internal/telemetry/tracing"
)

var update = flag.Bool("update", false, "write the tables of docs/traces.md")

// document is checked against what follows, and what follows against what is exported.
const document = "../../../docs/traces.md"

// Kinds of spans.
const (
	ofRun     = "run"
	ofStep    = "step"
	ofRequest = "request"
)

// attribute is an attribute of spans or of events.
type attribute struct{ name, on, means string }

// attributes are all there are, in the order in which a reader needs them.
var attributes = []attribute{
	{"probe", ofRun, "the probe's name in the configuration"},
	{"flow", ofRun, list(flows.Flows())},
	{"lane", ofRun, "the lane's name in the configuration"},
	{"trigger", ofRun, "`schedule` or `check`"},
	{"run", ofRun, "the run's id, as in the log and in reports"},
	{"informational", ofRun, "nothing is decided by this run"},
	{"cold", ofRun, "every connection was new, as a user's is"},
	{"outcome", "run, step", list(flows.Outcomes()) + "; of a step that was given up `aborted`"},
	{"step", "run, step", "the step; of a run the one that failed"},
	{"actor", "run, step", "who did it, or failed at it: " + list([]string{flows.ActorAnchor, flows.ActorPerson, flows.ActorStayer, flows.ActorReturner}) + ", `speaker 1`..."},
	{"hop", "run, step, exception", "who owns the step, or whose fault it was: " + list(flows.Hops())},
	{"reason", "run, step, exception", "of a failure: " + list(flows.Reasons())},
	{"cause", "run, step, exception", "what about the prober it was, with reason `self`: " + list(flows.Causes())},
	{"error.type", "run, step, request", "the reason; of a request the status, or what went wrong below HTTP"},
	{"duration_ms", "run, step, phase.*, handler", "what was measured, in ms; a span is as long as the call, which may begin later and end later"},
	{"measured", ofStep, "the step counts for objectives"},
	{"after_cut", ofStep, "done after the cut of a reconnect"},
	{"continuity", ofStep, "of `mc_join`, what MC's answer carries, one of " + list(flows.Continuities()) + ": our trace, one of MC's own that the span links to, none, or something that is no trace"},
	{"time_to_media_ms", ofRun, "join: GC asked until the first frame accepted"},
	{"time_to_restore_ms", ofRun, "reconnect: the cut until both sides hear each other again"},
	{"unclean_leaves", ofRun, "people who did not leave as they should"},
	{"http.request.method", ofRequest, "semantic convention"},
	{"http.response.status_code", ofRequest, "semantic convention; absent when no answer came"},
	{"url.scheme", ofRequest, "semantic convention"},
	{"url.template", ofRequest, "the path with `{code}` in the place of the meeting's code; the path itself is in no span"},
	{"server.address", "request, step, handler", "the host that was asked; of `mc_connect` and of handlers as it is advertised"},
	{"server.port", "request, step, handler", "its port"},
	{"network.transport", ofStep, "`quic`, of steps that open WebTransport sessions"},
	{"network.protocol.name", "request, step", "`http`"},
	{"network.protocol.version", "request, step", "`1.1` of requests, `3` of WebTransport sessions"},
	{"user_agent.synthetic.type", "request, step", "`test`, always"},
	{"connected", "handler", "the connect message went out"},
	{"mapped", "handler", "the endpoint map named another address"},
	{"exception.type", "exception", "`*flows.Failure`"},
	{"exception.message", "exception", "the failure with its detail, as in the log; without secrets"},
}

// events are all there are.
var events = []attribute{
	{"phase.*", "step, request", "a phase is over, such as `phase.dns`, `phase.tls`, `phase.first_byte`, `phase.quic_handshake`; of a step the phases are laid end to end from its start"},
	{"handler", ofStep, "a media handler was dialed; one for each, at the moment at which it had settled"},
	{"exception", "run, step", "the failure"},
}

func list[T ~string](values []T) string {
	var out []string
	for _, v := range values {
		out = append(out, "`"+string(v)+"`")
	}
	return strings.Join(out, ", ")
}

// kindOf is the kind of a span of the prober.
func kindOf(s collectortest.Span) string {
	switch {
	case s.Parent == "":
		return ofRun
	case strings.HasPrefix(s.Name, "prober."):
		return ofStep
	}
	return ofRequest
}

// checkCatalogue compares what was exported with the tables, in both directions.
func checkCatalogue(t *testing.T, traces map[string]collectortest.Trace) {
	t.Helper()
	known := func(table []attribute) map[string]bool {
		out := make(map[string]bool)
		for _, a := range table {
			for on := range strings.SplitSeq(a.on, ", ") {
				out[a.name+" on "+on] = false
			}
		}
		return out
	}
	attrs, evs := known(attributes), known(events)
	see := func(table map[string]bool, name, on string) {
		key := name + " on " + on
		if _, ok := table[key]; !ok {
			t.Errorf("%s is in no table", key)
		}
		table[key] = true
	}
	name := regexp.MustCompile(`^(prober\.(` + strings.ReplaceAll(list(flows.Flows()), "`, `", "|") + `)(\.[a-z_]+)?|(GET|POST) /api/v1/(auth/user/token|meetings/\{code\}))$`)
	name = regexp.MustCompile(strings.ReplaceAll(name.String(), "`", ""))
	for _, x := range traces {
		for _, s := range x.Spans {
			if s.Service != tracing.ServiceName {
				continue
			}
			if !name.MatchString(s.Name) {
				t.Errorf("a span is called %q", s.Name)
			}
			for key := range s.Attributes {
				see(attrs, key, kindOf(s))
			}
			for _, e := range s.Events {
				kind := e.Name
				if strings.HasPrefix(kind, "phase.") {
					kind = "phase.*"
				}
				see(evs, kind, kindOf(s))
				for key := range e.Attributes {
					see(attrs, key, kind)
				}
			}
		}
	}
	for _, table := range []map[string]bool{attrs, evs} {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			if !table[key] {
				t.Errorf("%s was never seen", key)
			}
		}
	}
}

func table(head string, rows []attribute) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | on | meaning |\n|---|---|---|\n", head)
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, r.on, r.means)
	}
	return b.String()
}

// spans lists the names of steps.
func spans() string {
	var b strings.Builder
	b.WriteString("| run | steps, each `prober.<flow>.<step>` |\n|---|---|\n")
	for _, f := range flows.Flows() {
		fmt.Fprintf(&b, "| `prober.%s` | %s |\n", f, list(flows.StepsOf(f)))
	}
	return b.String()
}

func TestTheDocumentSaysWhatIsExported(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for name, want := range map[string]string{"spans": spans(), "attributes": table("attribute", attributes), "events": table("event", events)} {
		begin, end := "<!-- "+name+": written by go test ./internal/telemetry/tracing -update -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for %s", document, name)
		}
		if got != want && !*update {
			t.Errorf("%s of %s are out of date; go test ./internal/telemetry/tracing -update writes them", name, document)
		}
		text = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
