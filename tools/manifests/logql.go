package main

import (
	"regexp"
	"slices"
	"strings"
)

// streamLabels are those that the platform's log shipper sets; everything else is in the line.
var streamLabels = []string{"namespace", "pod", "container", "app", "component", "level", "target"}

// logFields is the table of the log's fields.
const logFields = "docs/daemon.md"

var (
	streams    = regexp.MustCompile(`^\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)`)
	fieldNames = regexp.MustCompile("(?m)^\\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \\|")
	lineFilter = regexp.MustCompile(`\| *([a-z_]+) *(?:=~|!~|!=|=) *"`)
	shownField = regexp.MustCompile(`\{\{ *\.([a-z_]+) *\}\}`)
)

// logQuery wants a query to select by labels that there are, and to look at fields that
// the prober writes.
func logQuery(rep *report, r repository, field, code string) {
	page, err := r.read(logFields)
	if err != nil {
		rep.addf(field, "%v", err)
		return
	}
	var known []string
	for _, m := range fieldNames.FindAllStringSubmatch(string(page), -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			known = append(known, strings.ReplaceAll(strings.Trim(name, "`"), ".", "_"))
		}
	}
	selected := streams.FindStringSubmatch(strings.TrimSpace(code))
	if selected == nil {
		rep.addf(field, "must begin with {a selector}")
		return
	}
	for _, m := range labelName.FindAllStringSubmatch(selected[1], -1) {
		if !slices.Contains(streamLabels, m[1]) {
			rep.addf(field, "the logs have no label %s", m[1])
		}
	}
	looked := append(lineFilter.FindAllStringSubmatch(code, -1), shownField.FindAllStringSubmatch(code, -1)...)
	for _, m := range looked {
		if !slices.Contains(known, m[1]) {
			rep.addf(field, "the log has no field %s", m[1])
		}
	}
	if len(looked) > 0 && !strings.Contains(code, "| json") {
		rep.addf(field, "looks at fields without | json")
	}
}
