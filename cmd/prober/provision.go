package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/provision"
)

func newProvision() *cobra.Command {
	var (
		path, lanes, output, secretName, namespace, use string
		printCodes                                      bool
	)
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Make the accounts and the standing meetings that the lanes need, once",
		Long: `provision registers the accounts of every lane, or signs them in, and creates each
lane's meeting once. Meetings can never be ended on the platform, so their codes are
kept in the lane file, and running provision again changes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "secret"}, output) {
				return fmt.Errorf("unknown output format %q: use text or secret", output)
			}
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			wanted := cfg.Lanes
			if use != "" {
				if wanted = cfg.LanesFor(config.Use(use)); len(wanted) == 0 {
					return fmt.Errorf("no lane has `use: %s`; use run or check", use)
				}
			}
			var names []string
			for _, l := range wanted {
				names = append(names, l.Name)
			}
			accounts, err := cfg.Resolve(nil, nil, names...)
			if err != nil {
				return err
			}
			file := lanesPath(lanes)
			result, err := provisionLanes(cmd.Context(), cfg, accounts, wanted, file, func(e provision.Event) {
				fmt.Fprintln(cmd.ErrOrStderr(), e)
			})
			if err != nil {
				return err
			}
			if output == "secret" {
				return result.Lanes.WriteSecret(cmd.OutOrStdout(), secretName, namespace)
			}
			return describeLanes(cmd, result, file, printCodes)
		},
	}
	addConfigFlag(cmd, &path)
	cmd.Flags().StringVar(&lanes, "lanes", "", "lane `file` to keep (default: $PROBER_LANES, or dark-tower-prober/lanes.json in $XDG_STATE_HOME)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`format`: text, or secret for a Kubernetes Secret with the lane file")
	cmd.Flags().StringVar(&secretName, "secret-name", "prober-lanes", "`name` of the Secret")
	cmd.Flags().StringVar(&namespace, "namespace", "dark-tower", "`namespace` of the Secret")
	cmd.Flags().StringVar(&use, "use", "", "provide only for lanes of this `use`: run or check")
	cmd.Flags().BoolVar(&printCodes, "print", false, "print the meeting codes; whoever reads them can join")
	return cmd
}

func describeLanes(cmd *cobra.Command, result provision.Result, file string, printCodes bool) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d accounts registered, %d signed in; %d meetings created, %d verified; lane file %s\n",
		result.Registered, result.SignedIn, result.Created, result.Verified, file)
	if result.Waited > 0 {
		fmt.Fprintf(w, "waited %s because the platform asked for it\n", result.Waited)
	}
	if !printCodes {
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

func provisionLanes(ctx context.Context, cfg *config.Config, accounts config.Accounts, lanes []config.Lane, file string, progress func(provision.Event)) (provision.Result, error) {
	platform, _, err := check.Reach(cfg.Platform, nil)
	if err != nil {
		return provision.Result{}, err
	}
	job := provision.Config{Accounts: platform.Accounts, Meetings: platform.Meetings, Platform: identity(cfg), Path: file, Progress: progress}
	for _, l := range lanes {
		job.Lanes = append(job.Lanes, provision.Lane{Name: l.Name, Accounts: accounts[l.Name]})
	}
	return provision.Run(ctx, job)
}

func identity(cfg *config.Config) provision.Identity {
	return provision.Identity{GCURL: cfg.Platform.GCURL, Organisation: cfg.Platform.Organisation}
}

// lanesPath is the lane file: the flag, or PROBER_LANES, or the user's state folder.
func lanesPath(flag string) string {
	if flag != "" {
		return flag
	}
	return defaultLanes()
}

func defaultLanes() string {
	if path := os.Getenv("PROBER_LANES"); path != "" {
		return path
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "lanes.json"
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "dark-tower-prober", "lanes.json")
}
