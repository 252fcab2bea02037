package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/dark-tower/prober/flows"
)

// progress is one line on a terminal that says what is being done. Where the
// output is no terminal it says nothing.
type progress struct {
	w    io.Writer
	mu   sync.Mutex // keeps the line whole
	used bool
}

func newProgress(w io.Writer) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{w: w}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Step shows a step as it begins.
func (p *progress) Step(probe string, run int, actor string, step flows.Step, after bool) {
	suffix := ""
	if after {
		suffix = " after the cut"
	}
	p.Show(fmt.Sprintf("%s, run %d: %s %s%s", probe, run, actor, step, suffix))
}

// Show replaces the line.
func (p *progress) Show(text string) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = true
	fmt.Fprintf(p.w, "\r\x1b[K%s", text)
}

// Clear takes the line away.
func (p *progress) Clear() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
