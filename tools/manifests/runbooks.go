package main

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// guide is the way from nothing to a green dashboard; its commands are indented.
const guide = "deploy/README.md"

// incidents is the runbook that alerts lead to: each of its sections on the third level is one's.
const incidents = runbooksHere + "/synthetic-prober-incident-response.md"

// document is a Markdown file in parts.
type document struct {
	blocks   []block
	prose    string // what is outside of blocks
	sections []string
}

// block is code between fences.
type block struct{ language, code string }

func parseMarkdown(text string) document {
	var d document
	var prose, code strings.Builder
	language, fenced := "", false
	for line := range strings.Lines(text) {
		fence, found := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case found && fenced:
			d.blocks = append(d.blocks, block{language, code.String()})
			code.Reset()
			fenced = false
		case found:
			language, fenced = fence, true
		case fenced:
			code.WriteString(line)
		default:
			prose.WriteString(line)
			if title, found := strings.CutPrefix(line, "### "); found {
				d.sections = append(d.sections, anchors("# "+title)...)
			}
		}
	}
	d.prose = prose.String()
	return d
}

// checkRunbook wants every query of a runbook to work, and every name in it to be one.
func checkRunbook(r repository, c catalogue, groups []*rulefmt.RuleGroups, file string) []Finding {
	rep := &report{file: file}
	content, err := r.read(file)
	if err != nil {
		rep.addf("", "%v", err)
		return rep.findings
	}
	d := parseMarkdown(string(content))
	if file == guide {
		commands(rep, string(content))
		alone := "-l 'component in (" + strings.Join(gateParts, ", ") + ")'"
		if !strings.Contains(string(content), alone) {
			rep.addf("", "must apply the gate with %s", alone)
		}
	}
	for _, b := range d.blocks {
		field := firstLine(b.code)
		switch b.language {
		case "promql":
			queries(rep, c, field, b.code)
		case "logql":
			logQuery(rep, r, field, b.code)
		case "sh":
			commands(rep, b.code)
		case "yaml":
		default:
			rep.addf(field, "code in the language %q is not looked at: write promql, logql, sh or yaml", b.language)
		}
	}
	names(rep, c, groups, d.prose)
	links(rep, r, file, string(content))
	if file == incidents {
		unused(rep, groups, d.sections)
	}
	return rep.findings
}

func firstLine(code string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(code), "\n")
	return line
}

func queries(rep *report, c catalogue, field, code string) {
	mistakes, err := c.expression(code)
	if err != nil {
		rep.addf(field, "%v", err)
	}
	for _, m := range mistakes {
		rep.addf(field, "%s", m)
	}
}

var bySelector = regexp.MustCompile(`\skubectl .*\blogs .*-l[ =]|^kubectl .*\blogs .*-l[ =]`)

// commands wants the logs of several pods to be whole: by selector, kubectl shows the
// last ten lines of each.
func commands(rep *report, code string) {
	for line := range strings.Lines(code) {
		if bySelector.MatchString(line) && !strings.Contains(line, "--tail") {
			rep.addf(strings.TrimSpace(line), "shows ten lines of each pod: write --tail=-1")
		}
	}
}

var (
	inlineCode   = regexp.MustCompile("`[^`\n]+`")
	inlineSeries = regexp.MustCompile(`\b((?:dt_synthetic_|slo:)[a-z0-9_:]+)`)
	inlineAlert  = regexp.MustCompile("`(Synthetic[A-Z][A-Za-z0-9]+)`")
)

// names wants the series and alerts that the prose names.
func names(rep *report, c catalogue, groups []*rulefmt.RuleGroups, prose string) {
	for _, code := range inlineCode.FindAllString(prose, -1) {
		for _, m := range inlineSeries.FindAllStringSubmatch(code, -1) {
			if _, ok := c[m[1]]; !ok {
				rep.addf(m[1], "there is no such series%s", c.didYouMean(m[1]))
			}
		}
	}
	for _, m := range inlineAlert.FindAllStringSubmatch(prose, -1) {
		if !slices.ContainsFunc(alerts(groups), func(a rulefmt.Rule) bool { return a.Alert == m[1] }) {
			rep.addf(m[1], "there is no such alert")
		}
	}
}

func alerts(groups []*rulefmt.RuleGroups) []rulefmt.Rule {
	var all []rulefmt.Rule
	for _, file := range groups {
		for _, g := range file.Groups {
			for _, rule := range g.Rules {
				if rule.Alert != "" {
					all = append(all, rule)
				}
			}
		}
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^):]*)\)`)

// links wants what a file points to inside of the repository.
func links(rep *report, r repository, file, content string) {
	for _, m := range link.FindAllStringSubmatch(content, -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		there := file
		if target != "" {
			there = path.Join(path.Dir(file), target)
		}
		if anchor == "" {
			if len(r.glob(there)) == 0 {
				rep.addf(m[1], "there is no such file")
			}
			continue
		}
		text, err := r.read(there)
		if err != nil || !slices.Contains(anchors(string(text)), anchor) {
			rep.addf(m[1], "there is no such heading")
		}
	}
}

// unused finds the sections that no alert leads to: it was renamed, and its runbook not.
func unused(rep *report, groups []*rulefmt.RuleGroups, sections []string) {
	for _, s := range sections {
		if !slices.ContainsFunc(alerts(groups), func(a rulefmt.Rule) bool { return strings.HasSuffix(a.Annotations["runbook_url"], "#"+s) }) {
			rep.addf(s, "no alert leads to this section")
		}
	}
}
