package derived

import (
	"encoding/json"
	"io/fs"

	"github.com/dark-tower/prober/internal/telemetry/metrics"
)

// metricsFile is the list of metrics for those who do not read Go: the checker of
// dashboards and rules.
const metricsFile = "deploy/metrics.json"

type metric struct {
	Name   string       `json:"name"`
	Type   metrics.Type `json:"type"`
	Labels []string     `json:"labels,omitempty"`
}

func catalogue(fs.FS) ([]File, error) {
	var all []metric
	for _, d := range metrics.Catalogue() {
		all = append(all, metric{Name: d.Name, Type: d.Type, Labels: d.Labels})
	}
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return []File{{Path: metricsFile, Content: append(content, '\n')}}, nil
}
