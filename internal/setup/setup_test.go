package setup_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/provision"
	"github.com/dark-tower/prober/internal/setup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const probes = `
version: 1
platform:
  ac_url: %s
  gc_url: %s
  organisation: devtest
  trust: {ca_file: {env: TEST_CA_FILE}}
accounts:
  pool:
    email: {env: "TEST_EMAIL_{account}"}
    password: {env: TEST_PASSWORD}
lanes:
  - {name: a, pool: pool, use: check}
  - {name: b, pool: pool, use: check}
  - {name: c, pool: pool, use: run}
probes:
  - {name: join, flow: join, lanes: [a, b, c], interval: 1m, timeout: 20s}
`

func parse(t *testing.T, ac, gc string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("probes.yaml", fmt.Appendf(nil, probes, ac, gc))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// environment sets what probes asks for.
func environment(t *testing.T, ca []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_CA_FILE", path)
	t.Setenv("TEST_PASSWORD", "a-password")
	for _, account := range []string{"A_1", "A_2", "B_1", "B_2", "C_1", "C_2"} {
		t.Setenv("TEST_EMAIL_"+account, account+"@a.test")
	}
}

func TestWhereTheLaneFileIs(t *testing.T) {
	for _, tc := range []struct{ name, flag, variable, state, home, want string }{
		{"where it was said to be", "here.json", "/env.json", "/state", "/home/ada", "here.json"},
		{"what the variable says", "", "/env.json", "/state", "/home/ada", "/env.json"},
		{"the user's state folder", "", "", "/state", "/home/ada", "/state/dark-tower-prober/lanes.json"},
		{"that folder's usual place", "", "", "", "/home/ada", "/home/ada/.local/state/dark-tower-prober/lanes.json"},
		{"a relative state folder is none", "", "", "state", "/home/ada", "/home/ada/.local/state/dark-tower-prober/lanes.json"},
		{"nowhere else", "", "", "", "", "lanes.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(setup.LanesVariable, tc.variable)
			t.Setenv("XDG_STATE_HOME", tc.state)
			t.Setenv("HOME", tc.home)
			if got := (setup.Files{Lanes: tc.flag}).LanesPath(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestCommandsThatCanBePasted(t *testing.T) {
	for want, files := range map[string]setup.Files{
		"prober provision --use check":                                     {Config: setup.DefaultConfig},
		"prober provision --config /etc/p.yaml --lanes l.json --use check": {Config: "/etc/p.yaml", Lanes: "l.json"},
		`prober provision --config 'it'\''s mine.yaml' --use check`:        {Config: "it's mine.yaml"},
	} {
		if got := files.ProvisionCommand(config.Check); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := (setup.Files{Lanes: "$x"}).CheckCommand(); got != "prober check --lanes '$x'" {
		t.Errorf("got %s", got)
	}
}

