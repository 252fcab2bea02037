package page_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/history"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the golden files")

func runPage(f history.Finished) page.RunPage {
	return page.RunPage{Version: "1.2.3", Now: pagetest.Now, Platform: "devtest", Objectives: objectives(f.Run.Probe), RunView: page.RunView{Run: f.Run, Log: f.Log, Kept: f.Kept}}
}

func objectives(probe string) []page.ObjectiveStatus {
	for _, s := range pagetest.Healthy().Status {
		if s.Name == probe {
			return s.Objectives
		}
	}
	return nil
}

func writeRun(r page.RunPage) func(io.Writer) error {
	return func(w io.Writer) error { return page.WriteRun(w, r) }
}

func writeReport(r page.Report) func(io.Writer) error {
	return func(w io.Writer) error { return page.WriteReport(w, r) }
}

// pages are all pages in all the ways they can look.
func pages() map[string]func(io.Writer) error {
	healthy, failing, empty := pagetest.Healthy(), pagetest.Failing(), pagetest.Empty()
	overview := func(w pagetest.World) func(io.Writer) error {
		return func(out io.Writer) error { return page.WriteOverview(out, w.Overview()) }
	}
	run := func(f history.Finished) func(io.Writer) error { return writeRun(runPage(f)) }
	check := writeReport
	return map[string]func(io.Writer) error{
		"overview-healthy":  overview(healthy),
		"overview-failing":  overview(failing),
		"overview-empty":    overview(empty),
		"run-join-failed":   run(failing.Last("join", flows.Failed)),
		"run-media":         run(failing.Last("media", flows.Success)),
		"run-reconnect":     run(healthy.Last("reconnect-clean", flows.Success)),
		"run-lane-taken":    run(failing.Last("reconnect-clean", flows.Inconclusive)),
		"run-without-steps": run(history.Finished{Run: flows.Run{ID: "x", Probe: "join", Flow: flows.Join, Outcome: flows.Aborted, Started: pagetest.Now}}),
		"report-passed":     check(pagetest.Passed()),
		"report-failed":     check(pagetest.Failed()),
		"report-open":       check(pagetest.Open()),
		"report-ungated":    check(pagetest.Ungated()),
		"report-of-nothing": check(page.Report{At: pagetest.Now, Verdict: page.Undecided, Why: "no run could be judged"}),
		"message": func(out io.Writer) error {
			return page.WriteMessage(out, page.Message{Title: "This run is not kept", Text: "Only the latest are."})
		},
	}
}

func render(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var assets = regexp.MustCompile(`(?s)(<style>|<script>|<svg class="sprite").*?(</style>|</script>|</svg>)`)

func TestPagesAreAsInTheGoldenFiles(t *testing.T) {
	for name, write := range pages() {
		t.Run(name, func(t *testing.T) {
			got := assets.ReplaceAll(render(t, write), []byte("$1…$2"))
			path := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; make it with go test ./internal/page -update", err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from what is rendered; look at it, and write it with -update", path)
			}
		})
	}
}
