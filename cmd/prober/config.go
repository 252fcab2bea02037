package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/config"
)

const defaultConfig = "probes.yaml"

func addConfigFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", defaultConfig, "configuration `file`")
}

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration",
	}
	cmd.AddCommand(newConfigCheck(), newConfigShow())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration; every mistake is reported with its line, column and fix",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d probes on %d lanes\n", path, len(cfg.Probes), len(cfg.Lanes))
			return err
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}

func newConfigShow() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the effective configuration, with defaults filled in and secrets left out",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			return cfg.Show(cmd.OutOrStdout())
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}
