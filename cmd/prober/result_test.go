package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/slo"
)

func TestTheReportsPageSaysWhatWasProvedAndWhatStandsAside(t *testing.T) {
	half := 0.5
	availability := slo.Finding{Verdict: slo.Inconclusive, Judged: 2, Needs: 14, Proves: &half,
		Objective: slo.Objective{Name: "join-availability", Probe: "join", SLI: config.Availability, Target: 0.99}, Plan: slo.Plan{Prove: 0.8, Confidence: 0.95, Runs: 14}}
	quick := 900 * time.Millisecond
	media := slo.Finding{Judged: 2, Bound: &quick,
		Objective: slo.Objective{Name: "join-time-to-media", Probe: "join", SLI: config.TimeToMedia, Target: 0.95, Threshold: 2 * time.Second}}
	r := checked{cfg: &config.Config{}, code: report.ExitInconclusive, judgement: &report.Judgement{Verdict: slo.Inconclusive,
		Findings: []slo.Finding{availability}, Aside: []slo.Finding{media}}}
	p := r.page()
	if len(p.Verdicts) != 1 || p.Verdicts[0].Text != "needs ≥ 80 %, which 14 runs would prove with no more bad" || *p.Verdicts[0].Prove != 0.8 {
		t.Errorf("verdicts %+v", p.Verdicts)
	}
	if len(p.Aside) != 1 || p.Aside[0].Objective != "join-time-to-media" || p.Aside[0].Threshold != 2*time.Second ||
		p.Aside[0].Text != "time_to_media p95 ≤ 900 ms (needs ≤ 2 s)" || p.Aside[0].Verdict != "" {
		t.Errorf("aside %+v", p.Aside)
	}
}

func TestTheReportsPageKnowsTheThresholdsWithoutAGate(t *testing.T) {
	cfg := &config.Config{Probes: []config.Probe{
		{Name: "join", Flow: flows.Join, Objectives: []config.Objective{{SLI: config.Availability}, {SLI: config.TimeToMedia, Threshold: config.Duration(2 * time.Second)}}},
		{Name: "media", Flow: flows.Media, Objectives: []config.Objective{{SLI: config.DeliveryRatio}}}}}
	got := checked{cfg: cfg, code: report.ExitOK}.page().Thresholds
	if got["join"] != 2*time.Second || got["media"] != 0 {
		t.Errorf("%v", got)
	}
}

func TestTheReportsPageSaysItsVerdictOnce(t *testing.T) {
	open := []slo.Finding{{Verdict: slo.Inconclusive, Objective: slo.Objective{Name: "x"}}}
	for _, c := range []struct {
		name string
		report.Judgement
		verdict page.Verdict
		why     string
	}{
		{"open", report.Judgement{Verdict: slo.Inconclusive, Findings: open}, page.Undecided, "x is neither proved nor missed"},
		{"taken for a pass", report.Judgement{Verdict: slo.Inconclusive, Findings: open, TakenFor: slo.Pass}, page.Undecided, "taken for a pass: x is neither proved nor missed"},
		{"not measured", report.Judgement{Verdict: slo.Inconclusive, Findings: open, CouldNotMeasure: true}, page.Undecided, "the prober itself kept x from being judged"},
		{"interrupted", report.Judgement{Verdict: slo.Pass, Findings: []slo.Finding{{Verdict: slo.Pass, Objective: slo.Objective{Name: "x"}}}, Interrupted: true, Took: 10 * time.Second}, page.Undecided, "interrupted after 10s; proved: x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := checked{cfg: &config.Config{}, judgement: &c.Judgement}.page()
			if p.Verdict != c.verdict || p.Why != c.why {
				t.Errorf("%s: %s", p.Verdict, p.Why)
			}
		})
	}
}

// hangUp is a reader who has seen enough at once, and what was to be read elsewhere by then.
type hangUp struct {
	html string
	seen []byte
}

func (h *hangUp) Write([]byte) (int, error) {
	if h.seen == nil {
		h.seen, _ = os.ReadFile(h.html) // empty, if not there
	}
	return 0, io.ErrClosedPipe
}

func TestTheReportIsWrittenBeforeAnybodyCanHangUp(t *testing.T) {
	reader := &hangUp{html: filepath.Join(t.TempDir(), "report.html")}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	cmd.SetOut(reader)
	if err := show(cmd, checkFlags{html: reader.html, output: "text"}, checked{cfg: &config.Config{}}); err == nil {
		t.Error("that nothing could be printed is not said")
	}
	if !strings.Contains(string(reader.seen), "</html>") {
		t.Errorf("the page was %d bytes long when the text was printed", len(reader.seen))
	}
}
