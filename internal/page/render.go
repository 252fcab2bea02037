package page

import (
	"errors"
	"io"
)

// WriteOverview writes the daemon's front page.
func WriteOverview(w io.Writer, o Overview) error { return errors.New("not rendered yet") }

// WriteRun writes the page of one run.
func WriteRun(w io.Writer, r RunPage) error { return errors.New("not rendered yet") }

// WriteReport writes the report of a check.
func WriteReport(w io.Writer, r Report) error { return errors.New("not rendered yet") }

// ContentSecurityPolicy is the policy under which all pages work: nothing from
// elsewhere, and of inline scripts and styles only the pages' own, by hash.
func ContentSecurityPolicy() string { return "default-src 'none'" }

// WriteMessage writes a page that says one thing.
func WriteMessage(w io.Writer, m Message) error { return errors.New("not rendered yet") }
