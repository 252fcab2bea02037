package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func nothing(string) (string, bool) { return "", false }

func env(m map[string]string) LookupEnv {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func files(m map[string]string) ReadFile {
	return func(path string) ([]byte, error) {
		if v, ok := m[path]; ok {
			return []byte(v), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccountsAreResolvedByTemplate(t *testing.T) {
	text := strings.ReplaceAll(least, "talk", "small-talk")
	text = strings.Replace(text, "{env: PASSWORD}", `{file: "/run/{lane}/{n}"}`, 1)
	got, err := parse(t, text).Resolve(
		env(map[string]string{"EMAIL_SMALL_TALK_1": "one@probe.test", "EMAIL_SMALL_TALK_2": "two@probe.test"}),
		files(map[string]string{"/run/small-talk/1": "password-1\n", "/run/small-talk/2": "password-2 \r\n"}),
	)
	if err != nil {
		t.Fatal(err)
	}
	accounts := got["small-talk"]
	if len(got) != 1 || len(accounts) != 2 {
		t.Fatalf("%d lanes", len(got))
	}
	for i, want := range [][3]string{
		{"one@probe.test", "password-1", "Probe small-talk-1"},
		{"two@probe.test", "password-2 ", "Probe small-talk-2"},
	} {
		if a := accounts[i]; a.Email != want[0] || a.Password != want[1] || a.DisplayName != want[2] {
			t.Errorf("account %d is another one", i)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(shown, "password-1") || strings.Contains(shown, "one@") {
		t.Errorf("shown as %s", shown)
	}
}

func TestEverythingThatIsMissingIsReportedAtOnce(t *testing.T) {
	text := strings.Replace(least, "{env: PASSWORD}", `{file: "/run/{account}"}`, 1)
	_, err := parse(t, text).Resolve(env(map[string]string{"EMAIL_TALK_1": ""}), files(map[string]string{"/run/talk-2": "\n"}))
	var got *UnresolvedError
	if !errors.As(err, &got) {
		t.Fatalf("error %v", err)
	}
	const want = "resolving accounts: environment variables that are not set: EMAIL_TALK_1, EMAIL_TALK_2 (accounts.people.email); " +
		"files that cannot be used: /run/talk-1 (accounts.people.password: file does not exist); /run/talk-2 (accounts.people.password: empty)"
	if got.Error() != want {
		t.Errorf("missing:\n%v\nwant\n%s", got, want)
	}
}

// However many accounts a setting is wrong for, it is wrong once.
func TestOneMistakeIsNamedOnce(t *testing.T) {
	text := strings.Replace(least, "    use: run\n", "    use: run\n  - {name: other, pool: people, use: check, accounts: 2}\n", 1)
	text = strings.Replace(text, "lanes: [talk]", "lanes: [talk, other]", 1)
	emails := map[string]string{"EMAIL_TALK_1": "a@b.c", "EMAIL_TALK_2": "d@b.c", "EMAIL_OTHER_1": "e@b.c", "EMAIL_OTHER_2": "f@b.c"}
	with := func(more map[string]string) map[string]string {
		out := maps.Clone(emails)
		maps.Copy(out, more)
		return out
	}
	inFiles := strings.Replace(text, "{env: PASSWORD}", `{file: "/run/{account}"}`, 1)
	for name, c := range map[string]struct {
		text  string
		env   map[string]string
		files map[string]string
		want  string
	}{
		"one password for all is not set": {text, with(nil), nil,
			"environment variables that are not set: PASSWORD (accounts.people.password of talk-1, talk-2, other-1, other-2)"},
		"variables of their own are not set": {text, map[string]string{"PASSWORD": "password"}, nil,
			"environment variables that are not set: EMAIL_TALK_1, EMAIL_TALK_2, EMAIL_OTHER_1, EMAIL_OTHER_2 (accounts.people.email)"},
		"one password for all is too short": {text, with(map[string]string{"PASSWORD": "short"}), nil,
			"accounts that cannot be used: talk-1, talk-2, other-1, other-2 (accounts.people.password from PASSWORD: the password must have 8 to 128 bytes)"},
		"a password and an email are wrong": {text, with(map[string]string{"PASSWORD": "short", "EMAIL_TALK_2": "nobody"}), nil,
			"accounts that cannot be used: talk-1, talk-2, other-1, other-2 (accounts.people.password from PASSWORD: the password must have 8 to 128 bytes); " +
				"talk-2 (accounts.people.email from EMAIL_TALK_2: the email must look like name@host.domain)"},
		"one user is three accounts": {text, with(map[string]string{"PASSWORD": "password", "EMAIL_TALK_2": "A@b.c", "EMAIL_OTHER_2": "a@b.c"}), nil,
			"accounts that cannot be used: talk-2, other-2 (accounts.people.email from EMAIL_TALK_2, EMAIL_OTHER_2: the email of talk-1)"},
		"files that are not there": {inFiles, with(nil), map[string]string{"/run/talk-2": "\n"},
			"files that cannot be used: /run/talk-1, /run/other-1, /run/other-2 (accounts.people.password: file does not exist); /run/talk-2 (accounts.people.password: empty)"},
	} {
		_, err := parse(t, c.text).Resolve(env(c.env), files(c.files))
		if want := "resolving accounts: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, want\n%s", name, err, want)
		}
	}
}

func TestAccountsThatCannotBeUsed(t *testing.T) {
	_, err := parse(t, least).Resolve(env(map[string]string{"EMAIL_TALK_1": "same@probe.test", "EMAIL_TALK_2": "Same@probe.test", "PASSWORD": "short"}), nil)
	if err == nil || !strings.Contains(err.Error(), "talk-1, talk-2 (accounts.people.password from PASSWORD: the password must have 8 to 128 bytes)") ||
		!strings.Contains(err.Error(), "talk-2 (accounts.people.email from EMAIL_TALK_2: the email of talk-1)") || strings.Contains(err.Error(), "same@") || strings.Contains(err.Error(), "short)") {
		t.Errorf("error %v", err)
	}
}

func TestOneVariableHoldsTheTemplateOfAllEmails(t *testing.T) {
	text := strings.Replace(least, "EMAIL_{account}", "EMAIL", 1)
	got, err := parse(t, text).Resolve(env(map[string]string{"EMAIL": "probe-{account}@probe.test", "PASSWORD": "pass{n}word"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"probe-talk-1@probe.test", "probe-talk-2@probe.test"} {
		cred := got["talk"][n]
		if cred.Email != want || cred.DisplayName != fmt.Sprintf("Probe talk-%d", n+1) {
			t.Errorf("account %d is %q, %q", n+1, cred.Email, cred.DisplayName)
		}
		if cred.Password != "pass{n}word" {
			t.Error("a password was changed")
		}
	}
	if _, err := parse(t, text).Resolve(env(map[string]string{"EMAIL": "one@probe.test", "PASSWORD": "password"}), nil); err == nil {
		t.Error("one email for all accounts is accepted")
	}
}

func TestOnlyTheLanesThatAreAskedForAreResolved(t *testing.T) {
	text := strings.Replace(least, "    use: run\n", "    use: run\n  - {name: other, pool: people, use: check, accounts: 2}\n", 1)
	text = strings.Replace(text, "lanes: [talk]", "lanes: [talk, other]", 1)
	c := parse(t, text)
	got, err := c.Resolve(env(map[string]string{"EMAIL_OTHER_1": "a@b.c", "EMAIL_OTHER_2": "d@b.c", "PASSWORD": "password"}), nil, "other")
	if err != nil || len(got) != 1 || len(got["other"]) != 2 {
		t.Errorf("%d lanes, error %v", len(got), err)
	}
	if _, err := c.Resolve(nothing, nil, "none"); err == nil {
		t.Error("a lane that is not there was resolved")
	}
	if lanes := c.LanesFor(Check); len(lanes) != 1 || lanes[0].Name != "other" {
		t.Errorf("lanes for check: %v", lanes)
	}
}

func TestReach(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	digest := sha256.Sum256([]byte("leaf"))
	other := sha256.Sum256([]byte("other"))
	text := strings.Replace(least, "organisation: devtest", `organisation: devtest
  host: devtest.example:1
  dialect: legacy
  endpoint_map: {"127.0.0.1:4433": "mc-service-0:4433"}
  deadlines: {gc: 12s}
  trust:
    ca_file: {env: CA}
    pins_file: /etc/fingerprints.json
    mc: {server_name: mc.test, pins: ["`+hex.EncodeToString(other[:])+`"]}
    mh: {server_name: mh.test}`, 1)
	c := parse(t, text)
	read := files(map[string]string{
		"/etc/ca.pem":            ca,
		"/etc/fingerprints.json": `{"MC_CERT_SHA256":"` + base64.StdEncoding.EncodeToString(digest[:]) + `","OTHER":1}`,
	})
	got, err := c.Platform.Reach(env(map[string]string{"CA": "/etc/ca.pem"}), read)
	if err != nil {
		t.Fatal(err)
	}
	if got.AC.Organisation != "devtest" || got.AC.Host != "devtest.example:1" || got.AC.TLS == nil || got.GC.Timeout != 12*time.Second {
		t.Errorf("AC %+v, GC %+v", got.AC, got.GC)
	}
	if got.MC.ServerName != "mc.test" || got.MH.ServerName != "mh.test" || got.MC.RootCAs == nil || got.MC.Endpoints["127.0.0.1:4433"] != "mc-service-0:4433" ||
		got.MC.Dialect.String() != "legacy" || got.MC.InsecureSkipVerify {
		t.Errorf("MC %+v", got.MC)
	}
	if !slices.Equal(got.MC.LeafPins, [][32]byte{other, digest}) || len(got.MH.LeafPins) != 0 {
		t.Errorf("pins %x and %x", got.MC.LeafPins, got.MH.LeafPins)
	}
	for _, tc := range []struct {
		name   string
		lookup LookupEnv
		read   ReadFile
		want   string
	}{
		{"a variable that is not set", nothing, read, "the environment variable CA is not set"},
		{"a file that is not there", env(map[string]string{"CA": "/none"}), read, "platform.trust.ca_file: "},
		{"authorities that are none", env(map[string]string{"CA": "/etc/fingerprints.json"}), read, "holds no certificate in PEM"},
		{"fingerprints that are none", env(map[string]string{"CA": "/etc/ca.pem"}), files(map[string]string{"/etc/ca.pem": ca, "/etc/fingerprints.json": "{}"}), "is not a fingerprints.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := c.Platform.Reach(tc.lookup, tc.read); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
