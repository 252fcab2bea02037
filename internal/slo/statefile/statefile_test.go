package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets.json")
	if content, err := Read(path); content != nil || err != nil {
		t.Errorf("before: %q, error %v", content, err)
	}
	for _, text := range []string{"first", "second, which is longer", ""} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if content, err := Read(path); string(content) != text || err != nil {
			t.Errorf("got %q, error %v", content, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	left(t, filepath.Dir(path), "budgets.json")
}

func left(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("in the folder: %v", names)
	}
}

func TestAFileThatCannotBeWrittenLeavesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "none", "budgets.json"), nil); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "keeping the error budgets: ") {
		t.Errorf("error %v", err)
	}
	// A folder in its place cannot be replaced.
	path := filepath.Join(dir, "budgets.json")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err == nil {
		t.Error("a folder was replaced")
	}
	left(t, dir, "budgets.json")
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || !strings.HasPrefix(err.Error(), "reading the error budgets: ") {
		t.Errorf("a folder: error %v", err)
	}
	large := filepath.Join(dir, "large.json")
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(MaxSize+1), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(large); err == nil || !strings.Contains(err.Error(), "is larger than 32 MiB") {
		t.Errorf("a large file: error %v", err)
	}
}
