package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assets embed.FS

// parsed are the templates, which never change.
var parsed = sync.OnceValues(func() (*template.Template, error) { return template.ParseFS(assets, "assets/*.html") })

// WriteOverview writes the daemon's front page.
func WriteOverview(w io.Writer, o Overview) error {
	v := overviewOf(o)
	l := layout{
		Title: v.Verdict.title() + " · prober", mark: v.Verdict.State.Mark(), Version: o.Version, Platform: o.Platform,
		Live: "as of " + v.Asof.Text, Home: true,
	}
	if o.Trouble != "" {
		l.Title, l.mark = "the prober is in trouble · prober", Failing.Mark()
	}
	if o.Refresh > 0 {
		l.Refresh, l.RefreshPlain = max(int(o.Refresh/time.Second), 1), max(3*int(o.Refresh/time.Second), 10)
		l.Live += ", renews itself"
		l.Script = template.JS(asset("refresh.js"))
	}
	return l.write(w, "overview", v)
}

// WriteRun writes the page of one run.
func WriteRun(w io.Writer, r RunPage) error {
	v := runOf(r.RunView, headlineThreshold(r.Objectives, r.Run.Flow), r.Now)
	v.hold(r.Run, r.Objectives)
	l := layout{Title: fmt.Sprintf("%s: %s · prober", v.Probe, v.Mark.Word), mark: v.Mark, Version: r.Version, Platform: r.Platform, Home: true}
	if asof := momentOf(r.Now, r.Now); asof != nil {
		l.Live = "as of " + asof.Text
	}
	return l.write(w, "run", v)
}

// WriteReport writes the report of a check: one file to keep, with no request to
// anybody.
func WriteReport(w io.Writer, r Report) error {
	v := reportOf(r)
	return layout{Title: fmt.Sprintf("check: %s · prober", v.Mark.Word), mark: v.Mark, Version: r.Version, Platform: r.Platform,
		Policy: policy()}.write(w, "report", v)
}

// WriteMessage writes a page that says one thing.
func WriteMessage(w io.Writer, m Message) error {
	v := struct {
		Mark        mark
		Title, Text string
	}{NoEvidence.Mark(), m.Title, m.Text}
	return layout{Title: m.Title + " · prober", mark: v.Mark, Version: m.Version, Home: true}.write(w, "message", v)
}

// layout is what all pages have in common.
type layout struct {
	Title             string
	Version, Platform string
	Live              string // what the page says of its own age
	Home              bool   // there is an overview to go to
	Policy            string // for a page that comes without headers
	Refresh           int    // seconds with JavaScript; 0: never
	RefreshPlain      int    // seconds without
	Script            template.JS
	Style             template.CSS
	Icon              template.URL
	Body              template.HTML

	mark mark
}

func (l layout) write(w io.Writer, name string, value any) error {
	t, err := parsed()
	if err != nil {
		return fmt.Errorf("reading the page's templates: %w", err)
	}
	var body strings.Builder
	if err := t.ExecuteTemplate(&body, name, value); err != nil {
		return fmt.Errorf("rendering the page: %w", err)
	}
	l.Body = template.HTML(body.String())
	l.Style = template.CSS(asset("style.css"))
	l.Icon = icon(l.mark)
	if err := t.ExecuteTemplate(w, "layout", l); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // embedded: it is there, or the program does not compile
	}
	return string(text)
}

// icon is what the browser's tab shows: colour and shape of the verdict.
func icon(m mark) template.URL {
	shapes := map[string]string{
		"good": `<circle cx="8" cy="8" r="7" fill="%231a7336"/><path d="M4 8.500l3 3 5-6" fill="none" stroke="white" stroke-width="2"/>`,
		"bad":  `<path d="M5 0h6l5 5v6l-5 5H5l-5-5V5z" fill="%23b3231b"/><path d="M5 5l6 6M11 5l-6 6" stroke="white" stroke-width="2"/>`,
		"warn": `<path d="M8 0l8 15H0z" fill="%23d08700"/><path d="M8 5v5M8 11.500v2" stroke="black" stroke-width="2"/>`,
		"none": `<circle cx="8" cy="8" r="6" fill="none" stroke="%23778" stroke-width="2" stroke-dasharray="3 2"/>`,
	}
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">` + shapes[m.Class] + `</svg>`
	return template.URL("data:image/svg+xml," + strings.NewReplacer(`"`, "'", "<", "%3C", ">", "%3E", " ", "%20").Replace(svg))
}

// ContentSecurityPolicy is the policy under which all pages work: nothing from
// elsewhere, and of inline scripts and styles only the pages' own, by hash.
func ContentSecurityPolicy() string { return policy() + "; frame-ancestors 'none'" }

// policy is what a page can say of itself.
func policy() string {
	return fmt.Sprintf("default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; connect-src 'self'; style-src '%s'; script-src '%s'",
		hash(asset("style.css")), hash(asset("refresh.js")))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
