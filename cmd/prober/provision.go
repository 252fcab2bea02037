package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

type provisionFlags struct {
	files              setup.Files
	output, secretName string
	namespace, use     string
	print              bool
	forwarded          config.Forwarded
}

func newProvision() *cobra.Command {
	var f provisionFlags
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Make the accounts and the standing meetings that the lanes need, once",
		Long: `provision registers the accounts of every lane, or signs them in, and creates each
lane's meeting once. Meetings can never be ended on the platform, so their codes are
kept in the lane file, which only its owner can read. Running provision again checks
what there is and changes nothing; after a failure it goes on from there.

From outside of the cluster that the configuration is for, AC and GC are reached
through forwarded ports: --ac-url and --gc-url say where. What is made belongs to the
configuration's platform all the same.

Exit codes
  0    every lane has its accounts and its meeting
  1    the platform refused, or did not answer
  2    usage or configuration, or an account with another password
  130  interrupted`,
		Example: `  prober provision                          for every lane of ./probes.yaml
  prober provision --use check              only for those that check uses
  prober provision --output secret | kubectl apply -f -
  prober provision --ac-url http://127.0.0.1:8082 --gc-url http://127.0.0.1:8080`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runProvision(cmd, f) },
	}
	addFileFlags(cmd, &f.files)
	addChoice(cmd, &f.output, "output", "o", "text", "`format`: text, or secret for a Kubernetes Secret that holds the lane file", "text", "secret")
	cmd.Flags().StringVar(&f.secretName, "secret-name", "prober-lanes", "`name` of the Secret")
	cmd.Flags().StringVar(&f.namespace, "namespace", "dark-tower", "`namespace` of the Secret")
	addChoice(cmd, &f.use, "use", "", "", "provide only for lanes of this `use`: run or check (default: both)", "run", "check")
	cmd.Flags().StringVar(&f.forwarded.AC, "ac-url", "", "ask AC at this `url` instead, such as a forwarded port")
	cmd.Flags().StringVar(&f.forwarded.GC, "gc-url", "", "ask GC at this `url` instead")
	cmd.Flags().BoolVar(&f.print, "print", false, "print the meeting codes too; whoever reads them can join")
	return cmd
}

func runProvision(cmd *cobra.Command, f provisionFlags) error {
	if f.output == "secret" && f.print {
		return errors.New("--print and --output secret exclude each other: the Secret holds the codes")
	}
	cfg, err := setup.Load(f.files.Config)
	if err != nil {
		return err
	}
	cfg.Platform.Forwarded = f.forwarded
	progress := newProgress(cmd.ErrOrStderr(), false, 0)
	defer progress.Clear()
	result, err := setup.Provide(cmd.Context(), cfg, f.files, config.Use(f.use), func(e provision.Event) {
		progress.Show(e.String())
		if e.What == provision.Created || e.What == provision.Gone || e.What == provision.Waiting {
			progress.Print(cmd.ErrOrStderr(), e.String())
		}
	})
	progress.Clear()
	var refused *setup.NotProvidedError
	switch {
	case errors.As(err, &refused):
		return &exit{report.ExitFailed, err}
	case err != nil:
		return err
	case f.output == "secret":
		return result.Lanes.WriteSecret(cmd.OutOrStdout(), f.secretName, f.namespace)
	}
	return describeLanes(cmd, result, f)
}

func describeLanes(cmd *cobra.Command, result provision.Result, f provisionFlags) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s registered, %d signed in; %s created, %d verified; lane file %s\n",
		count(result.Registered, "account"), result.SignedIn, count(result.Created, "meeting"), result.Verified, f.files.LanesPath())
	if result.Waited > 0 {
		fmt.Fprintf(w, "waited %s because the platform asked for it\n", result.Waited)
	}
	if !f.print {
		return nil
	}
	for _, name := range result.Lanes.Names() {
		code, _ := result.Lanes.Code(name)
		if _, err := fmt.Fprintf(w, "%s %s\n", name, code.Reveal()); err != nil {
			return err
		}
	}
	return nil
}
