package browser

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// required, when set, makes whatever is missing a failure instead of a skip.
const required = "DARKTOWER_REQUIRE_BROWSER"

// missing skips the test, or fails it where a browser is required.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv(required) != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// program returns the path of the first of names that is installed.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no %s is installed", names[0])
	return ""
}

// nodeProgram returns the path of a node that is new enough.
func nodeProgram(t *testing.T) string {
	t.Helper()
	const oldest = 20
	path := program(t, "node")
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		t.Fatalf("node --version: %v", err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "v%d.", &major); err != nil || major < oldest {
		missing(t, "node %s is installed: %d or newer is wanted", strings.TrimSpace(string(out)), oldest)
	}
	return path
}

// modules returns a folder into which the lock file's packages are installed. It
// is made once for each lock file.
func modules(t *testing.T) string {
	t.Helper()
	npm := program(t, "npm")
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	cache = filepath.Join(cache, "darktower-browser-interop")
	if err != nil || os.MkdirAll(cache, 0o755) != nil {
		cache = t.TempDir() // no home: not once for all, then
	}
	sum := sha256.Sum256(lock)
	ready := filepath.Join(cache, hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(ready); err == nil {
		return ready
	}
	making, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(making) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(making, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = making
	install.WaitDelay = 5 * time.Second
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "npm ci does not install what the page's driver needs: %v\n%s", err, out)
	}
	// Somebody else may have been faster: then theirs is as good.
	if err := os.Rename(making, ready); err != nil {
		if _, statErr := os.Stat(ready); statErr != nil {
			t.Fatal(err)
		}
	}
	return ready
}

// browser is a page in a Chromium of its own, and the participant in it.
type browser struct {
	t       *testing.T
	version string
	ids     int
	in      io.WriteCloser
	answers chan answer
	errors  *tail
}

type answer struct {
	ID     int
	Result json.RawMessage
	Error  string
}

// open starts a Chromium on the page at url. It is closed when the test ends.
func open(t *testing.T, url string) *browser {
	t.Helper()
	chromium := program(t, "chromium", "chromium-browser", "google-chrome")
	node := nodeProgram(t)
	installed := modules(t)

	// Chromium's last files may come later than its end: hence no TempDir.
	home, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })

	// Neither the context nor a failure kills the driver: it is asked to close the
	// browser first.
	cmd := exec.Command(node, "driver.mjs", installed, chromium, filepath.Join(home, "profile"), url)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)
	b := &browser{t: t, answers: make(chan answer), errors: &tail{}}
	cmd.Stderr = b.errors
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.in = in
	closing := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(b.answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var a answer
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				a.Error = fmt.Sprintf("the driver says %q", lines.Text())
			}
			select {
			case b.answers <- a:
			case <-closing:
			}
		}
	}()
	t.Cleanup(func() {
		close(closing)
		_ = in.Close()
		stubborn := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
		defer stubborn.Stop()
		dead := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		defer dead.Stop()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the driver: %v", err)
		}
		if t.Failed() {
			t.Logf("the driver's last words:\n%s", b.errors)
		}
	})
	a, err := b.answer(0)
	if err != nil {
		t.Fatalf("opening the page: %v", err)
	}
	b.version = strings.Trim(string(a.Result), `"`)
	return b
}

// call calls a method of the page's participant and decodes its result into into,
// unless that is nil.
func (b *browser) call(into any, method string, args ...any) {
	b.t.Helper()
	b.say(method, into, map[string]any{"call": method, "args": append([]any{}, args...)})
}

// screenshot writes what the page looks like to path, as PNG.
func (b *browser) screenshot(path string) {
	b.t.Helper()
	b.say("taking a picture", nil, map[string]any{"screenshot": path})
}

func (b *browser) say(what string, into any, command map[string]any) {
	b.t.Helper()
	b.ids++
	command["id"] = b.ids
	line, err := json.Marshal(command)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	a, err := b.answer(b.ids)
	if err != nil {
		b.t.Fatalf("the page: %s: %v", what, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(a.Result, into); err != nil {
		b.t.Fatalf("the page: %s: %v", what, err)
	}
}

// answer waits for the answer to the command with this id.
func (b *browser) answer(id int) (answer, error) {
	timer := time.NewTimer(2 * patience) // the page's own waits end before
	defer timer.Stop()
	select {
	case a, ok := <-b.answers:
		switch {
		case !ok:
			return a, errors.New("the driver has ended")
		case a.Error != "":
			return a, errors.New(a.Error)
		case a.ID != id:
			return a, fmt.Errorf("the answer to %d instead of %d", a.ID, id)
		}
		return a, nil
	case <-timer.C:
		return answer{}, errors.New("no answer")
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 8<<10; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
