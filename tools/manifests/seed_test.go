package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const here = repository("../..")

// edit is a defect: some text of a file becomes another.
type edit struct{ file, old, new string }

// seeded returns a copy of what is looked at of the repository, with defects in it.
func seeded(t *testing.T, edits ...edit) repository {
	t.Helper()
	root := t.TempDir()
	r := repository(root)
	if err := os.CopyFS(r.path("deploy"), os.DirFS(here.path("deploy"))); err != nil {
		t.Fatal(err)
	}
	for _, file := range read {
		bring(t, r, file)
	}
	for _, e := range edits {
		content, err := r.read(e.file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), e.old) {
			t.Fatalf("%s has no %q", e.file, e.old)
		}
		if err := os.WriteFile(r.path(e.file), []byte(strings.Replace(string(content), e.old, e.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// read are the files beside deploy that say what there is.
var read = []string{cataloguePage, logFields, shipped}

// bring copies one file of this repository.
func bring(t *testing.T, r repository, file string) {
	t.Helper()
	content, err := here.read(file)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(r.path(file)), 0o700), os.WriteFile(r.path(file), content, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// built is the prober, built once for all tests.
var built = sync.OnceValues(func() (*prober, error) { return buildProber(here) })

func TestMain(m *testing.M) {
	code := m.Run()
	if p, err := built(); err == nil {
		_ = p.Close() // nothing is in it that anybody needs
	}
	os.Exit(code)
}

// inOverlay returns what is found in one overlay.
func inOverlay(t *testing.T, r repository, overlay string) []Finding {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	findings, _, err := checkOverlay(r, d, p, overlayDir(overlay))
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// wantFinding wants a finding that says all of this.
func wantFinding(t *testing.T, findings []Finding, parts ...string) {
	t.Helper()
	for _, f := range findings {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(f.String(), p)
		}
		if all {
			return
		}
	}
	t.Errorf("no finding says %q; found: %v", parts, findings)
}
