package derived

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo/rules"
)

// ruleFile is the rules as the Prometheus Operator takes them.
const ruleFile = "deploy/kustomize/components/prometheus-operator/prometheusrule.yaml"

const ruleHead = `# Derived from the configuration of the probes, as deploy/prometheus/synthetic-alerts.yaml is.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: synthetic-prober
  namespace: dark-tower
  labels:
    app: synthetic-prober
    component: synthetic
spec:
`

// prometheusRule wraps the rules of the shipped probes, which every overlay has.
func prometheusRule(repository fs.FS) ([]File, error) {
	content, err := fs.ReadFile(repository, shipped)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse(shipped, content)
	if err != nil {
		return nil, err
	}
	groups, err := rules.Generate(cfg, rules.Options{})
	if err != nil {
		return nil, fmt.Errorf("the rules of %s: %w", shipped, err)
	}
	out := bytes.NewBufferString(ruleHead)
	for line := range bytes.Lines(groups) {
		switch {
		case line[0] == '#':
		case len(bytes.TrimSpace(line)) == 0:
			out.WriteByte('\n')
		default:
			out.WriteString("  ")
			out.Write(line)
		}
	}
	return []File{{Path: ruleFile, Content: out.Bytes()}}, nil
}
