// Package deploy_test runs what deploy/ describes, as far as that goes without a
// cluster: the image's binary on a read-only root without any right, and the kind
// overlay's configuration in a network that has the overlay's policies.
package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const repository = ".."

// uid is whom the image runs as.
const uid = 65532

// required makes a missing right a failure instead of a skip.
const required = "DARKTOWER_REQUIRE_NETNS"

// needRoot skips where containers cannot be made.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	missing(t, "making a container takes root")
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(required) == "1" {
		t.Fatalf("%s, and %s=1", what, required)
	}
	t.Skip(what)
}

// image is the root file system of the container.
type image struct {
	root    string
	verdict string // what a pod's status shows as the termination message
}

var buildCommand = regexp.MustCompile(`(?s)CGO_ENABLED=0 (go build .*?)\n\n`)

// build does what the Dockerfile does, with the words of the Dockerfile.
func build(t *testing.T, version, revision string) image {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	found := buildCommand.FindSubmatch(content)
	if found == nil {
		t.Fatal("the Dockerfile has no static build")
	}
	i := image{root: t.TempDir(), verdict: filepath.Join(t.TempDir(), "termination-log")}
	script := strings.ReplaceAll(string(found[1]), " -o /prober ", " -o "+filepath.Join(i.root, "prober")+" ")
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "VERSION="+version, "REVISION="+revision)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, output)
	}
	for _, empty := range []string{"etc/ssl/certs/ca-certificates.crt", "dev/termination-log"} {
		i.write(t, empty, nil)
	}
	if err := errors.Join(os.WriteFile(i.verdict, nil, 0o666), os.Chmod(i.verdict, 0o666)); err != nil { // as the kubelet makes it
		t.Fatal(err)
	}
	for _, dir := range []string{"tmp", "etc/prober/config", "etc/prober/trust", "etc/prober/lanes"} {
		if err := os.MkdirAll(filepath.Join(i.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for dir := i.root; dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && strings.HasPrefix(dir, os.TempDir()+"/") {
			err = os.Chmod(dir, info.Mode().Perm()|0o055) // the test's own folders are for root only
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// write puts a file into the image, as a mounted volume does.
func (i image) write(t *testing.T, name string, content []byte) {
	t.Helper()
	path := filepath.Join(i.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// run is one process in the container.
type run struct {
	args []string
	env  []string
	// in runs a function inside the container's network; nil: the host's.
	in func(func() error) error
}

// start starts a process whose root is the image, read-only but for a small /tmp, as
// nobody and without a way to become anybody else.
func (i image) start(ctx context.Context, r run, cmd func(*exec.Cmd)) (*exec.Cmd, error) {
	c := exec.CommandContext(ctx, "/prober", r.args...)
	c.Env = append([]string{"PATH=/", "HOME=/"}, r.env...)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: uid, Gid: uid}, Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	cmd(c)
	// A mount namespace belongs to a thread, and so does what a child inherits.
	begin := func() error {
		if err := i.mount(); err != nil {
			return err
		}
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up privileges: %w", err)
		}
		return c.Start()
	}
	if r.in == nil {
		r.in = onThread
	}
	return c, r.in(begin)
}

// onThread runs f on a thread that is thrown away after it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// mount makes the image read-only, and gives it a /tmp and a termination log, in a mount
// namespace of this thread.
func (i image) mount() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a mount namespace: %w", err)
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{i.root, i.root, "", unix.MS_BIND, ""},
		{"", i.root, "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV, ""},
		{i.verdict, filepath.Join(i.root, "dev/termination-log"), "", unix.MS_BIND, ""},
		{"tmpfs", filepath.Join(i.root, "tmp"), "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=64m,mode=1777"},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	return nil
}

// output runs a process to its end and returns what it printed, and its exit code.
func (i image) output(t *testing.T, r run) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints strings.Builder
	c, err := i.start(t.Context(), r, func(c *exec.Cmd) { c.Stdout, c.Stderr = &out, &complaints })
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // the exit code says it
	return out.String(), complaints.String(), c.ProcessState.ExitCode()
}
