package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/page/pagetest"
)

func overview(o page.Overview) func(io.Writer) error {
	return func(w io.Writer) error { return page.WriteOverview(w, o) }
}

var tag = regexp.MustCompile(`<[^>]*>`)

// plain is the text that a person reads.
func plain(markup string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(markup, ""))), " ")
}

func walk(n *html.Node, see func(*html.Node)) {
	see(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, see)
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func TestPagesAreWellFormedAndSelfContained(t *testing.T) {
	for name, write := range pages() {
		t.Run(name, func(t *testing.T) {
			text := render(t, write)
			root, err := html.Parse(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			ids := make(map[string]bool)
			var local []string
			headings, mains, level := 0, 0, 0
			walk(root, func(n *html.Node) {
				if n.Type != html.ElementNode {
					return
				}
				if id := attribute(n, "id"); id != "" {
					if ids[id] {
						t.Errorf("id %s twice", id)
					}
					ids[id] = true
				}
				for _, key := range []string{"src", "href", "xlink:href", "action", "srcset", "poster"} {
					switch v := attribute(n, key); {
					case v == "", v == "/", strings.HasPrefix(v, "/runs/"), strings.HasPrefix(v, "/#probe-"), strings.HasPrefix(v, "data:image/svg+xml,"):
					case strings.HasPrefix(v, "#"):
						local = append(local, v[1:])
					default:
						t.Errorf("<%s %s=%q> leads elsewhere", n.Data, key, v)
					}
				}
				for _, a := range n.Attr {
					if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s %s>: the policy does not allow it", n.Data, a.Key)
					}
					if strings.Contains(a.Val, "ZgotmplZ") {
						t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
					}
				}
				switch n.Data {
				case "main":
					mains++
				case "h1", "h2", "h3", "h4":
					l := int(n.Data[1] - '0')
					if l == 1 {
						headings++
					}
					if l > level+1 {
						t.Errorf("<%s> comes after level %d", n.Data, level)
					}
					level = l
				case "table":
					if c := n.FirstChild; c == nil || c.Data != "caption" {
						t.Error("a table has no caption")
					}
				case "svg":
					if attribute(n, "role") == "img" && attribute(n, "aria-label") == "" {
						t.Error("a picture has no words")
					}
				}
			})
			for _, id := range local {
				if !ids[id] {
					t.Errorf("#%s is nowhere on the page", id)
				}
			}
			if headings != 1 || mains != 1 {
				t.Errorf("%d first headings, %d mains", headings, mains)
			}
			if strings.Contains(string(text), "no value") || strings.Contains(string(text), "%!") || strings.Contains(string(text), "<nil>") {
				t.Error("something is not rendered")
			}
		})
	}
}

// TestThePolicyNamesWhatIsOnThePage: the hashes are of the very bytes between the tags.
func TestThePolicyNamesWhatIsOnThePage(t *testing.T) {
	policy := page.ContentSecurityPolicy()
	for _, banned := range []string{"unsafe", "http:", "https:", "*"} {
		if strings.Contains(policy, banned) {
			t.Errorf("the policy has %q: %s", banned, policy)
		}
	}
	inline := regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)
	found := 0
	for name, write := range pages() {
		for _, m := range inline.FindAllSubmatch(render(t, write), -1) {
			found++
			sum := sha256.Sum256(m[2])
			want := string(m[1]) + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy does not have the page's %s: %s", name, m[1], want)
			}
		}
	}
	if found < 2*len(pages())/2 {
		t.Errorf("%d inline parts", found)
	}
}

func TestOnlyThePageThatRenewsItselfHasAScript(t *testing.T) {
	for name, write := range pages() {
		if got, want := bytes.Contains(render(t, write), []byte("<script>")), strings.HasPrefix(name, "overview"); got != want {
			t.Errorf("%s has a script: %v", name, got)
		}
	}
	still := pagetest.Healthy().Overview()
	still.Refresh = 0
	if text := render(t, overview(still)); bytes.Contains(text, []byte("<script>")) || bytes.Contains(text, []byte("http-equiv=\"refresh\"")) {
		t.Error("a page that is not renewed has what renews it")
	}
}

