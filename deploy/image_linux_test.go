package deploy_test

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheImageRunsWithoutAnyRight(t *testing.T) {
	needRoot(t)
	i := build(t, "v1.2.3", "0123abc")
	static(t, filepath.Join(i.root, "prober"))
	configuration, err := os.ReadFile("kustomize/overlays/kind/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	i.write(t, "etc/prober/config/probes.yaml", configuration)
	job, err := os.ReadFile("kustomize/components/gate/job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	check := podSpec(t, manifests(t, job)[0]).Containers[0].Args
	for _, tc := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"it knows what it was built from", []string{"version"}, 0, "prober v1.2.3, revision 0123abc, go1.", ""},
		{"it accepts the overlay's configuration", []string{"config", "check", "--config", "/etc/prober/config/probes.yaml"}, 0, "is good", ""},
		{"it cannot write where it should not", []string{"devstack", "--dir", "/etc/prober/trust"}, 2, "", "read-only file system"},
		{"it understands the Job, and says what it lacks", check, 2, "", "DARK_TOWER_PROBE_PASSWORD"},
		{"it works", []string{"check", "--devstack", "--probe", "join"}, 0, "join  success", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, stderr, code := i.output(t, run{args: tc.args})
			if code != tc.code || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("exit code %d, stdout:\n%s\nstderr:\n%s", code, stdout, stderr)
			}
		})
	}
	t.Run("its verdict is the termination message", func(t *testing.T) {
		var verdict struct {
			ExitCode *int `json:"exit_code"`
		}
		content, err := os.ReadFile(i.verdict)
		if err == nil {
			err = json.Unmarshal(content, &verdict)
		}
		if err != nil || verdict.ExitCode == nil || *verdict.ExitCode != 0 {
			t.Errorf("%v: %s", err, content)
		}
	})
}

// static wants a binary that needs nobody: no interpreter and no library.
func static(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary needs an interpreter")
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %v (%v)", libraries, err)
	}
}
