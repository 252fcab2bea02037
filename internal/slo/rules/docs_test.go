package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// queries are the PromQL examples in what people read at night.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	fence := regexp.MustCompile("(?s)```promql\n(.*?)```")
	pages, err := filepath.Glob(filepath.Join(repository, "deploy", "runbooks", "*.md"))
	if err != nil || len(pages) != 2 {
		t.Fatalf("%d runbooks, %v", len(pages), err)
	}
	for _, path := range append(pages, filepath.Join(repository, "docs", "alerts.md")) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range fence.FindAllSubmatch(content, -1) {
			found[fmt.Sprintf("%s, query %d", filepath.Base(path), i+1)] = strings.TrimSpace(string(m[1]))
		}
	}
	if len(found) < 30 {
		t.Fatalf("only %d queries", len(found))
	}
	return found
}

func TestQueriesOfTheRunbooksAskForSeriesThatThereAre(t *testing.T) {
	exists := map[string]bool{"prometheus_tsdb_retention_limit_seconds": true, "prometheus_tsdb_lowest_timestamp_seconds": true}
	for _, d := range metrics.Catalogue() {
		exists[d.Name] = d.Type != metrics.Histogram
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			exists[d.Name+suffix] = d.Type == metrics.Histogram
		}
	}
	for _, g := range read(t, generate(t, shipped(t))).Groups {
		for _, r := range g.Rules {
			exists[r.Record] = true
		}
	}
	for where, query := range queries(t) {
		for _, name := range seriesName.FindAllString(query, -1) {
			if !exists[name] {
				t.Errorf("%s asks for %s, which nobody has", where, name)
			}
		}
	}
}

func TestPromtoolUnderstandsTheQueriesOfTheRunbooks(t *testing.T) {
	var rules []Rule
	for where, query := range queries(t) {
		rules = append(rules, Rule{Record: "q", Expr: query, Labels: []Pair{{"where", where}}})
	}
	content, err := encode([]Group{{Name: "queries", Interval: 1e9, Rules: rules}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := tool(t, "check", "rules", path); err != nil {
		t.Error(out)
	}
}

// What the page says of an alert is what the rules do.
func TestTheDocsListEveryAlertWithItsTimes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(repository, "docs", "alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| ([A-Za-z0-9]+)(?: \(info\))? \| [^|]+ \| (\w+) \| ([^|]+) \| [^|]+ \|$`)
	type times struct{ wait, keep string }
	listed := make(map[string]times)
	for _, m := range row.FindAllStringSubmatch(string(content), -1)[1:] { // without the head
		listed[m[1]] = times{m[2], strings.TrimSpace(m[3])}
	}
	written := make(map[string]bool)
	for _, name := range []string{"shipped", "wide budgets that page"} {
		for _, r := range read(t, generate(t, variety(t)[name])).alerts() {
			c := condition(strings.TrimPrefix(r.Alert, alertPrefix))
			written[c] = true
			said, keep := listed[c], r.KeepFiringFor
			if keep == "" {
				keep = "-"
			}
			if said.wait != r.For || c != "Down" && !strings.Contains(said.keep, keep) {
				t.Errorf("%s: for %s and stays %s, and the page says %v", r.Alert, r.For, keep, said)
			}
		}
	}
	for c := range listed {
		if !written[c] {
			t.Errorf("the page lists %s, which no rule is", c)
		}
	}
}

// The scrape job finds the pod that the manifests make.
func TestTheScrapeJobFindsThePod(t *testing.T) {
	load := func(into any, path ...string) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(append([]string{repository, "deploy"}, path...)...))
		if err == nil {
			err = yaml.Unmarshal(content, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var jobs []struct {
		Name      string `yaml:"job_name"`
		Interval  string `yaml:"scrape_interval"`
		Discovery []struct {
			Role       string
			Namespaces struct{ Names []string }
		} `yaml:"kubernetes_sd_configs"`
		Relabel []struct {
			From             []string `yaml:"source_labels"`
			Separator, Regex string
			Action           string
		} `yaml:"relabel_configs"`
	}
	load(&jobs, "prometheus", "scrape-job.yaml")
	var deployment struct {
		Spec struct {
			Template struct {
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					Containers []struct {
						Ports []struct {
							ContainerPort string `yaml:"containerPort"`
						}
					}
				}
			}
		}
	}
	load(&deployment, "kustomize", "base", "deployment.yaml")
	pod := deployment.Spec.Template
	if len(jobs) != 1 || jobs[0].Name != "synthetic-prober" || jobs[0].Interval != "15s" ||
		len(jobs[0].Discovery) != 1 || jobs[0].Discovery[0].Role != "pod" || fmt.Sprint(jobs[0].Discovery[0].Namespaces.Names) != "[dark-tower]" {
		t.Fatalf("the job is %+v", jobs)
	}
	for _, r := range jobs[0].Relabel {
		if r.Action == "" {
			continue // it only names what it has found
		}
		var values []string
		for _, from := range r.From {
			switch label, ok := strings.CutPrefix(from, "__meta_kubernetes_pod_label_"); {
			case ok:
				values = append(values, pod.Metadata.Labels[label])
			case from == "__meta_kubernetes_pod_container_port_number":
				values = append(values, pod.Spec.Containers[0].Ports[0].ContainerPort)
			}
		}
		if got := strings.Join(values, r.Separator); r.Action != "keep" || !regexp.MustCompile("^(?:"+r.Regex+")$").MatchString(got) {
			t.Errorf("the job wants %s, and the pod has %s", r.Regex, got)
		}
	}
}
