package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/internal/daemon"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/setup"
)

func newRun() *cobra.Command {
	var files setup.Files
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the probes on their schedule for ever, as metrics, traces, logs and a page",
		Long: `run is what lives in the cluster. Every probe that has a lane with "use: run" runs at
its interval; each finished run becomes Prometheus metrics, one trace, log lines on
standard output, events of its objectives, and a place on the page.

The port (daemon.listen, by default 127.0.0.1:8084) has
  /metrics        for Prometheus
  /health         fails when the scheduler itself has stopped
  /ready          succeeds when the scheduler runs, whatever the platform does
  /               what a person wants to see at night; /runs/ID is one run
  /api/v1/...     probes, runs, and POST /api/v1/probes/NAME/run to run one now
Bound wider than loopback, the page and the API want the token of daemon.token.

The configuration is read again on SIGHUP and when its content changes; when it is
wrong, the old one stays in force. Traces are exported when OTEL_EXPORTER_OTLP_ENDPOINT
says where to. SIGTERM and Ctrl-C are the proper end: no new runs, running ones end
or are taken down, people leave, what is known is kept and sent.

Exit codes
  0    stopped
  2    usage or configuration: nothing was run
  4    the port or the state file cannot be had, or was lost
  130  interrupted before it had begun, or a second time`,
		Example: `  prober run
  prober run --config /etc/prober/probes.yaml --lanes /etc/prober-lanes/lanes.json
  OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4317 prober run`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDaemon(cmd, files) },
	}
	addFileFlags(cmd, &files)
	return cmd
}

func runDaemon(cmd *cobra.Command, files setup.Files) error {
	reload := make(chan struct{}, 1)
	defer onHangup(reload)()
	host, _ := os.Hostname() // without one, every instance has the same splay
	version, revision := build()
	out := cmd.OutOrStdout()
	err := daemon.Run(cmd.Context(), daemon.Options{
		Files: files, Out: out, Terminal: isTerminal(out), Color: colored(out),
		Version: version, Revision: revision, Instance: cmp.Or(host, "prober"), Reload: reload,
		OnListening: func(addr net.Addr) { fmt.Fprintf(cmd.ErrOrStderr(), "prober: listening on http://%s\n", addr) },
	})
	var end *daemon.EndError
	var port *daemon.ListenError
	var state *daemon.StateError
	if errors.As(err, &end) || errors.As(err, &port) || errors.As(err, &state) {
		return &exit{report.ExitProber, err}
	}
	return err
}

// onHangup turns SIGHUP, which ends every other command, into a request to read the
// configuration again.
func onHangup(reload chan<- struct{}) (stop func()) {
	signal.Reset(syscall.SIGHUP) // takes it from whoever had it
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-hangups:
				select {
				case reload <- struct{}{}:
				default: // one is waiting already
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
		<-ended
	}
}
