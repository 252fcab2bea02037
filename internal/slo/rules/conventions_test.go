package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// The platform holds every rule file against these conventions.

func eachFile(t *testing.T, check func(t *testing.T, f file)) {
	for name, cfg := range variety(t) {
		t.Run(name, func(t *testing.T) { check(t, read(t, generate(t, cfg))) })
	}
}

func TestGroupsAreThePlatforms(t *testing.T) {
	intervals := map[string]string{"synthetic-prober-page": "30s", "synthetic-prober-warning": "1m", "synthetic-prober-info": "1m"}
	eachFile(t, func(t *testing.T, f file) {
		seen := make(map[string]bool)
		for _, g := range f.Groups {
			if seen[g.Name] || len(g.Rules) == 0 {
				t.Errorf("group %s is there twice, or empty", g.Name)
			}
			seen[g.Name] = true
			want, alerting := intervals[g.Name]
			if alerting && g.Interval != want {
				t.Errorf("group %s is evaluated every %s, not every %s", g.Name, g.Interval, want)
			}
			if !alerting && !strings.HasPrefix(g.Name, "synthetic-prober-") {
				t.Errorf("group %s is nobody's", g.Name)
			}
			for _, r := range g.Rules {
				if (r.Alert != "") != alerting || (r.Alert == "") == (r.Record == "") {
					t.Errorf("%s%s does not belong into %s", r.Alert, r.Record, g.Name)
				}
			}
		}
	})
}

func TestEveryAlertSaysWhomItReachesAndWhatToDo(t *testing.T) {
	components := []string{"join", "media", "reconnect", "auth", "prober", "certificate"}
	eachFile(t, func(t *testing.T, f file) {
		for _, r := range f.alerts() {
			if !regexp.MustCompile(`^Synthetic([A-Z][a-z0-9]*)+([0-9]+x)?$`).MatchString(r.Alert) {
				t.Errorf("%s is no name for an alert", r.Alert)
			}
			if len(r.Labels) != 3 || r.Labels["service"] != "synthetic-prober" || !slices.Contains(components, r.Labels["component"]) ||
				r.group != "synthetic-prober-"+r.Labels["severity"] {
				t.Errorf("%s has the labels %v in group %s", r.Alert, r.Labels, r.group)
			}
			for _, name := range []string{"summary", "description", "impact", "runbook_url"} {
				if r.Annotations[name] == "" {
					t.Errorf("%s has no %s", r.Alert, name)
				}
			}
			if !strings.Contains(r.Annotations["summary"], "$value") || len(r.Annotations) != 4 {
				t.Errorf("%s: the summary must have the value: %v", r.Alert, r.Annotations)
			}
		}
	})
}

func TestNoAlertIsASingleSample(t *testing.T) {
	eachFile(t, func(t *testing.T, f file) {
		for _, r := range f.alerts() {
			if d, err := time.ParseDuration(strings.Replace(r.For, "d", "h", 1)); err != nil || d < 30*time.Second {
				t.Errorf("%s fires after %q", r.Alert, r.For)
			}
		}
	})
}

func TestAnnotationsTellNoAddresses(t *testing.T) {
	forbidden := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]|svc\.cluster\.local|\.internal|-prod-|eyJ|https?://|(?i)token=|password`)
	eachFile(t, func(t *testing.T, f file) {
		for _, r := range f.alerts() {
			for name, text := range r.Annotations {
				if found := forbidden.FindString(text); found != "" {
					t.Errorf("%s: %s has %q in it", r.Alert, name, found)
				}
			}
		}
	})
}

func TestEveryRatioIsGuardedAgainstNothing(t *testing.T) {
	eachFile(t, func(t *testing.T, f file) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				for _, part := range strings.Split(r.Expr, "/")[1:] {
					if !strings.Contains(part, "> 0)") {
						t.Errorf("%s%s divides by what may be 0: %s", r.Alert, r.Record, r.Expr)
					}
				}
			}
		}
	})
}

var seriesName = regexp.MustCompile(`\b(?:dt_synthetic_[a-z0-9_]+|slo:[a-z0-9_:]+|prometheus_[a-z0-9_]+)`)

func TestRulesUseOnlySeriesThatThereAre(t *testing.T) {
	exists := map[string]bool{"prometheus_tsdb_retention_limit_seconds": true}
	for _, d := range metrics.Catalogue() {
		exists[d.Name] = d.Type != metrics.Histogram
	}
	eachFile(t, func(t *testing.T, f file) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Record != "" {
					exists[r.Record] = true
				}
			}
		}
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				for _, name := range seriesName.FindAllString(r.Expr, -1) {
					if !exists[name] {
						t.Errorf("%s%s asks for %s, which nobody has", r.Alert, r.Record, name)
					}
				}
			}
		}
	})
}

func TestLabelsOfSelectorsAreThoseOfTheCatalogue(t *testing.T) {
	labels := make(map[string][]string)
	for _, d := range metrics.Catalogue() {
		labels[d.Name] = d.Labels
	}
	selector := regexp.MustCompile(`(dt_synthetic_[a-z0-9_]+)\{([^}]*)\}`)
	label := regexp.MustCompile(`([a-z_]+)(?:=~|!=|!~|=)"`)
	eachFile(t, func(t *testing.T, f file) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				for _, s := range selector.FindAllStringSubmatch(r.Expr, -1) {
					for _, l := range label.FindAllStringSubmatch(s[2], -1) {
						if !slices.Contains(labels[s[1]], l[1]) {
							t.Errorf("%s%s: %s has no label %s", r.Alert, r.Record, s[1], l[1])
						}
					}
				}
			}
		}
	})
}

// headings are those of a Markdown file, as links name them, by their level.
func headings(t *testing.T, path string) map[string]int {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]int)
	for line := range strings.Lines(string(content)) {
		if text := strings.TrimLeft(line, "#"); len(text) < len(line) && strings.HasPrefix(text, " ") {
			slug := strings.ToLower(strings.TrimSpace(text))
			slug = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(slug, "")
			out[strings.ReplaceAll(slug, " ", "-")] = len(line) - len(text)
		}
	}
	return out
}

func TestEveryAlertHasItsSectionInTheRunbook(t *testing.T) {
	const alertLevel = 3
	known := headings(t, filepath.Join(repository, "deploy", "runbooks", responseBook))
	used := make(map[string]bool)
	for _, cfg := range variety(t) {
		for _, r := range read(t, generate(t, cfg)).alerts() {
			anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], "docs/runbooks/"+responseBook+"#")
			if !ok || known[anchor] != alertLevel {
				t.Errorf("%s points to %s, which is not there", r.Alert, r.Annotations["runbook_url"])
			}
			used[anchor] = true
		}
	}
	for anchor, level := range known {
		if level == alertLevel && !used[anchor] {
			t.Errorf("no alert points to #%s", anchor)
		}
	}
}
