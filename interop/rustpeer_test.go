package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// buildRust builds the peer once, and gives its path. What cargo builds it keeps,
// so that only the first time takes long.
var buildRust = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("wtransport")
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, "target")
	cmd := exec.Command("cargo", "build", "--locked", "--quiet", "--target-dir", target)
	cmd.Dir = dir
	cmd.Env = os.Environ()
	if os.Getenv("CARGO_BUILD_JOBS") == "" {
		cmd.Env = append(cmd.Env, "CARGO_BUILD_JOBS=2")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cargo build: %w\n%s", err, out)
	}
	return filepath.Join(target, "debug", "wtransport-peer"), nil
})

// rustPeer gives the peer's path, or skips the test.
func rustPeer(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("SKIPPED: cargo is not installed, so nothing was proved against wtransport")
	}
	bin, err := buildRust()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// startRust starts the peer on wtransport.
func startRust(s *server, opts options) {
	t := s.t
	t.Helper()
	bin := rustPeer(t)
	cert, key := files(t, s.ca.leaf(t, opts))

	args := []string{"--cert", cert, "--key", key}
	if opts.mh {
		args = append(args, "--mh")
	}
	if opts.idle > 0 {
		args = append(args, "--idle-ms", strconv.FormatInt(opts.idle.Milliseconds(), 10))
	}
	if opts.capacity > 0 {
		args = append(args, "--capacity", strconv.Itoa(opts.capacity))
	}
	if opts.settingsDelay > 0 {
		args = append(args, "--settings-delay-ms", strconv.FormatInt(opts.settingsDelay.Milliseconds(), 10))
	}
	if opts.ignore {
		args = append(args, "--ignore")
	}
	var stderr bytes.Buffer // read only after Wait
	cmd := exec.Command(bin, args...)
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	events := make(chan event, 4096)
	var reading sync.WaitGroup
	reading.Go(func() { readEvents(t, bufio.NewReader(stdout), events) })
	stop := sync.OnceFunc(func() {
		_ = stdin.Close()
		reading.Wait()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("the peer's standard error:\n%s", stderr.String())
		}
		if strings.Contains(stderr.String(), "panicked") && !s.panics {
			t.Errorf("the peer panicked:\n%s", stderr.String())
		}
	})
	s.events = events
	s.kill = func() {
		_ = cmd.Process.Kill()
		stop()
	}
	s.addr = fmt.Sprintf("127.0.0.1:%d", s.await("listening").Port)
}

// readEvents gives out the peer's lines until it ends.
func readEvents(t testing.TB, from *bufio.Reader, to chan<- event) {
	defer close(to)
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			return
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Errorf("the peer said %q: %v", line, err)
			continue
		}
		select {
		case to <- e:
		default: // nobody reads; the pipe must not block the peer
		}
	}
}
