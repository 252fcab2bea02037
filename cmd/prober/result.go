package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/check"
	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/page"
	"github.com/dark-tower/prober/internal/report"
	"github.com/dark-tower/prober/internal/slo"
)

// checked is what a check has come to.
type checked struct {
	cfg       *config.Config
	started   time.Time
	runs      []flows.Run
	judgement *report.Judgement // nil: without a gate
	code      int
}

// summaryVariable names the file that a pipeline shows.
const summaryVariable = "GITHUB_STEP_SUMMARY"

// claim empties the files that the result will be written to. Whether that can be is
// better known before the runs than after them, and what an earlier check said there
// is not to be taken for this one's.
func (f checkFlags) claim() error {
	var errs []error
	for _, path := range []string{f.junit, f.html} {
		if path == "" {
			continue
		}
		if err := put(path, os.O_CREATE|os.O_TRUNC, nil); err != nil {
			errs = append(errs, fmt.Errorf("the report cannot be written: %w", err))
		}
	}
	return errors.Join(errs...)
}

// disclaim takes away what is still empty, since a check without a result has no report:
// whoever reads an empty one takes it for broken.
func (f checkFlags) disclaim() {
	for _, path := range []string{f.junit, f.html} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			_ = os.Remove(path) // it says nothing, if it stays
		}
	}
}

// show writes what is known wherever it was asked for, prints it, and turns it into the
// exit code. It prints last: whoever reads may hang up, and that ends the process.
func show(cmd *cobra.Command, f checkFlags, res checked) error {
	if interrupted(cmd.Context()) {
		res.code = report.ExitInterrupted
	}
	written, left := res.write(f), res.leave(f)
	if err := errors.Join(res.print(cmd.OutOrStdout(), f.output), written); err != nil {
		return &exit{report.ExitProber, fmt.Errorf("the report: %w", err)}
	}
	if left != nil { // nobody asked for it
		fmt.Fprintf(cmd.ErrOrStderr(), "prober: what is left for a pipeline or a pod: %v\n", left)
	}
	mend := f.files.ProvisionCommand(config.Check)
	if f.devstack {
		mend = ""
	}
	for _, hint := range check.Hints(res.runs, mend, res.cfg.Platform.Ghost.D()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "prober:", hint)
	}
	if res.code != report.ExitOK {
		return &exit{code: res.code}
	}
	return nil
}

func (r checked) print(w io.Writer, output string) error {
	switch text := (report.Text{Color: colored(w)}); {
	case output == "json":
		return report.JSON(w, r.runs, r.judgement, r.code)
	case r.judgement != nil:
		return text.Judgement(w, *r.judgement, r.runs)
	default:
		return text.Write(w, r.runs)
	}
}

// write writes the files that were asked for; one that fails keeps no other from
// being written.
func (r checked) write(f checkFlags) error {
	const replace = os.O_CREATE | os.O_TRUNC
	return errors.Join(
		file(f.junit, replace, func(w io.Writer) error { return report.JUnit(w, r.runs, r.judgement) }),
		file(f.html, replace, func(w io.Writer) error { return page.WriteReport(w, r.page()) }))
}

// leave writes where a pipeline and a pod look by themselves.
func (r checked) leave(f checkFlags) error {
	summary := file(os.Getenv(summaryVariable), os.O_CREATE|os.O_APPEND, func(w io.Writer) error {
		return report.Markdown(w, r.runs, r.judgement, r.code)
	})
	var message error
	if info, err := os.Lstat(f.termination); err == nil && info.Mode().IsRegular() {
		message = file(f.termination, os.O_TRUNC, func(w io.Writer) error {
			_, err := w.Write(report.Termination(r.runs, r.judgement, r.code))
			return err
		})
	}
	return errors.Join(summary, message)
}

// file writes a file, if it has a name.
func file(path string, flags int, content func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := content(&b); err != nil {
		return err
	}
	return put(path, flags, b.Bytes())
}

func put(path string, flags int, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// page is the result as the report's page takes it.
func (r checked) page() page.Report {
	version, _ := build()
	out := page.Report{Version: version, Platform: r.cfg.Platform.Organisation, At: r.started, Runs: r.runs, Verdict: page.Undecided, Thresholds: thresholds(r.cfg)}
	if r.judgement == nil {
		switch r.code {
		case report.ExitOK:
			out.Verdict, out.Why = page.Pass, "every run succeeded"
		case report.ExitFailed:
			out.Verdict, out.Why = page.Fail, "a run failed"
		case report.ExitInconclusive:
			out.Why = "no run failed, and not all could be judged"
		case report.ExitProber:
			out.Why = "the prober could not judge any run"
		case report.ExitInterrupted:
			out.Why = "interrupted"
		}
		return out
	}
	j := *r.judgement
	out.Verdict, out.Why = page.Verdict(j.Verdict), why(j)
	if j.Interrupted {
		out.Verdict = page.Undecided
	}
	for _, f := range j.Findings {
		v := objectiveOf(f, append([]string{report.Besides(f)}, report.Evidence(f, r.runs)...)...)
		v.Verdict, v.Confidence = page.Verdict(f.Verdict), f.Plan.Confidence
		if f.Verdict != slo.Fail {
			v.Proved = f.Proves
		}
		if f.Plan.Prove > 0 {
			v.Prove = &f.Plan.Prove
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	for _, f := range j.Aside {
		out.Aside = append(out.Aside, objectiveOf(f, report.Besides(f)))
	}
	return out
}

// objectiveOf is what was seen of an objective, with what there is to say besides, a
// line each.
func objectiveOf(f slo.Finding, besides ...string) page.ObjectiveVerdict {
	besides = slices.DeleteFunc(besides, func(s string) bool { return s == "" })
	return page.ObjectiveVerdict{
		Objective: f.Objective.Name, Probe: f.Objective.Probe, Indicator: string(f.Objective.SLI), Target: f.Objective.Target,
		Threshold: f.Objective.Threshold, Events: f.Judged, Bad: f.Bad, Unknown: f.Unknown,
		Text: strings.NewReplacer(">= ", "≥ ", "<= ", "≤ ").Replace(strings.Join(besides, "\n")),
	}
}

// thresholds are up to which the headline durations of the configured probes are good.
func thresholds(cfg *config.Config) map[string]time.Duration {
	out := make(map[string]time.Duration)
	for _, p := range cfg.Probes {
		for _, o := range p.Objectives {
			if string(o.SLI) == digest.Indicator(p.Flow) && out[p.Name] == 0 {
				out[p.Name] = o.Threshold.D()
			}
		}
	}
	return out
}

// why is the line of a verdict where the verdict itself is shown apart.
func why(j report.Judgement) string {
	line := j.Line()
	for _, head := range []string{"PASS: ", "FAIL: ", "INCONCLUSIVE: ", "INCONCLUSIVE, which is ", "COULD NOT MEASURE: "} {
		line = strings.TrimPrefix(line, head)
	}
	line = strings.Replace(line, "INTERRUPTED", "interrupted", 1)
	if j.WarmUp != nil {
		line += "; " + j.WarmUp.String()
	}
	return line
}
