package provision

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dark-tower/prober/internal/darktower/meeting"
)

func TestLaneFilesThatAreRefused(t *testing.T) {
	const good = `{"version":1,"platform":{"gc_url":"http://g","organisation":"o"},"lanes":{"join":{"code":"Abc123Def456","meeting_id":"m","created_at":"2030-01-01T00:00:00Z"}},"creates":[]}`
	if _, err := ParseLanes([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, file, want string }{
		{"empty", "", "not a lane file"},
		{"not JSON", "lanes: {}", "not a lane file"},
		{"something behind it", good + "{}", "something follows"},
		{"an unknown field", strings.Replace(good, `"version"`, `"x":1,"version"`, 1), "not a lane file"},
		{"another version", strings.Replace(good, `"version":1`, `"version":2`, 1), "version 2 is not known"},
		{"no platform", strings.Replace(good, `"o"`, `""`, 1), "the platform is missing"},
		{"a code that is none", strings.Replace(good, "Abc123Def456", "../../secret", 1), `lane "join" has no meeting code`},
		{"too large", good + strings.Repeat(" ", maxFile), "larger than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseLanes([]byte(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := LoadLanes(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestTheSecretHoldsTheLaneFile(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("join")
	got, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := got.Lanes.WriteSecret(&out, "prober-lanes", "dark-tower"); err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name, Namespace string }
		Type       string
		Data       map[string]string
	}
	if err := yaml.Unmarshal([]byte(out.String()), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.APIVersion != "v1" || manifest.Kind != "Secret" || manifest.Type != "Opaque" ||
		manifest.Metadata.Name != "prober-lanes" || manifest.Metadata.Namespace != "dark-tower" || len(manifest.Data) != 1 {
		t.Errorf("manifest %+v", manifest)
	}
	content, err := base64.StdEncoding.DecodeString(manifest.Data[SecretKey])
	if err != nil {
		t.Fatal(err)
	}
	onDisk, err := os.ReadFile(cfg.Path)
	if err != nil || string(content) != string(onDisk) {
		t.Errorf("the Secret holds another file, error %v", err)
	}
	for _, bad := range [][2]string{{"", ""}, {"Name", ""}, {"a\nb", ""}, {"name", "a.b"}, {`a"`, ""}} {
		if err := got.Lanes.WriteSecret(&out, bad[0], bad[1]); err == nil {
			t.Errorf("name %q in namespace %q was accepted", bad[0], bad[1])
		}
	}
}

func TestLanesShowNoCode(t *testing.T) {
	p := newPlatform(t)
	cfg, _ := p.job("join")
	got, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %v %+v", got.Lanes, got.Lanes, got.Lanes, got.Lanes.LogValue(), got, got) + string(encoded)
	if strings.Contains(shown, "Code0") || !strings.Contains(shown, "lanes of organisation devtest") {
		t.Errorf("shown as %s", shown)
	}
}

func FuzzParseLanes(f *testing.F) {
	f.Add([]byte(`{"version":1,"platform":{"gc_url":"http://g","organisation":"o"},"lanes":{"join":{"code":"Abc123Def456","meeting_id":"m","created_at":"2030-01-01T00:00:00Z"}},"creates":["2030-01-01T00:00:00Z"]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		lanes, err := ParseLanes(content)
		if err != nil {
			return
		}
		for _, name := range lanes.Names() {
			if code, ok := lanes.Code(name); !ok || !meeting.IsCode(code.Reveal()) {
				t.Errorf("lane %q has a code that is none", name)
			}
		}
		again, err := lanes.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseLanes(again); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
