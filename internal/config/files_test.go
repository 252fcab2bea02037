package config

import (
	"slices"
	"strings"
	"testing"
)

func TestTheFilesOfAConfigurationAreKnownWithoutReadingThem(t *testing.T) {
	text := strings.NewReplacer(
		"{env: PASSWORD}", `{file: "/secrets/{lane}/{n}"}`,
		"organisation: devtest", "organisation: devtest\n  trust: {ca_file: {env: CA}, pins_file: /pins.json}",
		"    use: run\n", "    use: run\n  - {name: other, pool: people, use: check}\n",
		"[talk]", "[talk, other]",
	).Replace(least)
	c, err := Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) {
		return map[string]string{"CA": "/ca.pem"}[name], name == "CA"
	}
	want := []string{"/ca.pem", "/pins.json", "/secrets/talk/1", "/secrets/talk/2"}
	if got := c.Files(lookup, "talk"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