func TestWhatTheProberWasToldIsOnlyText(t *testing.T) {
	const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "`{{.}}"
	w := pagetest.Failing()
	for i := range w.Runs {
		w.Runs[i].Log = []string{hostile}
		if f := w.Runs[i].Run.Failure; f != nil {
			f.Detail = hostile
		}
		for n := range w.Runs[i].Run.Transcript.Messages {
			w.Runs[i].Run.Transcript.Messages[n].Note = hostile
		}
		for n := range w.Runs[i].Run.Connections {
			w.Runs[i].Run.Connections[n].Dialect = hostile
		}
	}
	o := w.Overview()
	o.Trouble, o.Platform, o.Version = hostile, hostile, hostile
	for _, write := range []func(io.Writer) error{overview(o),
		func(out io.Writer) error { return page.WriteRun(out, runPage(w.Last("join", flows.Failed))) },
		func(out io.Writer) error { return page.WriteRun(out, runPage(w.Last("media", flows.Success))) },
		func(out io.Writer) error {
			return page.WriteReport(out, page.Report{Why: hostile, Runs: []flows.Run{w.Last("join", flows.Failed).Run}, Verdicts: []page.ObjectiveVerdict{{Text: hostile, Objective: hostile}}})
		}} {
		text := string(render(t, write))
		if strings.Contains(text, "<script>alert") || strings.Contains(text, "<img") {
			t.Error("foreign text became markup")
		}
		if !strings.Contains(text, "alert(1)") {
			t.Error("the text is not there at all")
		}
	}
}

// TestErrorValuesAreNeverShown: a failure's error may carry anything; only its
// detail is worded for people.
func TestErrorValuesAreNeverShown(t *testing.T) {
	var cage canary.Cage
	cage.Plant("token", "eyJhbGciOiJFZERTQSJ9-secret-token")
	cage.Plant("email", "probe-7@probes.example")
	f := &flows.Failure{Step: flows.StepSignIn, Actor: flows.ActorPerson, Hop: flows.AC, Reason: flows.Rejected, Detail: "AC refused to sign in",
		Err: errors.New("POST: Bearer eyJhbGciOiJFZERTQSJ9-secret-token of probe-7@probes.example")}
	r := flows.Run{ID: "1", Probe: "join", Flow: flows.Join, Outcome: flows.Failed, Failure: f, Started: pagetest.Now, Steps: []flows.StepResult{{Step: flows.StepSignIn, Failure: f}}}
	v := page.RunView{Run: r}
	o := page.Overview{Now: pagetest.Now, Probes: []page.Probe{{Last: &v, Failures: []page.RunView{v}}}}
	for _, write := range []func(io.Writer) error{overview(o),
		func(out io.Writer) error { return page.WriteRun(out, page.RunPage{RunView: v}) },
		func(out io.Writer) error { return page.WriteReport(out, page.Report{Runs: []flows.Run{r}}) }} {
		text := string(render(t, write))
		if found := cage.Find(text); len(found) > 0 {
			t.Errorf("on the page: %v", found)
		}
		if !strings.Contains(text, "AC refused to sign in") {
			t.Error("the detail is missing")
		}
	}
}

func TestALargeCheckIsDrawnInPartAndSaysSo(t *testing.T) {
	var runs []flows.Run
	for range 3 {
		for _, f := range pagetest.Healthy().Runs {
			if f.Run.Probe == "join" {
				runs = append(runs, f.Run)
			}
		}
	}
	text := render(t, func(w io.Writer) error { return page.WriteReport(w, page.Report{Runs: runs, Verdict: page.Pass}) })
	if !bytes.Contains(text, []byte("120 further runs count in everything above and are not drawn.")) {
		t.Error("what is left out is not said")
	}
	if len(text) > 1<<20 {
		t.Errorf("%d bytes", len(text))
	}
	if !strings.Contains(plain(string(text)), "Distribution of time to media") {
		t.Error("no distribution")
	}
}

func BenchmarkOverview(b *testing.B) {
	o := pagetest.Failing().Overview()
	b.ReportAllocs()
	for b.Loop() {
		if err := page.WriteOverview(io.Discard, o); err != nil {
			b.Fatal(err)
		}
	}
}
