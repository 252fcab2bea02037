package main

import (
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// rulesPattern is where the rule files are; the platform's Prometheus loads those by
// the same pattern.
const rulesPattern = "deploy/prometheus/[a-z]*-alerts.yaml"

// ruleFiles reads every rule file and adds what it records to the catalogue.
func ruleFiles(r repository, c catalogue) (map[string]*rulefmt.RuleGroups, []Finding) {
	files := make(map[string]*rulefmt.RuleGroups)
	var findings []Finding
	for _, file := range r.glob(rulesPattern) {
		rep := &report{file: file}
		content, err := r.read(file)
		if err != nil {
			rep.addf("", "%v", err)
		} else {
			groups, errs := rulefmt.Parse(content, false, model.LegacyValidation, language(), slog.New(slog.DiscardHandler))
			for _, err := range errs {
				rep.addf("", "%v", err)
			}
			if groups != nil {
				files[file] = groups
				for _, g := range groups.Groups {
					for _, rule := range g.Rules {
						if rule.Record != "" {
							c.record(rule.Record, c.labelsOf(rule))
						}
					}
				}
			}
		}
		findings = append(findings, rep.findings...)
	}
	if len(files) == 0 && len(findings) == 0 {
		findings = append(findings, Finding{File: rulesPattern, What: "there are no rules"})
	}
	return files, findings
}

// labelsOf lists the labels that a recorded series can have: those that the rule sets,
// and those of the series that it is made of. What is not known yet adds nothing.
func (c catalogue) labelsOf(rule rulefmt.Rule) []string {
	labels := sortedKeys(rule.Labels)
	expr, err := language().ParseExpr(rule.Expr)
	if err != nil {
		return labels
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			labels = append(labels, c[v.Name].labels...)
		}
		return nil
	})
	return labels
}

// checkRules holds each rule against the platform's conventions.
func checkRules(r repository, c catalogue, file string, groups *rulefmt.RuleGroups) []Finding {
	rep := &report{file: file}
	names := make(map[string]bool)
	for _, g := range groups.Groups {
		if !strings.HasPrefix(g.Name, proberApp+"-") {
			rep.addf(g.Name, "a group's name must begin with %s-", proberApp)
		}
		for _, rule := range g.Rules {
			field := g.Name + ": " + rule.Record + rule.Alert
			mistakes, err := c.expression(rule.Expr)
			if err != nil {
				rep.addf(field, "%v", err)
				continue
			}
			for _, m := range mistakes {
				rep.addf(field, "%s", m)
			}
			if rule.Alert != "" {
				alert(rep, r, field, g, rule)
				names[rule.Alert] = true
			}
		}
	}
	if len(names) == 0 {
		rep.addf("", "there is no alert in it")
	}
	return rep.findings
}

// severities are the platform's, with the interval at which their groups are
// evaluated; zero: any.
var severities = map[string]time.Duration{"page": 30 * time.Second, "warning": time.Minute, "info": 0}

// private are what an annotation must not tell whoever reads alerts.
var private = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|eyJ[A-Za-z0-9_-]{8,}|\.svc\.cluster\.local|\.internal\b|-prod-`)

func alert(rep *report, r repository, field string, g rulefmt.RuleGroup, rule rulefmt.Rule) {
	if !strings.HasPrefix(rule.Alert, "Synthetic") {
		rep.addf(field, "an alert's name must begin with Synthetic")
	}
	severity := rule.Labels["severity"]
	interval, known := severities[severity]
	switch {
	case !known:
		rep.addf(field+": labels.severity", "is %q and must be page, warning or info", severity)
	case g.Name != proberApp+"-"+severity:
		rep.addf(field, "severity %s belongs into the group %s-%s", severity, proberApp, severity)
	case interval != 0 && time.Duration(g.Interval) != interval:
		rep.addf(g.Name, "must be evaluated every %s", interval)
	}
	if rule.Labels["service"] != proberApp || rule.Labels["component"] == "" {
		rep.addf(field+": labels", "must have service: %s, and a component", proberApp)
	}
	for _, name := range []string{"summary", "description", "impact", "runbook_url"} {
		text := rule.Annotations[name]
		if text == "" {
			rep.addf(field+": annotations."+name, "is missing")
		}
		if found := private.FindString(text); found != "" {
			rep.addf(field+": annotations."+name, "%s must not be told to whoever reads alerts", found)
		}
	}
	runbook(rep, r, field, rule.Annotations["runbook_url"])
	if time.Duration(rule.For) < 30*time.Second && !smoothed(rule.Expr) {
		rep.addf(field, "must hold for 30s, or look at 30s: a single sample wakes nobody")
	}
}

// smoothed reports whether an expression looks over at least 30 s.
func smoothed(text string) bool {
	expr, err := language().ParseExpr(text)
	if err != nil {
		return false
	}
	found := false
	parser.Inspect(expr, func(n parser.Node, p []parser.Node) error {
		m, ok := n.(*parser.MatrixSelector)
		if !ok || m.Range < 30*time.Second || len(p) == 0 {
			return nil
		}
		call, ok := p[len(p)-1].(*parser.Call)
		found = found || ok && slices.Contains([]string{"rate", "increase", "sum_over_time"}, call.Func.Name)
		return nil
	})
	return found
}

// runbooksHere is where the runbooks are in this repository; the platform keeps them
// in runbooksThere.
const (
	runbooksHere  = "deploy/runbooks"
	runbooksThere = "docs/runbooks"
)

// runbook wants a link to a heading that is there.
func runbook(rep *report, r repository, field, url string) {
	field += ": annotations.runbook_url"
	file, anchor, cut := strings.Cut(url, "#")
	if !cut || path.Dir(file) != runbooksThere || !strings.HasSuffix(file, ".md") {
		rep.addf(field, "%q must be %s/FILE.md#ANCHOR", url, runbooksThere)
		return
	}
	here := path.Join(runbooksHere, path.Base(file))
	content, err := r.read(here)
	if err != nil {
		rep.addf(field, "%v", err)
		return
	}
	if !slices.Contains(anchors(string(content)), anchor) {
		rep.addf(field, "%s has no heading #%s", here, anchor)
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors lists the anchors of a Markdown file's headings, as forges make them.
func anchors(markdown string) []string {
	var all []string
	fenced := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		title := strings.TrimLeft(line, "#")
		if fenced || title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		plain := notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
