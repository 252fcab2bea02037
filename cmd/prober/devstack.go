package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/link"
	"github.com/dark-tower/prober/internal/report"
)

// guests is how many accounts devstack has ready.
const guests = 3

type devstackFlags struct {
	dir        string
	asDeployed bool
	handlers   int
	link       link.Spec
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
checks it, or runs on it, from another terminal. It goes on until Ctrl-C, which is its proper end
(exit code 0); everything that was made on it goes with it.

With OTEL_EXPORTER_OTLP_ENDPOINT, the spans of its services are exported, each under
its own service.name.

With --link, a poor network stands before every MC and media handler. Each line on
standard input changes it while people talk, such as "delay=80ms" or "up.loss=5%".`,
		Example: `  prober devstack
  prober devstack --link "delay=40ms loss=1%"
  prober devstack --dir devstack --verbose    files in a known place, log on standard error`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDevstack(cmd, f) },
	}
	cmd.Flags().StringVar(&f.dir, "dir", "", "`folder` for the CA file and a configuration (default: a temporary one, removed at the end)")
	cmd.Flags().BoolVar(&f.asDeployed, "as-deployed", false, "ignore binding tokens, as the platform does today: nobody can resume")
	addNumber(cmd, &f.handlers, "handlers", "", 2, 16, "`number` of media handlers")
	addLinkFlag(cmd, &f.link)
	addVerboseFlag(cmd, &f.verbose)
	return cmd
}

func addLinkFlag(cmd *cobra.Command, spec *link.Spec) {
	cmd.Flags().Var(spec, "link", "poor network before MC and the media handlers, such as \"delay=40ms jitter=5ms loss=1%\"; up. or down. before a name for one direction")
}

// relink changes the network by the lines that come in, until they end.
func relink(in io.Reader, complaints io.Writer, links *link.Fleet) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		spec, err := link.Parse(lines.Text())
		if err == nil {
			err = links.Set(spec)
		}
		if err != nil {
			complain(complaints, err)
			continue
		}
		fmt.Fprintf(complaints, "link: %s\n", spec)
	}
}

func runDevstack(cmd *cobra.Command, f devstackFlags) (err error) {
	ctx := cmd.Context()
	traces, err := openTraces(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.close(ctx)) }() // behind the platform, whose spans end with it
	platform, err := embedded.Start(ctx, devstack.Options{AsDeployed: f.asDeployed, Handlers: f.handlers,
		TracerProvider: traces.services.Provider, Log: logger(cmd.ErrOrStderr(), f.verbose)})
	if err != nil {
		return &exit{report.ExitProber, err}
	}
	defer func() { err = errors.Join(err, platform.Close()) }()
	if cmd.Flags().Changed("link") {
		if err := platform.Through(f.link); err != nil {
			return &exit{report.ExitProber, err}
		}
	}
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
	if links := platform.Links(); links != nil {
		go relink(cmd.InOrStdin(), cmd.ErrOrStderr(), links) // ends with the process: nothing interrupts a read
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
  certificates    %s  (SHA-256, base64, as browsers take them: MC first)
  CA file         %s
  configuration   %s

accounts (email, password)
`, p.ACURL, host, p.GCURL, strings.Join(p.HandlerURLs, " "), p.Organisation, p.ServerName, hashes(p.CertificateHashes), folder.CA, folder.Files.Config)
	for _, a := range accounts {
		fmt.Fprintf(&b, "  %s  %s\n", a.Email, a.Password)
	}
	if links := p.Links(); links != nil {
		b.WriteString("\nlinks (advertised, to be dialed)\n")
		endpoints := links.Endpoints()
		for _, advertised := range slices.Sorted(maps.Keys(endpoints)) {
			fmt.Fprintf(&b, "  %s  %s\n", advertised, endpoints[advertised])
		}
	}
	fmt.Fprintf(&b, `
from another terminal
  %s
  %s
  %s
`, folder.Files.ProvisionCommand(""), folder.Files.CheckCommand(), folder.Files.RunCommand())
	_, err := io.WriteString(w, b.String())
	return err
}

// hashes are the distinct certificates, in order.
func hashes(all [][sha256.Size]byte) string {
	var out []string
	for _, h := range all {
		if text := base64.StdEncoding.EncodeToString(h[:]); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}