func TestAMissingConfigurationSaysWhatToDo(t *testing.T) {
	_, err := setup.Load(filepath.Join(t.TempDir(), "probes.yaml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--config") || !strings.Contains(err.Error(), "check --devstack") {
		t.Errorf("error %v", err)
	}
}

func TestEverythingThatIsMissingIsSaidAtOnce(t *testing.T) {
	for _, name := range []string{"TEST_CA_FILE", "TEST_PASSWORD", "TEST_EMAIL_A_1", "TEST_EMAIL_A_2", "TEST_EMAIL_B_1"} {
		t.Setenv(name, "")
	}
	files := setup.Files{Config: "p.yaml", Lanes: filepath.Join(t.TempDir(), "lanes.json")}
	cfg := parse(t, "http://127.0.0.1:1", "http://127.0.0.1:1")
	cfg.Platform.Trust.PinsFile.Env = "TEST_PINS_FILE"
	_, err := setup.Open(cfg, files, config.Check, []string{"a"}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"TEST_CA_FILE", "TEST_PINS_FILE", "TEST_PASSWORD", "TEST_EMAIL_A_1", "TEST_EMAIL_A_2", "there is no lane file " + files.Lanes,
		"prober provision --config p.yaml --lanes " + files.Lanes + " --use check", "PROBER_LANES"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "TEST_EMAIL_B_1") {
		t.Errorf("asks for an account of another lane: %v", err)
	}
}

func TestLaneFilesThatDoNotFit(t *testing.T) {
	environment(t, somebody(t))
	const file = `{"version":1,"platform":{"gc_url":%q,"organisation":%q},"lanes":{"a":{"code":"Abc123Abc123"}},"creates":[]}`
	for _, tc := range []struct{ name, content, want string }{
		{"another organisation's", fmt.Sprintf(file, "http://127.0.0.1:1", "demo"), "organisation demo"},
		{"another platform's", fmt.Sprintf(file, "http://127.0.0.2:1", "devtest"), "http://127.0.0.2:1"},
		{"one that lacks a lane", fmt.Sprintf(file, "http://127.0.0.1:1", "devtest"), "no meeting for lane b in the lane file"},
		{"something else", "lanes: []", "not a lane file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lanes.json")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := setup.Open(parse(t, "http://127.0.0.1:1", "http://127.0.0.1:1"), setup.Files{Lanes: path}, config.Check, []string{"a", "b"}, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "Abc123Abc123") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// somebody is a certificate that nobody has.
func somebody(t *testing.T) []byte {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	return stack.CAPEM
}

func TestProvidingTwiceChangesNothing(t *testing.T) {
	stack, err := devstack.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stack.Close() }()
	environment(t, stack.CAPEM)
	cfg := parse(t, stack.ACURL, stack.GCURL)
	files := setup.Files{Lanes: filepath.Join(t.TempDir(), "new", "folder", "lanes.json")}

	first, err := setup.Provide(t.Context(), cfg, files, config.Check, nil)
	if err != nil || first.Created != 2 || first.Registered != 4 {
		t.Fatalf("made %+v, error %v", first, err)
	}
	if _, err := setup.Open(cfg, files, config.Check, []string{"a", "c"}, nil); err == nil || !strings.Contains(err.Error(), "no meeting for lane c") {
		t.Errorf("error %v", err)
	}
	second, err := setup.Provide(t.Context(), cfg, files, "", nil)
	if err != nil || second.Created != 1 || second.Verified != 2 || stack.MeetingsCreated() != 3 {
		t.Fatalf("made %+v, error %v", second, err)
	}
	site, err := setup.Open(cfg, files, config.Check, []string{"a", "b", "c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	if len(site.Meetings) != 3 || len(site.Accounts) != 3 || site.Judge == nil {
		t.Errorf("got %+v", site)
	}
}

func TestWhoseFaultItIsThatNothingIsProvided(t *testing.T) {
	stack, err := devstack.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stack.Close() }()
	environment(t, stack.CAPEM)
	cfg := parse(t, stack.ACURL, stack.GCURL)
	files := setup.Files{Lanes: filepath.Join(t.TempDir(), "lanes.json")}
	var platforms *setup.NotProvidedError

	stack.Faults().Set(fault.Faults{GC: fault.GC{CreateStatus: 503}})
	var status *httpapi.StatusError
	if _, err := setup.Provide(t.Context(), cfg, files, "", nil); !errors.As(err, &platforms) || !errors.As(err, &status) {
		t.Errorf("a refusal is the platform's: %v", err)
	}
	stack.Faults().Set(fault.Faults{})
	gone := parse(t, "http://127.0.0.1:1", stack.GCURL)
	if _, err := setup.Provide(t.Context(), gone, files, "", nil); !errors.As(err, &platforms) {
		t.Errorf("silence is the platform's: %v", err)
	}
	t.Setenv("TEST_PASSWORD", "another-password")
	if _, err := setup.Provide(t.Context(), cfg, files, "", nil); errors.As(err, &platforms) || !errors.Is(err, provision.ErrWrongPassword) {
		t.Errorf("a wrong password is the configuration's: %v", err)
	}
	cfg.Lanes = cfg.Lanes[:2]
	if _, err := setup.Provide(t.Context(), cfg, files, config.Run, nil); errors.As(err, &platforms) || err == nil || !strings.Contains(err.Error(), "use: run") {
		t.Errorf("a use without lanes is the user's: %v", err)
	}
	elsewhere := parse(t, stack.ACURL, "http://127.0.0.1:1")
	var foreign *provision.PlatformError
	if _, err := setup.Provide(t.Context(), elsewhere, files, "", nil); !errors.As(err, &foreign) || !strings.Contains(err.Error(), files.Lanes) {
		t.Errorf("another platform's lane file is the user's: %v", err)
	}
}
