package page

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/page/pagetest"
	"github.com/dark-tower/prober/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves a world as the daemon does, and returns its origin.
func serve(t *testing.T, w pagetest.World, change func(*web.Options)) string {
	t.Helper()
	o := web.Options{
		Metrics: http.NotFoundHandler(), Runs: w.Store(), Probes: func() []web.ProbeStatus { return w.Status },
		Loopback: true, Version: "1.2.3", Platform: "devtest", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// file writes a report as a check does, and returns its URL.
func file(t *testing.T, r page.Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := page.WriteReport(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// pictures are those that the documentation shows.
var pictures = []string{"overview-failing-desktop", "overview-failing-phone", "overview-failing-paper", "overview-healthy-dark", "overview-empty-desktop",
	"run-failed-dark", "run-media-desktop", "report-failed-desktop"}

// picture is where a picture of the page is kept, when somebody wants it.
func picture(name string) string {
	folder := os.Getenv("DARKTOWER_PAGE_PICTURES")
	if folder == "" || !slices.Contains(pictures, name) {
		return ""
	}
	return filepath.Join(folder, name+".png")
}

func TestEveryPageCanBeReadByEverybody(t *testing.T) {
	healthy, failing, empty := pagetest.Healthy().At(time.Now()), pagetest.Failing().At(time.Now()), pagetest.Empty().At(time.Now())
	good, bad, untried := serve(t, healthy, nil), serve(t, failing, nil), serve(t, empty, nil)
	eyes := newEyes(t)
	for _, p := range []struct {
		name, url, origin, headline string
		green                       bool
		every                       bool // in every way; the others not on paper and not plain
	}{
		{"overview-healthy", good + "/", good, "Good: join, media, reconnect-clean, sign-in", true, false},
		{"overview-failing", bad + "/", bad, "join failing: MC is unavailable at mc_connect", false, true},
		{"overview-empty", untried + "/", untried, "No evidence yet", false, true},
		{"run-failed", bad + "/runs/" + failing.Last("join", flows.Failed).Run.ID, bad, "join: failure", false, false},
		{"run-media", bad + "/runs/" + failing.Last("media", flows.Success).Run.ID, bad, "media: success", false, true},
		{"run-reconnect", good + "/runs/" + healthy.Last("reconnect-clean", flows.Success).Run.ID, good, "reconnect-clean: success", true, false},
		{"run-not-kept", good + "/runs/gone", good, "This run is not kept", false, false},
		{"report-failed", file(t, pagetest.Failed()), "file://", "Fail: join-availability is missed", false, true},
		{"report-passed", file(t, pagetest.Passed()), "file://", "Pass: 2 objectives proved in 5m", true, false},
		{"report-open", file(t, pagetest.Open()), "file://", "Inconclusive: join-availability", false, false},
		{"report-ungated", file(t, pagetest.Ungated()), "file://", "Pass: every run succeeded", true, false},
	} {
		for _, l := range []struct {
			name string
			look
		}{
			{"desktop", look{Width: 1280, Scheme: "light", Judge: true}},
			{"dark", look{Width: 1280, Scheme: "dark", Judge: true}},
			{"phone", look{Width: 360, Height: 780, Scheme: "dark", Judge: true}},
			{"paper", look{Width: 794, Scheme: "light", Media: "print", Judge: true}},
			{"plain", look{Width: 1280, Scheme: "light", Plain: true}},
		} {
			if (l.name == "paper" || l.name == "plain") && !p.every {
				continue
			}
			t.Run(p.name+"/"+l.name, func(t *testing.T) {
				l.URL, l.Picture = p.url, picture(p.name+"-"+l.name)
				l.Whole = p.name == "run-failed" || l.name == "paper"
				if p.name == "run-media" && l.name == "desktop" {
					l.Height, l.Acts = 1300, []act{{Scroll: ".block:has(.pair)"}} // its evidence, not its first lines
				}
				s := eyes.at(t, l.look)
				if p.name == "run-not-kept" { // the browser's own word on the answer
					s.Said = slices.DeleteFunc(s.Said, func(line string) bool { return strings.Contains(line, "status of 404") })
				}
				s.sound(t, l.look, p.origin)
				if !strings.HasPrefix(s.Headline, p.headline) || s.Green != p.green {
					t.Errorf("the verdict is %q, green: %v", s.Headline, s.Green)
				}
				if dark := s.Background != "rgb(244, 246, 248)" && s.Background != "rgb(255, 255, 255)"; dark != (l.Scheme == "dark") {
					t.Errorf("the background is %s", s.Background)
				}
				if renewed := s.Refresh != ""; renewed != (l.Plain && strings.HasPrefix(p.name, "overview")) {
					t.Errorf("renewed without JavaScript: %q", s.Refresh)
				}
			})
		}
	}
}

func TestThePageRenewsItselfAndSaysWhenItCannot(t *testing.T) {
	empty, failing := pagetest.Empty().At(time.Now()), pagetest.Failing().At(time.Now())
	var asked atomic.Int32
	origin := serve(t, failing, func(o *web.Options) {
		o.Probes = func() []web.ProbeStatus {
			if asked.Add(1) == 1 {
				for i := range empty.Status {
					empty.Status[i].Name = fmt.Sprintf("new-%d", i) // none of them has run
				}
				return empty.Status
			}
			return failing.Status
		}
	})
	eyes := newEyes(t)
	renewed := look{URL: origin + "/", Width: 1280, Acts: []act{
		{Headline: "No evidence yet"}, {Headline: "join failing"},
		{Click: "#steps-media > summary"}, {Focus: "#steps-media > summary"}, // what is unfolded stays so, and the keyboard where it was
		{Live: "as of"}, {Offline: new(true)}, {Live: "The prober does not answer"},
	}}
	s := eyes.at(t, renewed)
	s.Said = slices.DeleteFunc(s.Said, func(line string) bool { return strings.Contains(line, "ERR_INTERNET_DISCONNECTED") })
	s.sound(t, renewed, origin)
	if !s.Old || !strings.HasPrefix(s.Title, "old") || !strings.Contains(s.Live, "What you see is old: as of") {
		t.Errorf("it is not said to be old: %q, %q", s.Title, s.Live)
	}
	if !slices.Contains(s.Open, "steps-media") || s.Focus != "steps-media" {
		t.Errorf("unfolded: %v, focus: %q", s.Open, s.Focus)
	}

	renewed.Acts = append(renewed.Acts, act{Offline: new(false)}, act{Live: "as of"}, act{Headline: "join failing"})
	asked.Store(0)
	s = eyes.at(t, renewed)
	if strings.HasPrefix(s.Live, "as of") == s.Old {
		t.Errorf("it answers again, and the page is old: %v, %q", s.Old, s.Live)
	}
}

func TestAPageThatNobodyLooksAtAsksForNothing(t *testing.T) {
	origin := serve(t, pagetest.Healthy().At(time.Now()), nil)
	eyes := newEyes(t)
	const minute = 60_000
	if s := eyes.at(t, look{URL: origin + "/", Acts: []act{{Pass: minute}}}); s.Passing == 0 {
		t.Error("a page that somebody looks at asks for nothing in a minute")
	}
	// Whoever looks again sees the present at once.
	if s := eyes.at(t, look{URL: origin + "/", Acts: []act{{Hidden: new(true)}, {Pass: minute}, {Hidden: new(false), Asks: true}}}); s.Passing != 0 {
		t.Errorf("a page that nobody looks at asked %d times in a minute", s.Passing)
	}
}

func TestABrowserGetsInWithTheToken(t *testing.T) {
	const token = "a-token-that-nobody-guesses"
	origin := serve(t, pagetest.Healthy().At(time.Now()), func(o *web.Options) { o.Loopback, o.Token = false, httpapi.Secret(token) })
	eyes := newEyes(t)
	l := look{URL: origin + "/", Width: 1280, Password: token, Acts: []act{{Click: ".lastline a"}, {Headline: "join: success"}, {Click: ".brand a"}, {Headline: "Good"}}}
	s := eyes.at(t, l)
	s.Said = slices.DeleteFunc(s.Said, func(line string) bool { return strings.Contains(line, "401") }) // the question for the password
	s.sound(t, l, origin)
	if s.Status != http.StatusOK {
		t.Errorf("%d", s.Status)
	}
	answer, err := http.Get(origin + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without it: %d, %v", answer.StatusCode, err)
	}
}
