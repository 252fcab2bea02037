package derived_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/dark-tower/prober/deploy/derived"
)

const repository = "../.."

func TestDerivedFilesAreCurrent(t *testing.T) {
	files, err := derived.Files(os.DirFS(repository))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		committed, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(f.Path)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(committed, f.Content) {
			t.Errorf("%s is stale: run `go generate ./deploy/...`", f.Path)
		}
	}
}
