package check_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/telemetry/logging"
)

// ofTheWire is where connections and signaling come out: not even ids and addresses
// may be there.
const ofTheWire = "connections and signaling of a run"

// ofTheLog is what our own log makes of every record, whatever is in it: there, too,
// are neither ids nor addresses.
const ofTheLog = "log as it is written"

// output is everything that comes out, by where it came out.
type output struct {
	mu   sync.Mutex // protects the following field
	text map[string]*strings.Builder
}

func (o *output) add(where, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text == nil {
		o.text = make(map[string]*strings.Builder)
	}
	if o.text[where] == nil {
		o.text[where] = new(strings.Builder)
	}
	fmt.Fprintf(o.text[where], format+"\n", args...)
}

func (o *output) writer(where string) writerFunc {
	return func(b []byte) (int, error) { o.add(where, "%s", b); return len(b), nil }
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }

// leaks searches everything for everything.
func (o *output) leaks(cage *canary.Cage) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []string
	for where, text := range o.text {
		for _, leak := range cage.Find(text.String()) {
			found = append(found, where+": "+leak)
		}
	}
	return found
}

// logger logs in text and in JSON, which ask a value for different things, and as we do.
func (o *output) logger(where string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(o.writer(where), opts), slog.NewJSONHandler(o.writer(where), opts), o.log()))
}

// log is our own log, in both of its forms.
func (o *output) log() slog.Handler {
	form := func(f logging.Format) slog.Handler {
		return logging.New(o.writer(ofTheLog), logging.Options{Format: f, Level: slog.LevelDebug}).Handler()
	}
	return slog.NewMultiHandler(form(logging.JSON), form(logging.Text))
}

// addError prints an error, and each that it wraps, in every way there is.
func (o *output) addError(where string, err error) {
	if err == nil {
		return
	}
	o.add(where, "%v\n%+v\n%#v\n%s\n%q", err, err, err, err, err)
	switch wraps := err.(type) { //nolint:errorlint // the chain is walked here
	case interface{ Unwrap() error }:
		o.addError(where, wraps.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range wraps.Unwrap() {
			o.addError(where, e)
		}
	}
}

func (o *output) addRun(r flows.Run) {
	o.add("run as a value", "%v\n%+v\n%#v", r, r, r)
	whole, err := json.Marshal(r) // goes behind pointers, too
	if err != nil {
		o.add("run as a value", "%v", err)
	}
	o.add("run as a value", "%s", whole)
	for _, c := range r.Connections {
		o.add(ofTheWire, "%+v %+v %+v", c, c.Certificate, c.Ended)
	}
	o.add(ofTheWire, "%+v", r.Transcript)
	lines := logging.NewRuns(slog.New(o.log()))
	lines.Run(r)
	for _, s := range r.Steps {
		lines.Step(r.Probe, r.Flow, s)
	}
	if r.Failure != nil {
		o.addError("failure of a run", r.Failure)
	}
	for _, s := range r.Steps {
		if s.Failure != nil {
			o.addError("failure of a step", s.Failure)
		}
	}
}

func (o *output) addSpans(spans tracetest.SpanStubs) {
	for _, s := range spans {
		o.add("spans", "%s %s %s %v", s.Name, s.Status.Description, s.InstrumentationScope.Name, s.Resource)
		attributes := func(list []attribute.KeyValue) {
			for _, a := range list {
				o.add("spans", "%s=%s", a.Key, a.Value.String())
			}
		}
		attributes(s.Attributes)
		for _, e := range s.Events {
			o.add("spans", "%s", e.Name)
			attributes(e.Attributes)
		}
		for _, l := range s.Links {
			attributes(l.Attributes)
		}
	}
}
