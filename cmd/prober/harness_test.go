package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/setup"
)

// result is what a command line came to.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\n-- standard output\n%s-- standard error\n%s", r.code, r.stdout, r.stderr)
}

// run executes a command line in this process.
func run(ctx context.Context, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := execute(ctx, args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// must fails the test unless the exit code is the wanted one.
func (r result) must(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("want exit code %d, got %v", code, r)
	}
	return r
}

// nowhere is a user with an empty home, in an empty folder.
func nowhere(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", "/home/ada")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv(setup.LanesVariable, "")
	return dir
}

// platform is an embedded platform with the files by which commands find it, on
// lanes that are provided for.
type platform struct {
	*embedded.Platform
	files setup.Files
}

func newPlatform(t *testing.T, opts devstack.Options) platform {
	t.Helper()
	p, err := embedded.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	folder, err := p.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := setup.Load(folder.Files.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Provide(t.Context(), cfg, folder.Files, config.Check, nil); err != nil {
		t.Fatal(err)
	}
	return platform{p, folder.Files}
}

// check is the command line that checks one probe of the platform.
func (p platform) check(probe string, more ...string) []string {
	return append([]string{"check", "--config", p.files.Config, "--lanes", p.files.Lanes, "--probe", probe}, more...)
}

// edit replaces text in a file.
func edit(t *testing.T, path string, pairs ...string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(content), pairs[i]) {
			t.Fatalf("%q is not in %s", pairs[i], path)
		}
	}
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(content))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is\n%s\nand must be\n%s\n(go test ./cmd/prober -update writes it)", name, text, want)
	}
}
