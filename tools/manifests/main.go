// Command manifests renders every overlay of deploy/ and holds what comes out against
// the Kubernetes types, restricted Pod Security and the platform's own conventions; it
// does the same for rules and dashboards. It needs no cluster and no network.
//
// It knows deployed files only. What a metric is called it reads from the list that
// the prober's own code is made into, and whether a configuration is good it asks the
// prober.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes.
const (
	exitFindings = 1
	exitUsage    = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	flags.SetOutput(stderr)
	overlay := flags.String("render", "", "print the manifests of this `overlay` instead")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: manifests [--render OVERLAY] REPOSITORY")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return exitUsage
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return exitUsage
	}
	repository := repository(flags.Arg(0))
	if *overlay != "" {
		content, err := repository.render(overlayDir(*overlay))
		if err != nil {
			fmt.Fprintln(stderr, "manifests:", err)
			return exitFindings
		}
		_, _ = stdout.Write(content)
		return 0
	}
	findings, counted := check(repository)
	for _, f := range findings {
		fmt.Fprintln(stdout, f)
	}
	if len(findings) > 0 {
		fmt.Fprintf(stderr, "manifests: %s\n", count(len(findings), "finding"))
		return exitFindings
	}
	fmt.Fprintln(stdout, counted)
	return 0
}
