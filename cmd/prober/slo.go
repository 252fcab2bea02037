package main

import (
	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/slo/simulate"
)

func newSLO() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "slo",
		Short: "Look at the objectives: what a bad run costs, and how often verdicts and alerts are wrong",
		Long: `slo looks at the objectives of the configuration and at nothing else: it needs no
platform, no account and no environment variable.`,
	})
	cmd.AddCommand(newSLOShow(), newSLOSimulate())
	return cmd
}

func newSLOShow() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the objectives, what one bad run costs each, and how a check judges them",
		Long: `show prints, for each objective, how many runs may be bad and how much of that one
bad run takes; and for each that gates, with how many bad runs a check passes or
fails, and how often that is wrong by chance.`,
		Example: `  prober slo show --config staging.yaml`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := setup.Load(path)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			return report.Text{Color: colored(w)}.Objectives(w, cfg)
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}

func newSLOSimulate() *cobra.Command {
	var (
		path   string
		runs   int
		months int
		seed   uint64
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Play platforms of a known quality, and count how often verdicts and alerts are wrong",
		Long: `simulate plays platforms of a known quality to the code that judges real checks, and
to the conditions of the alerts that "prober rules" writes. The same seed gives the
same numbers.

A healthy platform uses up a tenth of its budget in a month; one exactly at its
target should fail a check in no more than 2.5% of them, and one that is just not
good enough should pass in no more than 5%.`,
		Example: `  prober slo simulate
  prober slo simulate --runs 100000 --months 200 --seed 7`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := setup.Load(path)
			if err != nil {
				return err
			}
			objectives := slo.Objectives(cfg)
			verdicts, err := simulate.Verdicts(objectives, simulate.Checks{Games: runs, Seed: seed})
			if err != nil {
				return err
			}
			alarms := simulate.AlarmTable(objectives, simulate.Alarms{Months: months, Seed: seed})
			w := cmd.OutOrStdout()
			return report.Text{Color: colored(w)}.Simulation(w, verdicts, alarms)
		},
	}
	addConfigFlag(cmd, &path)
	addNumber(cmd, &runs, "runs", "n", 20_000, 1_000_000, "`number` of checks of each objective and platform")
	addNumber(cmd, &months, "months", "", 20, 10_000, "`number` of months of each alert and platform")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "`number` that the simulation begins with")
	return cmd
}
