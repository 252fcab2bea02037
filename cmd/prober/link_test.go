package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/devstack"
	"github.com/dark-tower/prober/internal/embedded"
	"github.com/dark-tower/prober/internal/link"
)

func TestAPoorNetworkBeforeTheEmbeddedPlatform(t *testing.T) {
	nowhere(t)
	r := run(t.Context(), "check", "--devstack", "--probe", "join", "--link", "delay=30ms", "--output", "json").must(t, 0)
	d := r.document(t)
	if len(d.Runs) != 1 {
		t.Fatalf("%d runs", len(d.Runs))
	}
	for _, s := range d.Runs[0].Steps {
		// A session takes at least the handshake and the CONNECT request: two trips there and back.
		if (s.Step == "mc_connect" || s.Step == "mh_connect") && s.Seconds < 0.120 {
			t.Errorf("%s took %v s over a round trip of 60 ms", s.Step, s.Seconds)
		}
	}
}

func TestALinkIsChangedByTheLinesThatComeIn(t *testing.T) {
	platform, err := embedded.Start(t.Context(), devstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer platform.Close()
	first, err := link.Parse("delay=1ms")
	if err != nil {
		t.Fatal(err)
	}
	if err := platform.Through(first); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	relink(strings.NewReader("delay=7ms\n\nlos=1%\n"), &out, platform.Links())
	for _, url := range append(platform.HandlerURLs, platform.ControllerURLs...) {
		if got := platform.Links().Link(url).Spec().String(); got != "delay=7ms" {
			t.Errorf("the link before %s has %q", url, got)
		}
	}
	if s := out.String(); !strings.Contains(s, "link: delay=7ms\n") || !strings.Contains(s, `"los=1%"`) {
		t.Errorf("printed %q", s)
	}
}
