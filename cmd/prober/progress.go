package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/dark-tower/prober/flows"
)

// progress is one line on a terminal that says what is being done. Where the
// output is no terminal it says nothing.
type progress struct {
	w    *os.File // nil: nothing is shown
	runs int      // of each probe

	mu   sync.Mutex // protects all following fields
	used bool
	done bool
	last string // is said last, and stays until Clear
}

// newProgress shows nothing either when somebody else writes to w.
func newProgress(w io.Writer, shared bool, runs int) *progress {
	if !isTerminal(w) || shared || os.Getenv("TERM") == "dumb" {
		return &progress{}
	}
	return &progress{w: w.(*os.File), runs: runs}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored reports whether w takes colours and the user wants them (no-color.org).
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Step shows a step as it begins.
func (p *progress) Step(probe string, run int, actor string, step flows.Step, after bool) {
	which, when := "", ""
	if p.runs > 1 {
		which = fmt.Sprintf(", run %d of %d", run, p.runs)
	}
	if after {
		when = " after the cut"
	}
	p.Show(fmt.Sprintf("%s%s: %s %s%s", probe, which, actor, step, when))
}

// Rest shows that a lane is left alone for a while.
func (p *progress) Rest(lane string, rest time.Duration) {
	p.Show(fmt.Sprintf("lane %s rests for %s", lane, rest.Round(100*time.Millisecond)))
}

// Leaving shows that the user has been heard.
func (p *progress) Leaving() {
	const text = "interrupted: everybody leaves; once more to end at once"
	p.Show(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = text
}

// Show replaces the line.
func (p *progress) Show(text string) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done || p.last != "" {
		return
	}
	p.used = true
	if width, _, err := term.GetSize(int(p.w.Fd())); err == nil && width > 0 {
		text = text[:min(len(text), width-1)] // a line that wraps cannot be replaced
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", text)
}

// Print writes a line that stays to w, above what is shown.
func (p *progress) Print(w io.Writer, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used {
		text = "\r\x1b[K" + text
	}
	fmt.Fprintln(w, text)
}

// Clear takes the line away, for good.
func (p *progress) Clear() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used && !p.done {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.done = true
}
