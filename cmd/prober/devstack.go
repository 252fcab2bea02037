package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/devstack"
)

func newDevstack() *cobra.Command {
	var (
		dir        string
		asDeployed bool
		handlers   int
	)
	cmd := &cobra.Command{
		Use:   "devstack",
		Short: "Run the embedded platform in the foreground, for any client to be pointed at",
		Long: `devstack runs AC, GC, MC and the media handlers in this process, on loopback, with
certificates of a throw-away CA. It prints the addresses and the CA file, and goes
on until it is interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			stack, err := devstack.Start(ctx, devstack.Options{AsDeployed: asDeployed, Handlers: handlers})
			if err != nil {
				return fmt.Errorf("starting the embedded platform: %w", err)
			}
			defer stack.Close()
			ca, err := writeCA(dir, stack.CAPEM)
			if err != nil {
				return err
			}
			if dir == "" {
				defer os.RemoveAll(filepath.Dir(ca))
			}
			if err := describe(cmd.OutOrStdout(), stack, ca); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`folder` for the CA file (default: a temporary one, removed at the end)")
	cmd.Flags().BoolVar(&asDeployed, "as-deployed", false, "ignore binding tokens, as the platform does today: nobody can resume")
	cmd.Flags().IntVar(&handlers, "handlers", 2, "media handlers")
	return cmd
}

func writeCA(dir string, pem []byte) (string, error) {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "prober-devstack-"); err != nil {
			return "", fmt.Errorf("making a folder for the CA file: %w", err)
		}
	}
	path := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(path, pem, 0o644); err != nil {
		return "", fmt.Errorf("writing the CA file: %w", err)
	}
	return path, nil
}

// describe prints what another client must be told.
func describe(w io.Writer, stack *devstack.Stack, ca string) error {
	_, err := fmt.Fprintf(w, `embedded platform, until interrupted
  AC             %s
  GC             %s
  organisation   %s (first label of the Host that AC is asked by)
  server name    %s (in the certificates of MC and MH)
  CA file        %s
  accounts       none: register any at AC, with POST /api/v1/auth/register
`, stack.ACURL, stack.GCURL, stack.Organisation, stack.ServerName, ca)
	return err
}

