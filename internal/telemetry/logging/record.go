package logging

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// lifted are the attributes that stand beside timestamp, level, target and fields, in
// this order; every other one is a field.
var lifted = []string{"trace_id", "span_id", "probe", "flow", "lane", "run", "actor", "step", "hop", "outcome", "reason", "cause", "duration_ms"}

const keyTarget = "target"

// line is a record made safe.
type line struct {
	at      time.Time
	level   slog.Level
	target  string
	message string
	top     []slog.Attr // lifted ones, in their order
	fields  []slog.Attr
}

// handler turns records into lines.
type handler struct {
	level   slog.Leveler
	target  string
	cleaner cleaner
	write   func(context.Context, line) error
	scopes  []scope // the first is outside all groups
}

// scope is a group with the attributes that were given to it so far.
type scope struct {
	name  string
	attrs []slog.Attr
}

// Enabled is of slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs is of slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	out := *h
	out.scopes = slices.Clone(h.scopes)
	last := &out.scopes[len(out.scopes)-1]
	last.attrs = append(slices.Clip(last.attrs), attrs...)
	return &out
}

// WithGroup is of slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	out := *h
	out.scopes = append(slices.Clip(slices.Clone(h.scopes)), scope{name: name})
	return &out
}

// Handle is of slog.Handler. A span in ctx names trace and span of records that do not.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	l := line{at: r.Time, level: r.Level, target: h.target, message: h.cleaner.text(r.Message)}
	top := make(map[string]slog.Value)
	for _, a := range h.attributes(r) {
		switch {
		case a.Key == keyTarget:
			l.target = a.Value.String()
		case slices.Contains(lifted, a.Key):
			top[a.Key] = a.Value
		case a.Key == "message":
			a.Key = "msg" // the record's own is in its place
			fallthrough
		default:
			l.fields = append(l.fields, a)
		}
	}
	if _, named := top["trace_id"]; !named {
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
			top["trace_id"], top["span_id"] = slog.StringValue(sc.TraceID().String()), slog.StringValue(sc.SpanID().String())
		}
	}
	for _, key := range lifted {
		if v, ok := top[key]; ok {
			l.top = append(l.top, slog.Attr{Key: key, Value: v})
		}
	}
	return h.write(ctx, l)
}

// attributes are all of a record and of the logger, made safe, with groups as groups.
func (h *handler) attributes(r slog.Record) []slog.Attr {
	var inner []slog.Attr
	r.Attrs(func(a slog.Attr) bool { inner = append(inner, a); return true })
	for i := len(h.scopes) - 1; i > 0; i-- {
		s := h.scopes[i]
		inner = []slog.Attr{{Key: s.name, Value: slog.GroupValue(append(slices.Clip(s.attrs), inner...)...)}}
	}
	return h.cleaner.attrs(append(slices.Clip(h.scopes[0].attrs), inner...))
}

// levelName is the level as the platform's services write it.
func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARN"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}
