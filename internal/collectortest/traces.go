package collectortest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Trace is what the collector was sent of one trace, of all services.
type Trace struct {
	ID    string // hex
	Spans []Span // in the order in which they came
}

// Span is one span as it was exported.
type Span struct {
	ID, Parent string // hex; a root has no parent
	Name       string
	Service    string            // service.name of its resource
	Resource   map[string]string // all attributes of its resource
	Attributes map[string]string
	Events     []Event
	Links      []string // trace ids, hex
	Failed     bool     // its status is an error
	Status     string   // what its status says
	Start, End time.Time
}

// Event is an event of a span.
type Event struct {
	Name       string
	Attributes map[string]string
}

// Services are the names of the services with spans in the trace, in order.
func (t Trace) Services() []string {
	var out []string
	for _, s := range t.Spans {
		if !slices.Contains(out, s.Service) {
			out = append(out, s.Service)
		}
	}
	slices.Sort(out)
	return out
}

// Names are the names of a service's spans, in order, with as many of each as there are.
func (t Trace) Names(service string) []string {
	var out []string
	for _, s := range t.Spans {
		if s.Service == service {
			out = append(out, s.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Roots are the spans without a parent.
func (t Trace) Roots() []Span {
	return slices.DeleteFunc(slices.Clone(t.Spans), func(s Span) bool { return s.Parent != "" })
}

// Orphans are the spans whose parent was never exported.
func (t Trace) Orphans() []Span {
	ids := make(map[string]bool)
	for _, s := range t.Spans {
		ids[s.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(t.Spans), func(s Span) bool { return s.Parent == "" || ids[s.Parent] })
}

// String lists the trace's spans, for failures of tests.
func (t Trace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "trace %s\n", t.ID)
	for _, s := range t.Spans {
		fmt.Fprintf(&b, "  %s %s below %q: %s\n", s.Service, s.ID, s.Parent, s.Name)
	}
	return b.String()
}

// Traces are all traces that the collector was sent so far, in the order in which
// their first spans came.
func (c *Collector) Traces(t testing.TB) []Trace {
	t.Helper()
	content, err := os.ReadFile(c.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	traces, err := parse(content)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}

// Await returns the trace of this id once it is enough.
func (c *Collector) Await(t testing.TB, id string, enough func(Trace) bool) Trace {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for since := time.Now(); ; <-tick.C {
		all := c.Traces(t)
		i := slices.IndexFunc(all, func(x Trace) bool { return x.ID == id })
		if i >= 0 && enough(all[i]) {
			return all[i]
		}
		if time.Since(since) > patience {
			if i < 0 {
				t.Fatalf("trace %s never came, %d others did", id, len(all))
			}
			t.Fatalf("it is not enough: %s", all[i])
		}
	}
}

// parse reads OTLP/JSON, a message a line. A line that is being written is left out.
func parse(content []byte) ([]Trace, error) {
	var out []Trace
	index := make(map[string]int)
	lines := bufio.NewReader(bytes.NewReader(content))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return out, nil // no more whole lines
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("reading what the collector has written: %w", err)
		}
		for _, r := range m.ResourceSpans {
			about := r.Resource.Attributes.all()
			for _, scope := range r.ScopeSpans {
				for _, s := range scope.Spans {
					i, known := index[s.TraceID]
					if !known {
						i = len(out)
						index[s.TraceID] = i
						out = append(out, Trace{ID: s.TraceID})
					}
					out[i].Spans = append(out[i].Spans, s.span(about))
				}
			}
		}
	}
}
