package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/setup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *embedded.Platform {
	t.Helper()
	p, err := embedded.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestASiteForThisProcessLeavesNothingOnTheDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t)
	cfg, err := p.Config()
	if err != nil {
		t.Fatal(err)
	}
	site, err := p.Site(t.Context(), cfg, []string{"join-check"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	if len(site.Accounts["join-check"]) < 2 || site.Meetings["join-check"] == "" {
		t.Error("the lane has no accounts or no meeting")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

func TestGuestsCanSignIn(t *testing.T) {
	p := start(t)
	guests, err := p.Guests(t.Context(), 2)
	if err != nil || len(guests) != 2 {
		t.Fatalf("%d guests, error %v", len(guests), err)
	}
	client, err := account.NewClient(account.Config{BaseURL: p.ACURL, Organisation: p.Organisation})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, g := range guests {
		if _, err := client.SignIn(t.Context(), account.Credentials{Email: g.Email, Password: g.Password, DisplayName: "x"}); err != nil {
			t.Error(err)
		}
	}
}

func TestTheFolderIsEnoughForAnotherProber(t *testing.T) {
	p := start(t)
	folder, err := p.Write("")
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
	var lanes []string
	for _, l := range cfg.LanesFor(config.Check) {
		lanes = append(lanes, l.Name)
	}
	site, err := setup.Open(cfg, folder.Files, config.Check, lanes, nil)
	if err != nil {
		t.Fatal(err)
	}
	site.Close()
	for _, path := range []string{folder.CA, folder.Files.Config, folder.Files.Lanes} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", path, info.Mode(), err)
		}
	}
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(folder.CA)); !os.IsNotExist(err) {
		t.Errorf("the temporary folder is still there (%v)", err)
	}
}

func TestAFolderIsTakenOverOnlyFromAnEmbeddedPlatform(t *testing.T) {
	p := start(t)
	dir := filepath.Join(t.TempDir(), "new")
	first, err := p.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.Files.Lanes, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(dir); err != nil {
		t.Errorf("its own folder was refused: %v", err)
	}
	if _, err := os.Stat(first.Files.Lanes); !os.IsNotExist(err) {
		t.Errorf("the meetings of a platform that has gone are still there (%v)", err)
	}

	for _, name := range []string{"probes.yaml", "lanes.json", "ca.pem"} {
		dir := t.TempDir()
		mine := filepath.Join(dir, name)
		if err := os.WriteFile(mine, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(dir); err == nil || !strings.Contains(err.Error(), mine) || !strings.Contains(err.Error(), "--dir") {
			t.Errorf("%s: error %v", name, err)
		}
		if content, _ := os.ReadFile(mine); string(content) != "mine\n" {
			t.Errorf("%s was overwritten", name)
		}
	}
}
