// Package logging writes the log: one JSON object per line in the form that the
// platform's services use, or aligned text for people. Whatever comes through it is
// made safe: identifiers and addresses are hashed, and secrets masked.
//
// It knows log records and finished runs, and nothing of where a log goes.
package logging

import (
	"cmp"
	"crypto/rand"
	"io"
	"log/slog"
)

// Format is how a record is written.
type Format string

// The formats.
const (
	JSON Format = "json" // an object per line, for machines
	Text Format = "text" // aligned, for people
)

// Options say how to log.
type Options struct {
	Format Format       // default JSON
	Level  slog.Leveler // least severe that is written; default slog.LevelInfo
	Target string       // of records that name none with the attribute "target"; default "prober"
	Color  bool         // of Text only
	// Key hashes identifiers, so that what belongs together can be seen and nothing more.
	// Empty: a random one, with which hashes cannot be compared across processes.
	Key []byte
}

// New returns a logger that writes to w, one call of Write for each record.
func New(w io.Writer, o Options) *slog.Logger {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if len(o.Key) == 0 {
		o.Key = make([]byte, 32)
		_, _ = rand.Read(o.Key) // never fails
	}
	h := &handler{level: o.Level, target: cmp.Or(o.Target, "prober"), cleaner: cleaner{key: o.Key}, scopes: []scope{{}}}
	if o.Format == Text {
		h.write = (&textWriter{w: w, color: o.Color}).write
	} else {
		h.write = newJSONWriter(w).write
	}
	return slog.New(h)
}
