// Package chromium drives a headless Chromium for tests: it finds the browser, node
// and npm, installs the two packages that the drivers need once for each lock file,
// and talks to a driver in lines of JSON. It knows nothing of what is tested.
package chromium

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// required, when set, makes whatever is missing a failure instead of a skip.
const required = "DARKTOWER_REQUIRE_BROWSER"

//go:embed package.json package-lock.json
var lock embed.FS

// missing skips the test, or fails it where a browser is required.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(required) != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// program returns the path of the first of names that is installed.
func program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no %s is installed", names[0])
	return ""
}

// Node returns the path of a node that is new enough.
func Node(t testing.TB) string {
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
func modules(t testing.TB) string {
	t.Helper()
	npm := program(t, "npm")
	names := []string{"package.json", "package-lock.json"}
	sum := sha256.New()
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		data, err := lock.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
		_, _ = sum.Write(data)
	}
	cache, err := os.UserCacheDir()
	cache = filepath.Join(cache, "darktower-chromium")
	if err != nil || os.MkdirAll(cache, 0o755) != nil {
		cache = t.TempDir() // no home: not once for all, then
	}
	ready := filepath.Join(cache, hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(ready); err == nil {
		return ready
	}
	making, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(making) }()
	for name, data := range files {
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
		missing(t, "npm ci does not install what the driver needs: %v\n%s", err, out)
	}
	// Somebody else may have been faster: then theirs is as good.
	if err := os.Rename(making, ready); err != nil {
		if _, statErr := os.Stat(ready); statErr != nil {
			t.Fatal(err)
		}
	}
	return ready
}
