package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
)

// JUnit writes a check for whatever shows test results: a suite for each probe, in it
// a case for each objective that was judged, or for each run when none was. What is
// missed is a failure, what the prober could not measure an error, and what is open
// is skipped, with the reason.
func JUnit(w io.Writer, runs []flows.Run, j *Judgement) error {
	all := junit.Testsuites{Name: "prober check"}
	for _, group := range byProbe(runs) {
		all.AddSuite(suite(group, j))
	}
	for _, f := range unseen(runs, j) {
		s := junit.Testsuite{Name: f.Objective.Probe, Time: "0.000"}
		s.AddTestcase(objectiveCase(f, *j, nil))
		all.AddSuite(s)
	}
	if _, err := io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"); err != nil {
		return err
	}
	return all.WriteXML(w)
}

// unseen are the findings of probes without a single run.
func unseen(runs []flows.Run, j *Judgement) []slo.Finding {
	if j == nil {
		return nil
	}
	seen := make(map[string]bool)
	for _, r := range runs {
		seen[r.Probe] = true
	}
	var out []slo.Finding
	for _, f := range j.Findings {
		if !seen[f.Objective.Probe] {
			out = append(out, f)
		}
	}
	return out
}

func suite(runs []flows.Run, j *Judgement) junit.Testsuite {
	s := junit.Testsuite{Name: runs[0].Probe}
	s.SetTimestamp(runs[0].Started.UTC())
	var took time.Duration
	for _, r := range runs {
		took += r.Duration
	}
	s.Time = seconds(took)
	judged := 0
	if j != nil {
		for _, f := range j.Findings {
			if f.Objective.Probe == runs[0].Probe {
				s.AddTestcase(objectiveCase(f, *j, runs))
				judged++
			}
		}
	}
	if judged == 0 {
		for i, r := range runs {
			s.AddTestcase(runCase(i+1, r))
		}
	}
	return s
}

func objectiveCase(f slo.Finding, j Judgement, runs []flows.Run) junit.Testcase {
	c := junit.Testcase{Name: f.Objective.Name, Classname: f.Objective.Probe}
	said, evidence := plain(Sentence(f)), plain(strings.Join(Evidence(f, runs), "\n"))
	switch {
	case f.Verdict == slo.Fail:
		c.Failure = &junit.Result{Message: said, Type: "slo", Data: evidence}
	case f.CouldNotMeasure:
		c.Error = &junit.Result{Message: said, Type: "could-not-measure", Data: evidence}
	case f.Verdict == slo.Inconclusive && j.Interrupted:
		c.Error = &junit.Result{Message: said, Type: "interrupted", Data: evidence}
	case f.Verdict == slo.Inconclusive && j.TakenFor == slo.Fail:
		c.Error = &junit.Result{Message: said, Type: "inconclusive", Data: evidence}
	case f.Verdict == slo.Inconclusive:
		c.Skipped = &junit.Result{Message: "inconclusive: " + said, Data: evidence}
	default:
		c.SystemOut = &junit.Output{Data: said}
	}
	return c
}

func runCase(n int, r flows.Run) junit.Testcase {
	c := junit.Testcase{Name: fmt.Sprintf("run %d", n), Classname: r.Probe, Time: seconds(r.Duration)}
	var why string
	if r.Failure != nil {
		why = plain(r.Failure.Error())
	}
	switch {
	case r.Outcome == flows.Failed && !r.Informational:
		c.Failure = &junit.Result{Message: why, Type: "run", Data: "trace " + r.TraceID}
	case r.Outcome == flows.Inconclusive && r.Failure != nil && r.Failure.Hop == flows.Prober:
		c.Error = &junit.Result{Message: why, Type: "could-not-measure", Data: "trace " + r.TraceID}
	case r.Outcome != flows.Success:
		c.Skipped = &junit.Result{Message: string(r.Outcome) + ": " + why}
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// plain drops what XML 1.0 cannot hold, and the end of a CDATA section.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.ReplaceAll(s, "]]>", "]] >")
}
