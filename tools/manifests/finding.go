package main

import "fmt"

// Finding is something that must be mended before it is deployed.
type Finding struct {
	File  string // in the repository, or the overlay that was rendered
	Field string // what in it: an object and its field, a rule, a panel
	What  string
}

func (f Finding) String() string {
	if f.Field == "" {
		return fmt.Sprintf("%s: %s", f.File, f.What)
	}
	return fmt.Sprintf("%s: %s: %s", f.File, f.Field, f.What)
}

// report collects findings about one file.
type report struct {
	file     string
	findings []Finding
}

func (r *report) addf(field, format string, args ...any) {
	r.findings = append(r.findings, Finding{File: r.file, Field: field, What: fmt.Sprintf(format, args...)})
}
