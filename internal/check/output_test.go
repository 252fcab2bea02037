package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary"
)

// ofTheWire is where connections and signaling come out: not even ids and addresses
// may be there.
const ofTheWire = "connections and signaling of a run"

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

// bothHandlers logs in text and in JSON: they ask a value for different things.
type bothHandlers struct{ text, json slog.Handler }

func (h bothHandlers) Enabled(context.Context, slog.Level) bool { return true }
func (h bothHandlers) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(h.text.Handle(ctx, r.Clone()), h.json.Handle(ctx, r))
}
func (h bothHandlers) WithAttrs(a []slog.Attr) slog.Handler {
	return bothHandlers{h.text.WithAttrs(a), h.json.WithAttrs(a)}
}
func (h bothHandlers) WithGroup(name string) slog.Handler {
	return bothHandlers{h.text.WithGroup(name), h.json.WithGroup(name)}
}

func (o *output) logger(where string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	return slog.New(bothHandlers{slog.NewTextHandler(o.writer(where), opts), slog.NewJSONHandler(o.writer(where), opts)})
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
