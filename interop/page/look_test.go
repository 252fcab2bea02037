package page

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dark-tower/prober/interop/chromium"
)

// look is how somebody looks at a page.
type look struct {
	URL      string `json:"url"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
	Scheme   string `json:"scheme,omitempty"`   // light or dark
	Media    string `json:"media,omitempty"`    // screen or print
	Plain    bool   `json:"plain,omitempty"`    // without JavaScript
	Password string `json:"password,omitempty"` // that the browser gives when it is asked
	Picture  string `json:"picture,omitempty"`  // PNG file to take
	Whole    bool   `json:"whole,omitempty"`    // with what is below the screen
	Judge    bool   `json:"judge,omitempty"`    // by the rules of accessibility
	Acts     []act  `json:"acts,omitempty"`     // what is done before, in order
}

// act is one thing that is done or waited for.
type act struct {
	Headline string `json:"headline,omitempty"` // wait until the first heading has this text
	Live     string `json:"live,omitempty"`     // wait until the page says this of its age
	Offline  *bool  `json:"offline,omitempty"`
	Hidden   *bool  `json:"hidden,omitempty"` // another tab is looked at
	Asks     bool   `json:"asks,omitempty"`   // upon that the page asks, and is answered
	Pass     int    `json:"pass,omitempty"`   // milliseconds that pass for the page at once
	Click    string `json:"click,omitempty"`  // a selector
	Focus    string `json:"focus,omitempty"`  // a selector
	Scroll   string `json:"scroll,omitempty"` // a selector, to the top of the screen
	Key      string `json:"key,omitempty"`
}

// sight is what was seen.
type sight struct {
	Status     int
	Title      string
	Headline   string
	Live       string
	Old        bool
	Green      bool
	Width      int
	Refresh    string
	Background string
	Open       []string // ids of unfolded parts
	Focus      string
	Said       []string // by the console
	Asked      []string // URLs
	Passing    int      // of those while time was made to pass
	Violations []string
}

type eyes struct{ driver *chromium.Driver }

func newEyes(t *testing.T) eyes {
	return eyes{chromium.Start(t, 90*time.Second, "look.mjs")}
}

func (e eyes) at(t *testing.T, l look) sight {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var command map[string]any
	if err := json.Unmarshal(text, &command); err != nil {
		t.Fatal(err)
	}
	var s sight
	e.driver.Say("looking at "+l.URL, &s, command)
	return s
}

// sound checks what must hold of every look: nothing from elsewhere, nothing on the
// console, nothing wider than the screen, nothing that somebody cannot read.
func (s sight) sound(t *testing.T, l look, origin string) {
	t.Helper()
	for _, url := range s.Asked {
		if !strings.HasPrefix(url, origin) && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asked for %s", url)
		}
	}
	for _, line := range s.Said {
		t.Errorf("the console says %s", line)
	}
	if s.Width > l.Width {
		t.Errorf("the page is %d wide on a screen of %d", s.Width, l.Width)
	}
	for _, v := range s.Violations {
		t.Errorf("%s", v)
	}
	if s.Headline == "" {
		t.Error("the page has no verdict")
	}
}
