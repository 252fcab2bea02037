package rules

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/config"
)

var update = flag.Bool("update", false, "write the golden files")

// repository is the root of this one, from here.
const repository = "../../.."

// shippedFile is what is deployed.
var shippedFile = filepath.Join(repository, "deploy", "prometheus", "synthetic-alerts.yaml")

// file is a rule file as somebody else reads it.
type file struct {
	Groups []struct {
		Name     string     `yaml:"name"`
		Interval string     `yaml:"interval"`
		Rules    []readRule `yaml:"rules"`
	} `yaml:"groups"`
}

type readRule struct {
	Record        string            `yaml:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for,omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`
	Annotations   map[string]string `yaml:"annotations,omitempty"`
	group         string
}

func read(t *testing.T, content []byte) file {
	t.Helper()
	var f file
	d := yaml.NewDecoder(strings.NewReader(string(content)))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	for i, g := range f.Groups {
		for j := range g.Rules {
			f.Groups[i].Rules[j].group = g.Name
		}
	}
	return f
}

// alerts lists the alerting rules.
func (f file) alerts() []readRule {
	var out []readRule
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				out = append(out, r)
			}
		}
	}
	return out
}

// named returns the alerting rules of one name.
func (f file) named(alert string) []readRule {
	var out []readRule
	for _, r := range f.alerts() {
		if r.Alert == alert {
			out = append(out, r)
		}
	}
	return out
}

// shipped is the configuration that is shipped.
func shipped(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(filepath.Join(repository, "probes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func generate(t *testing.T, cfg *config.Config) []byte {
	t.Helper()
	content, err := Generate(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// probesOf is a configuration with these probes, each with a lane for the daemon.
func probesOf(t *testing.T, probes ...string) *config.Config {
	t.Helper()
	cfg, err := parse(probes...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func parse(probes ...string) (*config.Config, error) {
	var b strings.Builder
	b.WriteString(`version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:2", organisation: devtest}
accounts:
  pool: {email: {env: "EMAIL_{account}"}, password: {env: PASSWORD}}
lanes:
`)
	for i := range probes {
		fmt.Fprintf(&b, "  - {name: lane-%d, pool: pool, use: run, rest: 0s}\n", i)
	}
	b.WriteString("probes:\n")
	for i, p := range probes {
		fmt.Fprintf(&b, "  - {lanes: [lane-%d], %s}\n", i, p)
	}
	return config.Parse("probes.yaml", []byte(b.String()))
}

// variety are configurations that lead through every branch.
func variety(t *testing.T) map[string]*config.Config {
	t.Helper()
	paused := probesOf(t,
		"name: join, flow: join, interval: 15s, timeout: 10s, paused: true, objectives: [{sli: availability, target: 99%, role: page}]",
		"name: other, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99%, role: page}]")
	gated := probesOf(t, "name: join, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99%, role: page}]")
	for i := range gated.Lanes {
		gated.Lanes[i].Use = config.Check
	}
	return map[string]*config.Config{
		"shipped":           shipped(t),
		"no objectives":     probesOf(t, "name: join, flow: join, interval: 15s, timeout: 10s"),
		"nothing scheduled": gated,
		"a paused probe":    paused,
		"wide budgets that page": probesOf(t,
			"name: join, flow: join, interval: 1m, timeout: 10s, objectives: [{sli: time_to_media, target: 95%, threshold: 2s, role: page}, {sli: duration, target: 70%, threshold: 9s, role: page}, {sli: gc_join, target: 80%, threshold: 100ms, role: page}, {sli: availability, target: 97%, role: page}]"),
		"several windows": probesOf(t,
			"name: join, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99.9%, window: 7d, role: page}, {sli: gc_join, threshold: 1s, target: 99%, window: 30d, role: warn}, {sli: mc_join, threshold: 1s, target: 99%, window: 1d, role: warn}]"),
		"slow probes": probesOf(t,
			"name: often, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99%, role: page}]",
			"name: daily, flow: media, interval: 6h, timeout: 1m, objectives: [{sli: availability, target: 90%, role: warn, allow_coarse: true}]",
			"name: hourly, flow: sign_in, interval: 1h, timeout: 1m, objectives: [{sli: availability, target: 90%, role: warn, allow_coarse: true}]"),
		"signing in alone": probesOf(t, "name: sign-in, flow: sign_in, interval: 5m, timeout: 40s, objectives: [{sli: availability, target: 99%, role: page}]"),
		"one objective":    probesOf(t, "name: join, flow: join, interval: 15s, timeout: 10s, objectives: [{sli: availability, target: 99.9%, role: page}]"),
	}
}
