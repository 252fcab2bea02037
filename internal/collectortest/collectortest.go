// Package collectortest runs a real OpenTelemetry collector for a test: it builds the
// one of interop/collector, starts it as a process of its own, and reads what it was
// sent. Nothing but tests may import it.
package collectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Require is the environment variable that makes a collector which cannot be built a
// failure instead of a skip, when it is 1.
const Require = "DARKTOWER_REQUIRE_TELEMETRY"

// patience bounds every wait.
const patience = 30 * time.Second

// Collector is a collector's process, which can be stopped and started again.
type Collector struct {
	GRPCEndpoint string // http://host:port, for OTEL_EXPORTER_OTLP_ENDPOINT
	HTTPEndpoint string // the same, with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

	dir    string
	binary string

	process *exec.Cmd // nil: stopped
	output  *bytes.Buffer
	exited  chan struct{}
}

// Start builds the collector, once in a process, and runs it until the test ends. A
// machine that cannot build it skips the test, unless Require says otherwise.
func Start(t testing.TB) *Collector {
	t.Helper()
	binary, err := build()
	if err != nil {
		if os.Getenv(Require) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	c := &Collector{dir: t.TempDir(), binary: binary}
	// A port that is free now may be taken a moment later.
	for try := range 5 {
		grpc, http := freePort(t), freePort(t)
		c.GRPCEndpoint, c.HTTPEndpoint = "http://"+grpc, "http://"+http
		if err = c.start(grpc, http); err == nil {
			break
		}
		t.Logf("try %d: %v", try+1, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(t) })
	return c
}

// Stop ends the collector; what it was sent is kept. It listens no more.
func (c *Collector) Stop(t testing.TB) {
	t.Helper()
	if c.process == nil {
		return
	}
	_ = c.process.Process.Signal(os.Interrupt)
	select {
	case <-c.exited:
	case <-time.After(patience):
		t.Errorf("the collector does not end; it said:\n%s", c.output)
		_ = c.process.Process.Kill()
		<-c.exited
	}
	c.process = nil
}

// Restart starts a collector that was stopped, at the same addresses.
func (c *Collector) Restart(t testing.TB) {
	t.Helper()
	if err := c.start(strings.TrimPrefix(c.GRPCEndpoint, "http://"), strings.TrimPrefix(c.HTTPEndpoint, "http://")); err != nil {
		t.Fatal(err)
	}
}

const config = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: %q}
      http: {endpoint: %q}
exporters:
  lines: {path: %q}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [lines]}
`

func (c *Collector) file() string { return filepath.Join(c.dir, "traces.jsonl") }

// start runs the process and returns when both ports are open.
func (c *Collector) start(grpc, http string) error {
	path := filepath.Join(c.dir, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, config, grpc, http, c.file()), 0o600); err != nil {
		return err
	}
	c.output = new(bytes.Buffer)
	c.process = exec.Command(c.binary, "--config", path)
	c.process.Stdout, c.process.Stderr = c.output, c.output
	if err := c.process.Start(); err != nil {
		c.process = nil
		return fmt.Errorf("starting the collector: %w", err)
	}
	exited := make(chan struct{})
	c.exited = exited
	process := c.process
	go func() { defer close(exited); _ = process.Wait() }()
	for _, address := range []string{grpc, http} {
		if err := c.await(address); err != nil {
			_ = process.Process.Kill()
			<-exited
			c.process = nil
			return fmt.Errorf("starting the collector: %w; it said:\n%s", err, c.output)
		}
	}
	return nil
}

// await waits until somebody listens at address.
func (c *Collector) await(address string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for since := time.Now(); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.exited:
			return errors.New("it has ended")
		case <-tick.C:
		}
		if time.Since(since) > patience {
			return err
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// build makes the binary and returns where it is: in Go's build cache, where it stays.
var build = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module of the collector: %w", err)
	}
	command := exec.CommandContext(ctx, "go", "tool", "-n", "collector")
	command.Dir = filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "interop", "collector")
	var complaint bytes.Buffer
	command.Stderr = &complaint
	path, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("the collector of interop/collector cannot be built: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	return strings.TrimSpace(string(path)), nil
})
