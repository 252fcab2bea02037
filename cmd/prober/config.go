package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/setup"
)

func newConfig() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "config",
		Short: "Look at the configuration",
		Long: `config looks at the configuration and at nothing else: it needs no platform, no
account and no environment variable.`,
	})
	cmd.AddCommand(newConfigCheck(), newConfigShow())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration; every mistake is reported with its place and its fix",
		Long: `check validates the configuration. Every mistake is reported with its place and its
fix, and so is what is allowed and probably not meant, such as an objective of which
one bad run takes a noticeable part; a warning changes no exit code.`,
		Example: `  prober config check
  prober config check --config staging.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := setup.Load(path)
			if err != nil {
				return err
			}
			verdict := fmt.Sprintf("%s is good: %s on %s", path, count(len(cfg.Probes), "probe"), count(len(cfg.Lanes), "lane"))
			if warnings := cfg.Warnings(); len(warnings) > 0 {
				for _, w := range warnings {
					w.Path = "warning: " + w.Path
					fmt.Fprintln(cmd.ErrOrStderr(), w.In(path))
				}
				verdict += ", with " + count(len(warnings), "warning")
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), verdict)
			return err
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}

func newConfigShow() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print the configuration with every default filled in; secrets are named by source, never shown",
		Example: `  prober config show --config staging.yaml`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := setup.Load(path)
			if err != nil {
				return err
			}
			return cfg.Show(cmd.OutOrStdout())
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}
