package logging

import (
	"context"
	"io"
	"log/slog"
)

// timestamp is RFC 3339 with nanoseconds, of the same length always.
const timestamp = "2006-01-02T15:04:05.000000000Z07:00"

// jsonWriter writes lines as objects: timestamp, level, target, fields, and beside them
// what correlates.
type jsonWriter struct{ inner slog.Handler }

func newJSONWriter(w io.Writer) jsonWriter {
	return jsonWriter{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 100, ReplaceAttr: rename})}
}

func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format(timestamp))
	case slog.LevelKey:
		level, _ := a.Value.Any().(slog.Level)
		return slog.String(slog.LevelKey, levelName(level))
	case slog.MessageKey:
		return slog.Attr{} // it is in fields
	}
	return a
}

func (w jsonWriter) write(ctx context.Context, l line) error {
	r := slog.NewRecord(l.at, l.level, "", 0)
	fields := append([]slog.Attr{slog.String("message", l.message)}, l.fields...)
	r.AddAttrs(slog.String(keyTarget, l.target), slog.Attr{Key: "fields", Value: slog.GroupValue(fields...)})
	r.AddAttrs(l.top...)
	return w.inner.Handle(ctx, r)
}
