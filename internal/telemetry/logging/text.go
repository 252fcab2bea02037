package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Columns of a line of text, in characters.
const (
	widthTarget  = 16
	widthMessage = 18
)

// ANSI colours.
const (
	plain  = "\x1b[0m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

// textWriter writes lines for people: time of day, level, target, message, and the rest
// as key=value. The flow is in the target, and the span is for machines.
type textWriter struct {
	color bool

	mu sync.Mutex // one record at a time
	w  io.Writer
}

func (t *textWriter) write(_ context.Context, l line) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %-*s %-*s", t.paint(faint, l.at.Format("15:04:05.000")), t.level(l.level),
		widthTarget, printable(l.target), widthMessage, printable(l.message))
	var correlation []slog.Attr
	for _, a := range l.top {
		switch a.Key {
		case "span_id", "flow":
		case "trace_id", "run":
			correlation = append(correlation, a)
		default:
			t.pair(&b, "", a)
		}
	}
	for _, a := range append(l.fields, correlation...) {
		t.pair(&b, "", a)
	}
	out := strings.TrimRight(b.String(), " ") + "\n"
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := io.WriteString(t.w, out)
	return err
}

func (t *textWriter) paint(color, s string) string {
	if !t.color {
		return s
	}
	return color + s + plain
}

func (t *textWriter) level(l slog.Level) string {
	name := fmt.Sprintf("%-5s", levelName(l))
	switch {
	case l >= slog.LevelError:
		return t.paint(red, name)
	case l >= slog.LevelWarn:
		return t.paint(yellow, name)
	case l < slog.LevelInfo:
		return t.paint(faint, name)
	}
	return name
}

func (t *textWriter) pair(b *strings.Builder, prefix string, a slog.Attr) {
	if a.Value.Kind() == slog.KindGroup {
		for _, inner := range a.Value.Group() {
			t.pair(b, prefix+a.Key+".", inner)
		}
		return
	}
	b.WriteString(" " + t.paint(faint, quoted(prefix+a.Key)+"=") + quoted(a.Value.String()))
}

// quoted is s in quotes when it would not be read as one word.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"") || printable(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// printable is s on one line, without anything that steers a terminal.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
