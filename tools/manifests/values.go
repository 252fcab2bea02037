package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"sigs.k8s.io/yaml"
)

// Where the values of labels are: the closed sets in the catalogue of metrics, and the
// names of probes and objectives in the shipped configuration.
const (
	cataloguePage = "docs/metrics.md"
	shipped       = "probes.yaml"
)

var closedSet = regexp.MustCompile("`([a-z_]+)` \\(([a-z0-9_, ]+)\\)")

// labelValues returns, by metric and label, the values that there can be.
func labelValues(r repository) (map[string]map[string][]string, error) {
	names, err := configuredNames(r)
	if err != nil {
		return nil, err
	}
	page, err := r.read(cataloguePage)
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[string][]string)
	metric := ""
	for line := range strings.Lines(string(page)) {
		if title, found := strings.CutPrefix(line, "## `"); found {
			metric = strings.TrimRight(title, "`\n")
			all[metric] = map[string][]string{"probe": names["probe"], "slo": names["slo"]}
		}
		if metric == "" || !strings.HasPrefix(line, "- **Labels:**") {
			continue
		}
		for _, set := range closedSet.FindAllStringSubmatch(line, -1) {
			all[metric][set[1]] = strings.Split(set[2], ", ")
		}
	}
	return all, nil
}

func configuredNames(r repository) (map[string][]string, error) {
	content, err := r.read(shipped)
	if err != nil {
		return nil, err
	}
	var c struct {
		Probes []struct {
			Name       string
			Objectives []struct{ Name string }
		}
	}
	if err := yaml.Unmarshal(content, &c); err != nil {
		return nil, err
	}
	names := make(map[string][]string)
	for _, p := range c.Probes {
		names["probe"] = append(names["probe"], p.Name)
		for _, o := range p.Objectives {
			names["slo"] = append(names["slo"], o.Name)
		}
	}
	return names, nil
}

// never lists what a matcher asks for and no series has. Of alternatives, each must be
// there: one that is not was renamed, or is a slip.
func never(m *labels.Matcher, values []string) []string {
	if len(values) == 0 || m.Value == "" || strings.Contains(m.Value, "$") {
		return nil
	}
	asked := []string{m.Value}
	if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
		if asked = strings.Split(m.Value, "|"); strings.ContainsAny(m.Value, "()") {
			asked = []string{m.Value}
		}
	}
	return slices.DeleteFunc(asked, func(text string) bool {
		one, err := labels.NewMatcher(positive(m.Type), m.Name, text)
		return err != nil || slices.ContainsFunc(values, one.Matches)
	})
}

// positive is the same comparison, not negated.
func positive(t labels.MatchType) labels.MatchType {
	switch t {
	case labels.MatchNotEqual:
		return labels.MatchEqual
	case labels.MatchNotRegexp:
		return labels.MatchRegexp
	default:
		return t
	}
}
