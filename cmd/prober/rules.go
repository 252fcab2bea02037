package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo/rules"
)

func newRules() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "rules",
		Short: "Write alerting rules for the probes and objectives of the configuration",
		Long: `rules writes alerting rules for exactly the probes and objectives of the
configuration. It looks at nothing else: no platform, no account, no environment
variable.`,
	})
	cmd.AddCommand(newRulesPrometheus())
	return cmd
}

func newRulesPrometheus() *cobra.Command {
	var config, output, runbooks string
	cmd := &cobra.Command{
		Use:   "prometheus",
		Short: "Write recording and alerting rules for Prometheus",
		Long: `prometheus writes a rule file: error budgets and how fast they burn, flows that are
down, and everything that keeps the prober from measuring. An objective's role says
who is called: page wakes somebody, warn never more than warns, inform is recorded
and silent. The same configuration gives the same file, byte for byte.`,
		Example: `  prober rules prometheus --output synthetic-alerts.yaml
  prober rules prometheus | promtool check rules`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := setup.Load(config)
			if err != nil {
				return err
			}
			content, err := rules.Generate(cfg, rules.Options{Runbooks: runbooks})
			if err != nil {
				return err
			}
			if output == "" {
				_, err = cmd.OutOrStdout().Write(content)
				return err
			}
			if err := os.WriteFile(output, content, 0o644); err != nil {
				return fmt.Errorf("the rules cannot be written: %w", err)
			}
			return nil
		},
	}
	addConfigFlag(cmd, &config)
	cmd.Flags().StringVar(&output, "output", "", "`file` to write (default: standard output)")
	cmd.Flags().StringVar(&runbooks, "runbooks", rules.DefaultRunbooks, "`folder` of the runbooks that alerts point to, from the root of the platform's repository")
	return cmd
}
