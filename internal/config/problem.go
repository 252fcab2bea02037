package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds what one error shows.
const maxProblems = 100

// Problem is one mistake in a file. It never holds a value that could be a secret.
type Problem struct {
	Line, Column int    // from 1; 0: the file as a whole
	Path         string // such as probes[2].interval; empty: the file as a whole
	What         string // what is wrong
	Fix          string // what to do about it
}

// Error lists every mistake of a file.
type Error struct {
	File     string
	Problems []Problem
}

// Error has one line per mistake: file:line:column: path: what is wrong; the fix.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxProblems {
			fmt.Fprintf(&b, "%s: and %d more", e.File, len(e.Problems)-i)
			break
		}
		b.WriteString(p.In(e.File))
	}
	return b.String()
}

// In is one line: file:line:column: path: what is wrong; the fix.
func (p Problem) In(file string) string {
	text := p.What
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Fix != "" {
		text += "; " + p.Fix
	}
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", file, p.Line, p.Column, text)
	}
	return file + ": " + text
}

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// didYouMean suggests the nearest of the allowed words, or lists them.
func didYouMean(got string, allowed []string) string {
	best, distance := "", max(2, len(got)/3)+1
	for _, word := range allowed {
		if d := editDistance(got, word, distance); d < distance {
			best, distance = word, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(allowed) == 0:
		return ""
	}
	return "one of " + strings.Join(allowed, ", ")
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours,
// or returns limit when there are at least that many.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}

// show makes a word of a file fit for an error.
func show(word string) string {
	const most = 40
	if len(word) > most {
		word = word[:most] + "..."
	}
	return fmt.Sprintf("%q", word)
}
