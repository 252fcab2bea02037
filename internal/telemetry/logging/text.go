package logging

import (
	"cmp"
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
	widthSubject = 17
	widthWhat    = 24
	widthTook    = 9
)

// ANSI colours.
const (
	plain  = "\x1b[0m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

// textWriter writes lines for people: time of day, level, what it is about, what
// happened, how long it took, and the rest as key=value. What the first columns say is
// not said again, and spans are for machines.
type textWriter struct {
	color bool

	mu sync.Mutex // one record at a time
	w  io.Writer
}

func (t *textWriter) write(_ context.Context, l line) error {
	h := headlineOf(l)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %-*s %-*s", t.paint(faint, l.at.Format("15:04:05.000")), t.level(l.level),
		widthSubject, printable(h.subject), widthWhat, printable(h.what))
	if h.took != "" {
		fmt.Fprintf(&b, " %*s", widthTook, h.took)
	}
	for _, a := range h.rest {
		t.pair(&b, " ", a)
	}
	out := strings.TrimRight(b.String(), " ") + "\n"
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := io.WriteString(t.w, out)
	return err
}

// headline is a record as its columns have it.
type headline struct {
	subject, what, took string
	rest                []slog.Attr
}

// headlineOf puts a record into columns. A probe's records are about the probe; a
// step is told by who did what, and where it went well, its trace is the run's.
func headlineOf(l line) headline {
	top := make(map[string]string)
	for _, a := range l.top {
		top[a.Key] = a.Value.String()
	}
	h := headline{subject: cmp.Or(top["probe"], l.target), what: l.message}
	said := map[string]bool{"probe": true, "flow": true, "span_id": true}
	switch l.message {
	case stepDone:
		h.what = top["actor"] + " " + top["step"]
		said["actor"], said["step"], said["hop"], said["outcome"], said["measured"], said["trace_id"] = true, true, true, true, true, true
	case stepFailed:
		h.what = top["actor"] + " " + top["step"] + " failed"
		said["actor"], said["step"], said["outcome"], said["measured"] = true, true, true, true
	case runSays(top["outcome"]):
		said["outcome"] = true
	}
	if ms, err := strconv.ParseFloat(top["duration_ms"], 64); err == nil {
		h.took, said["duration_ms"] = took(ms), true
	}
	var last []slog.Attr // what correlates
	for _, a := range l.top {
		switch {
		case said[a.Key]:
		case a.Key == "trace_id", a.Key == "run":
			last = append(last, a)
		default:
			h.rest = append(h.rest, a)
		}
	}
	for _, a := range l.fields {
		if !said[a.Key] {
			h.rest = append(h.rest, a)
		}
	}
	h.rest = append(h.rest, last...)
	return h
}

// took writes milliseconds as people read them.
func took(ms float64) string {
	if ms >= 1000 {
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
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

// pair writes key=value, and of a group key{key=value ...}.
func (t *textWriter) pair(b *strings.Builder, before string, a slog.Attr) {
	if a.Value.Kind() != slog.KindGroup {
		b.WriteString(before + t.paint(faint, quoted(a.Key)+"=") + quoted(a.Value.String()))
		return
	}
	b.WriteString(before + t.paint(faint, quoted(a.Key)+"{"))
	for i, inner := range a.Value.Group() {
		t.pair(b, " "[:min(i, 1)], inner)
	}
	b.WriteString(t.paint(faint, "}"))
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
