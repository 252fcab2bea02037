package config

import (
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Show writes the effective configuration as YAML: every default filled in, sources
// of secrets named, values never.
func (c *Config) Show(w io.Writer) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return fmt.Errorf("showing the configuration: %w", err)
	}
	return encoder.Close()
}
