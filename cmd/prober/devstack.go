package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/report"
)

// guests is how many accounts devstack has ready.
const guests = 3

type devstackFlags struct {
	dir        string
	asDeployed bool
	handlers   int
	verbose    bool
}

func newDevstack() *cobra.Command {
	var f devstackFlags
	cmd := &cobra.Command{
		Use:   "devstack",
		Short: "Run the embedded platform in the foreground, for any client to be pointed at",
		Long: `devstack runs AC, GC, MC and the media handlers in this process, on free ports of
127.0.0.1, with certificates of a throw-away CA. It prints the addresses, the CA
file, a few accounts that can sign in at once, and the commands with which the prober
checks it from another terminal. It goes on until Ctrl-C, which is its proper end
(exit code 0); everything that was made on it goes with it.`,
		Example: `  prober devstack
  prober devstack --dir devstack --verbose    files in a known place, log on standard error`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDevstack(cmd, f) },
	}
	cmd.Flags().StringVar(&f.dir, "dir", "", "`folder` for the CA file and a configuration (default: a temporary one, removed at the end)")
	cmd.Flags().BoolVar(&f.asDeployed, "as-deployed", false, "ignore binding tokens, as the platform does today: nobody can resume")
	addNumber(cmd, &f.handlers, "handlers", "", 2, 16, "`number` of media handlers")
	addVerboseFlag(cmd, &f.verbose)
	return cmd
}

func runDevstack(cmd *cobra.Command, f devstackFlags) (err error) {
	ctx := cmd.Context()
	platform, err := embedded.Start(ctx, devstack.Options{AsDeployed: f.asDeployed, Handlers: f.handlers, Log: logger(cmd.ErrOrStderr(), f.verbose)})
	if err != nil {
		return &exit{report.ExitProber, err}
	}
	defer func() { err = errors.Join(err, platform.Close()) }()
	folder, err := platform.Write(f.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	accounts, err := platform.Guests(ctx, guests)
	if err != nil {
		return &exit{report.ExitProber, err}
	}
	if err := describe(cmd.OutOrStdout(), platform, folder, accounts); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// describe prints what another client must be told.
func describe(w io.Writer, p *embedded.Platform, folder embedded.Folder, accounts []embedded.Guest) error {
	var b strings.Builder
	host := p.ACURL
	if u, err := url.Parse(p.ACURL); err == nil {
		host = p.Organisation + "." + u.Host
	}
	fmt.Fprintf(&b, `embedded platform, until Ctrl-C
  AC              %s  (Host: %s)
  GC              %s
  media handlers  %s
  organisation    %s
  server name     %s  (what the certificates of MC and MH are for)
  CA file         %s
  configuration   %s

accounts (email, password)
`, p.ACURL, host, p.GCURL, strings.Join(p.HandlerURLs, " "), p.Organisation, p.ServerName, folder.CA, folder.Files.Config)
	for _, a := range accounts {
		fmt.Fprintf(&b, "  %s  %s\n", a.Email, a.Password)
	}
	fmt.Fprintf(&b, `
from another terminal
  %s
  %s
`, folder.Files.ProvisionCommand(config.Check), folder.Files.CheckCommand())
	_, err := io.WriteString(w, b.String())
	return err
}
