package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, words := range []string{"", "check", "config", "config check", "config show", "devstack", "provision", "run", "rules", "rules prometheus", "slo", "slo show", "slo simulate", "version"} {
		name := "help-" + strings.ReplaceAll(words, " ", "-") + ".txt"
		if words == "" {
			name = "help.txt"
		}
		r := run(t.Context(), append(strings.Fields(words), "--help")...).must(t, 0)
		if r.stderr != "" {
			t.Errorf("help of %q on standard error: %s", words, r.stderr)
		}
		golden(t, name, r.stdout)
	}
	for _, words := range []string{"", "config", "rules", "slo"} { // without a command
		if r := run(t.Context(), strings.Fields(words)...).must(t, 0); !strings.Contains(r.stdout, "Available Commands") {
			t.Errorf("%q prints %s", words, r.stdout)
		}
	}
}

// TestErrors shows what a user is told who does something wrong: what, where, and
// how to mend it. None of it reaches the platform, so the exit code is 2.
func TestErrors(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	const (
		minimal = `version: 1
platform: {ac_url: "http://127.0.0.1:1", gc_url: "http://127.0.0.1:2", organisation: devtest}
accounts:
  pool: {email: {env: "EMAIL_{account}"}, password: {file: "secrets/{account}"}}
lanes:
  - {name: a, pool: pool, use: check}
  - {name: b, pool: pool, use: run}
probes:
  - {name: join, flow: join, lanes: [a], interval: 1m, timeout: 20s}
  - {name: media, flow: media, lanes: [b], interval: 1m, timeout: 40s}
`
		another = `{"version":1,"platform":{"gc_url":"http://gc.test","organisation":"demo"},"lanes":{},"creates":[]}`
		nobody  = `{"version":1,"platform":{"gc_url":"http://127.0.0.1:2","organisation":"devtest"},"lanes":{},"creates":[]}`
	)
	inline := strings.NewReplacer(`{env: "EMAIL_{account}"}`, `{value: "{account}@a.test"}`, `{file: "secrets/{account}"}`, `{value: a-password}`,
		"pool: {", "pool: {allow_inline: true, ").Replace(minimal)

	secret := strings.NewReplacer("organisation: devtest", "organisation: devtest, trust: {ca_file: {env: CA_FILE}}", `{file: "secrets/{account}"}`, "{env: PASSWORD}").Replace(minimal)

	for _, tc := range []struct {
		name  string
		line  string            // command line, without "prober"
		files map[string]string // in the folder where it is given
		env   map[string]string
	}{
		{"unknown-command", "chekc", nil, nil},
		{"unknown-command-of-config", "config sow", nil, nil},
		{"unknown-flag", "check --probes join", nil, nil},
		{"unknown-flag-like-no-other", "check --verdict", nil, nil},
		{"unknown-shorthand", "check -x", nil, nil},
		{"flag-without-a-value", "check --runs", nil, nil},
		{"how-to-judge-without-judging", "check --for 5m", nil, nil},
		{"warming-up-for-nothing", "check --warm-up 5m", nil, nil},
		{"inconclusive-without-a-verdict", "check --inconclusive pass", nil, nil},
		{"inconclusive-is-something-else", "check --gate --inconclusive maybe", nil, nil},
		{"for-less-than-nothing", "check --gate --for=-5m", nil, nil},
		{"for-without-a-unit", "check --gate --for 5", nil, nil},
		{"nothing-gates", "check --gate --lanes lanes.json", map[string]string{"probes.yaml": inline, "lanes.json": nobody}, nil},
		{"argument", "check join", nil, nil},
		{"argument-of-devstack", "devstack up", nil, nil},
		{"unknown-output", "check --output xml", nil, nil},
		{"unknown-output-of-provision", "provision --output yaml", nil, nil},
		{"unknown-use", "provision --use gate", nil, nil},
		{"no-runs", "check --runs 0", nil, nil},
		{"link-without-a-unit", "check --devstack --link delay=40", nil, nil},
		{"link-before-nothing", "check --link delay=40ms", nil, nil},
		{"runs-in-words", "check --runs many", nil, nil},
		{"too-many-handlers", "devstack --handlers 17", nil, nil},
		{"devstack-and-config", "check --devstack --config other.yaml", nil, nil},
		{"codes-twice", "provision --output secret --print", nil, nil},
		{"no-configuration", "check", nil, nil},
		{"no-configuration-of-that-name", "config show --config staging.yaml", nil, nil},
		{"configuration-is-a-folder", "config check --config .", nil, nil},
		{"mistakes-in-the-configuration", "config check", map[string]string{"probes.yaml": strings.NewReplacer("flow: join", "flow: jion", "timeout: 40s", "timeut: 40s", "[a]", "[c]").Replace(minimal)}, nil},
		{"mistakes-seen-by-rules", "rules prometheus", map[string]string{"probes.yaml": "version: 2\n"}, nil},
		{"no-configuration-for-rules", "rules prometheus --output alerts.yaml", nil, nil},
		{"unknown-command-of-rules", "rules prometeus", nil, nil},
		{"nowhere-to-write-rules", "rules prometheus --output rules/alerts.yaml", map[string]string{"probes.yaml": minimal}, nil},
		{"mistakes-seen-by-check", "check", map[string]string{"probes.yaml": "version: 2\n"}, nil},
		{"unknown-probe", "check --probe jion --probe join --probe all", map[string]string{"probes.yaml": minimal}, nil},
		{"unknown-probe-of-devstack", "check --devstack --probe jion", nil, nil},
		{"probe-of-the-daemon", "check --probe media", map[string]string{"probes.yaml": minimal}, nil},
		{"everything-missing", "check", map[string]string{"probes.yaml": secret}, nil},
		{"everything-missing-for-provision", "provision", map[string]string{"probes.yaml": secret}, nil},
		{"one-password-for-all", "provision", map[string]string{"probes.yaml": strings.Replace(inline, "{value: a-password}", "{env: PASSWORD}", 1)}, map[string]string{"PASSWORD": "short"}},
		{"secret-files-missing", "check", map[string]string{"probes.yaml": minimal, "lanes.json": nobody}, map[string]string{"PROBER_LANES": "lanes.json", "EMAIL_A_1": "a@a.test"}},
		{"no-lane-file", "check", map[string]string{"probes.yaml": inline}, nil},
		{"no-lane-file-of-that-name", "check --config other.yaml --lanes other.json", map[string]string{"other.yaml": inline}, nil},
		{"lane-without-a-meeting", "check --lanes lanes.json", map[string]string{"probes.yaml": inline, "lanes.json": nobody}, nil},
		{"lane-file-of-another-platform", "check --lanes lanes.json", map[string]string{"probes.yaml": inline, "lanes.json": another}, nil},
		{"lane-file-of-another-platform-for-provision", "provision", map[string]string{"probes.yaml": inline, "lanes.json": another}, map[string]string{"PROBER_LANES": "lanes.json"}},
		{"lane-file-is-something-else", "check --lanes probes.yaml", map[string]string{"probes.yaml": inline}, nil},
		{"folder-of-somebody-else", "devstack --dir .", map[string]string{"probes.yaml": inline}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := nowhere(t)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			for name, content := range tc.files {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := run(t.Context(), strings.Fields(tc.line)...).must(t, 2)
			if r.stdout != "" {
				t.Errorf("an error on standard output: %s", r.stdout)
			}
			t.Chdir(filepath.Dir(testdata))
			golden(t, "error-"+tc.name+".txt", "$ prober "+tc.line+"\n"+strings.ReplaceAll(r.stderr, dir, "FOLDER"))
		})
	}
}

func TestVersion(t *testing.T) {
	r := run(t.Context(), "version").must(t, 0)
	if flag := run(t.Context(), "--version").must(t, 0); !strings.HasPrefix(r.stdout, "prober ") || flag.stdout != r.stdout {
		t.Errorf("version says %q, --version %q", r.stdout, flag.stdout)
	}
}

func TestConfigShowAndCheck(t *testing.T) {
	shipped := filepath.Join("..", "..", "probes.yaml")
	if r := run(t.Context(), "config", "check", "--config", shipped).must(t, 0); !strings.Contains(r.stdout, "is good") {
		t.Errorf("got %v", r)
	}
	shown := run(t.Context(), "config", "show", "--config", shipped).must(t, 0).stdout
	again := filepath.Join(t.TempDir(), "probes.yaml")
	if err := os.WriteFile(again, []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown, "@") { // the emails are given inline
		t.Errorf("an email is shown:\n%s", shown)
	}
	if !strings.Contains(shown, "sign_in: 35s") || !strings.Contains(shown, "env: DARK_TOWER_PROBE_PASSWORD") {
		t.Errorf("defaults or sources are missing:\n%s", shown)
	}
}
