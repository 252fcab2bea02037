package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the revision and the Go version it was built with",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

func version() string {
	v, revision := build()
	return fmt.Sprintf("prober %s, revision %s, %s", v, revision, runtime.Version())
}

// Stamped by the linker where there is no repository to read, as in an image:
// -X main.stampedVersion=... -X main.stampedRevision=...
var stampedVersion, stampedRevision string

// build is the version and the revision that this binary was built from.
func build() (v, revision string) {
	v, revision = "(devel)", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return cmp.Or(stampedVersion, v), cmp.Or(stampedRevision, revision)
}
