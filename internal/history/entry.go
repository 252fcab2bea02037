package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
)

// Finished is a run as it is handed in.
type Finished struct {
	Run  flows.Run
	Log  []string // its log lines, without the newline
	Kept bool     // its trace was exported
}

// Entry is a run as it is kept: everything of the run but the latency of every
// single frame and the error values behind its failures. It is shared and must not
// be changed.
type Entry struct {
	Run    flows.Run       // Pairs without Samples
	Series []digest.Series // for each of Run.Pairs, in their order
	Log    []string
	Kept   bool
}

// Ended is when the run was judged.
func (e Entry) Ended() time.Time { return e.Run.Started.Add(e.Run.Duration) }

// small makes the entry of a run. It changes nothing of the run: what it leaves out
// it leaves out of copies.
func small(f Finished) Entry {
	e := Entry{Run: f.Run, Log: boundedLog(f.Log), Kept: f.Kept}
	e.Run.Failure = withoutError(f.Run.Failure)
	e.Run.Steps = slices.Clone(f.Run.Steps)
	for i := range e.Run.Steps {
		e.Run.Steps[i].Failure = withoutError(e.Run.Steps[i].Failure)
	}
	e.Series = digest.SeriesOf(f.Run.Pairs)
	e.Run.Pairs = slices.Clone(f.Run.Pairs)
	for i := range e.Run.Pairs {
		e.Run.Pairs[i].Samples = nil
	}
	return e
}

// withoutError drops what an error may hold on to, such as connections and buffers.
func withoutError(f *flows.Failure) *flows.Failure {
	if f == nil {
		return nil
	}
	c := *f
	c.Err = nil
	c.Detail = cut(c.Detail, DetailBytes)
	return &c
}

// cut shortens text to at most n bytes, at the end of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n]) + "…"
}

// boundedLog keeps the beginning and the end of a log that is too long: how the run
// set out, and how it ended.
func boundedLog(lines []string) []string {
	total := 0
	for _, l := range lines {
		total += len(l) + 1
	}
	if total <= LogBytes {
		return slices.Clone(lines)
	}
	const half = LogBytes / 2
	var head, tail []string
	room, first := half, 0
	for first < len(lines) && room-len(lines[first])-1 >= 0 {
		room -= len(lines[first]) + 1
		head = append(head, lines[first])
		first++
	}
	room, last := half, len(lines)
	for last > first && room-len(lines[last-1])-1 >= 0 {
		room -= len(lines[last-1]) + 1
		last--
		tail = append(tail, lines[last])
	}
	slices.Reverse(tail)
	return append(append(head, fmt.Sprintf("… %d lines left out …", last-first)), tail...)
}
