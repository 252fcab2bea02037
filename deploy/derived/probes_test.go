package derived

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dark-tower/prober/internal/config"
)

func TestAnOverlayHasTheShippedProbesOnAPlatformOfItsOwn(t *testing.T) {
	files, err := probes(fstest.MapFS{
		"probes.yaml": {Data: []byte("# The default.\nversion: 1\n\nplatform:\n  ac_url: here\n\n# Lanes stand for ever.\nlanes:\n  - {name: a} # one\n\n  # another\n  - {name: b}\n\nprobes:\n# not indented\n  - name: join\n")},
		"deploy/kustomize/overlays/far/platform.yaml": {Data: []byte("version: 1\n\n# Far away.\nplatform:\n  ac_url: there\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = head + "version: 1\n\n# Far away.\nplatform:\n  ac_url: there\n\n# Lanes stand for ever.\nlanes:\n  - {name: a} # one\n\n  # another\n  - {name: b}\n\nprobes:\n# not indented\n  - name: join\n"
	if len(files) != 1 || files[0].Path != "deploy/kustomize/overlays/far/probes.yaml" || string(files[0].Content) != want {
		t.Errorf("got %+v, want %q", files, want)
	}
}

func TestWhatCannotBeMergedIsAnError(t *testing.T) {
	good := &fstest.MapFile{Data: []byte("version: 1\n")}
	for name, repository := range map[string]fstest.MapFS{
		"no shipped configuration": {"deploy/kustomize/overlays/far/platform.yaml": good},
		"no overlay":               {"probes.yaml": good},
		"no fields":                {"probes.yaml": {Data: []byte("  - a\n")}, "deploy/kustomize/overlays/far/platform.yaml": good},
		"no fields of its own":     {"probes.yaml": good, "deploy/kustomize/overlays/far/platform.yaml": {Data: []byte("- a\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := probes(repository); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestTheOverlaysAreHeldToTheShippedObjectives reads what is committed, as the prober
// does.
func TestTheOverlaysAreHeldToTheShippedObjectives(t *testing.T) {
	want, err := config.Load("../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, overlay := range []string{"kind", "prod"} {
		content, err := os.ReadFile("../kustomize/overlays/" + overlay + "/probes.yaml")
		if err != nil {
			t.Fatal(err)
		}
		filled := strings.NewReplacer("_url: REPLACE-ME", "_url: https://platform.example", "organisation: REPLACE-ME", "organisation: probe").Replace(string(content))
		got, err := config.Parse(overlay, []byte(filled))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Probes, want.Probes) || !reflect.DeepEqual(got.Lanes, want.Lanes) {
			t.Errorf("overlay %s has other lanes or probes than /probes.yaml", overlay)
		}
	}
}
