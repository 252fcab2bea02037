package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

func shipped(t *testing.T) *Config {
	t.Helper()
	c, err := Load("../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheShippedConfigurationIsValid(t *testing.T) {
	c := shipped(t)
	content, err := os.ReadFile("../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(content), "# yaml-language-server: $schema=docs/probes.schema.json\n") {
		t.Error("probes.yaml does not point editors at its schema")
	}
	if _, err := os.Stat("../../docs/probes.schema.json"); err != nil {
		t.Error(err)
	}
	if p := c.Platform; p.ACURL != "http://127.0.0.1:8443" || p.GCURL != "http://127.0.0.1:8444" || p.Organisation != "devtest" ||
		p.Trust.MC.ServerName != "localhost" || p.Trust.MH.ServerName != "localhost" || p.Trust.InsecureSkipVerify {
		t.Errorf("platform %+v", p)
	}
	for _, p := range c.Probes {
		if len(c.LanesOf(p, Run)) == 0 || len(c.LanesOf(p, Check)) == 0 && p.Flow != flows.SignIn {
			t.Errorf("probe %s has no lanes for run or none for check", p.Name)
		}
	}
	if join, _ := c.Probe("join"); join.Interval != Duration(15*time.Second) || join.Join.Anchor != Transient {
		t.Errorf("join %+v", join)
	}
	if abrupt, _ := c.Probe("reconnect-abrupt"); !abrupt.Informational || abrupt.Reconnect.Disconnect != flows.CutAbrupt {
		t.Errorf("reconnect-abrupt %+v", abrupt)
	}
	if len(c.Lanes) > 20 {
		t.Errorf("%d lanes cannot be provided for within a day", len(c.Lanes))
	}
}

func TestTheDevstackRunsEveryProbeThatIsShipped(t *testing.T) {
	c, err := Devstack(DevstackPlatform{ACURL: "http://127.0.0.1:1", GCURL: "http://127.0.0.1:2", Organisation: "devtest", ServerName: "localhost", CAPEM: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var total time.Duration
	for _, p := range c.Probes {
		names = append(names, p.Name)
		total += LeastDuration(p).D()
		if len(c.LanesOf(p, Check)) == 0 && p.Flow != flows.SignIn {
			t.Errorf("probe %s has no lane for check", p.Name)
		}
		if len(c.LanesOf(p, Run)) == 0 {
			t.Errorf("probe %s has no lane for a daemon", p.Name)
		}
	}
	var want []string
	for _, p := range shipped(t).Probes {
		want = append(want, p.Name)
	}
	// Changing the address is not shipped: nobody's objective is about it yet.
	want = append(want, "reconnect-migrate")
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("probes %v, shipped are %v", names, want)
	}
	if total > 8*time.Second {
		t.Errorf("one run of each takes at least %v", total)
	}
	accounts, err := c.Resolve(nothing, nil)
	if err != nil || len(accounts) != len(c.Lanes) {
		t.Errorf("%d lanes with accounts, error %v", len(accounts), err)
	}
	if c.Platform.ACURL != "http://127.0.0.1:1" || string(c.Platform.Trust.CAPEM) != "x" {
		t.Errorf("platform %+v", c.Platform)
	}
}

// least is the smallest file there can be; tests change it line by line.
const least = `version: 1
platform:
  ac_url: http://127.0.0.1:8443
  gc_url: http://127.0.0.1:8444
  organisation: devtest
accounts:
  people:
    email: {env: "EMAIL_{account}"}
    password: {env: PASSWORD}
lanes:
  - name: talk
    pool: people
    use: run
probes:
  - name: talk
    flow: media
    lanes: [talk]
    interval: 30s
    timeout: 20s
`

func TestDefaultsAreFilledIn(t *testing.T) {
	c, err := Parse("t.yaml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"dialect":      {c.Platform.Dialect, "auto"},
		"gc":           {c.Platform.Deadlines.GC, Duration(35 * time.Second)},
		"mc":           {c.Platform.Deadlines.MC, Duration(15 * time.Second)},
		"mh":           {c.Platform.Deadlines.MH, Duration(10 * time.Second)},
		"other":        {c.Platform.Deadlines.Default, Duration(5 * time.Second)},
		"accounts":     {c.Lanes[0].Accounts, 2},
		"rest":         {c.Lanes[0].Rest, Duration(5 * time.Second)},
		"duration":     {c.Probes[0].Media.Duration, Duration(10 * time.Second)},
		"participants": {c.Probes[0].Media.Participants, 2},
		"settle":       {c.Probes[0].Media.Settle, Duration(time.Second)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
}

// TestEveryDefaultIsAllowed decodes each type from nothing: a default out of its own
// range, or of the wrong type, is a mistake like any other.
func TestEveryDefaultIsAllowed(t *testing.T) {
	d := newDecoder()
	for _, v := range []any{new(Config), new(Lane), new(Pool), new(Probe), new(Join), new(Media), new(Reconnect), new(Objective), new(Gate), new(Deadlines)} {
		d.presets(reflect.ValueOf(v).Elem())
	}
	if len(d.problems) > 0 {
		t.Errorf("%+v", d.problems)
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	// The schema's descriptions are the fields' comments; go vet does not ask for them.
	for _, name := range []string{"config.go", "lane.go", "probe.go"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		for i, line := range lines {
			if strings.Contains(line, "`yaml:") && !strings.HasPrefix(strings.TrimSpace(lines[i-1]), "//") {
				t.Errorf("%s:%d has no comment", name, i+1)
			}
		}
	}
}

func TestShowIsValidAndShowsNoSecret(t *testing.T) {
	text := strings.Replace(least, "{env: PASSWORD}", "{value: hunter2hunter2}\n    allow_inline: true", 1)
	c, err := Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Show(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rest: 5s", "env: EMAIL_{account}", "value: '****'", "duration: 10s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown:\n%s", want, out.String())
		}
	}
	for _, form := range []string{out.String(), fmt.Sprintf("%v %+v %#v", c, *c, *c), fmt.Sprint(c.Accounts["people"].Password)} {
		if strings.Contains(form, "hunter2") {
			t.Errorf("the password is shown in %s", form)
		}
	}
	again, err := Parse("shown.yaml", []byte(out.String()))
	if err != nil {
		t.Fatalf("what was shown is not valid: %v", err)
	}
	pool := again.Accounts["people"]
	pool.Password.Value = "hunter2hunter2"
	again.Accounts["people"] = pool
	if !reflect.DeepEqual(c, again) {
		t.Errorf("what was shown is another configuration")
	}
}

func TestTheShippedConfigurationSurvivesBeingShown(t *testing.T) {
	c := shipped(t)
	var out strings.Builder
	if err := c.Show(&out); err != nil {
		t.Fatal(err)
	}
	again, err := Parse("shown.yaml", []byte(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, again) {
		t.Error("what was shown is another configuration")
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"300ms": 300 * time.Millisecond, "15s": 15 * time.Second, "1m30s": 90 * time.Second, "30d": 720 * time.Hour,
		"1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "0s": 0, "1h": time.Hour, "24h": 24 * time.Hour,
	} {
		got, err := ParseDuration(text)
		if err != nil || got.D() != want {
			t.Errorf("%s is %v, error %v", text, got.D(), err)
		}
		if again, err := ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, which is %v", text, got, again)
		}
	}
	for _, text := range []string{"", "15", "s", "-1s", "d", "-1d", "NaNd", "1e9d", "1d1d", "9999999h", "1 s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if got := Duration(90 * time.Minute).String(); got != "1h30m" {
		t.Errorf("90 minutes are written as %s", got)
	}
}

func TestRatios(t *testing.T) {
	for text, want := range map[string]Ratio{"99.9%": 0.999, "99.99%": 0.9999, "95%": 0.95, "0.995": 0.995, "50 %": 0.5} {
		got, err := ParseRatio(text)
		if err != nil || got != want {
			t.Errorf("%s is %v, error %v", text, float64(got), err)
		}
		if again, err := ParseRatio(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	for _, text := range []string{"", "%", "0%", "100%", "101%", "1", "0", "-5%", "NaN", "Inf%", "x"} {
		if got, err := ParseRatio(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestAFileThatIsNotThereOrTooLarge(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#", MaxSize+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *Error
	if _, err := Load(large); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "larger than 256 KiB") {
		t.Errorf("error %v", err)
	}
}

var located = regexp.MustCompile(`^t\.yaml(:\d+:\d+)?: \S.*\S$`)

func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	for _, name := range []string{"../../probes.yaml", "devstack.yaml"} {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("version: 1\n\tplatform: {"))
	f.Add([]byte("\r\r\raa: 1"))
	f.Add([]byte("accounts: {p: {password: *hunter2}}"))
	f.Add([]byte("lanes: [{name: a, accounts: 99999999999999999999, rest: 1e999d}]\n---\nx"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse("t.yaml", content)
		if err == nil {
			var out strings.Builder
			if err := c.Show(&out); err != nil {
				t.Error(err)
			}
			return
		}
		var wrong *Error
		if c != nil || !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
			t.Fatalf("config %v, error %v", c, err)
		}
		lines := strings.Count(string(content), "\n") + 1
		for _, p := range wrong.Problems {
			if p.Line < 0 || p.Line > lines+1 || p.Line > 0 && p.Column < 1 {
				t.Errorf("%+v is at %d:%d of %d lines", p, p.Line, p.Column, lines)
			}
		}
	})
}
