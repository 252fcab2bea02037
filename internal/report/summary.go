package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
)

// maxSummary keeps a summary far below what GitHub takes for a step, 1 MiB.
const maxSummary = 64 << 10

// Markdown writes a check for the summary of a pipeline's step.
func Markdown(w io.Writer, runs []flows.Run, j *Judgement, exitCode int) error {
	var b strings.Builder
	b.WriteString("### prober check\n\n")
	if j != nil {
		fmt.Fprintf(&b, "**%s**\n\n", cell(j.Line()))
		if j.WarmUp != nil {
			fmt.Fprintf(&b, "%s\n\n", j.WarmUp)
		}
		if len(j.Findings) > 0 {
			b.WriteString("| objective | verdict | what the runs say |\n|---|---|---|\n")
		}
		for _, f := range j.Findings {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(f.Objective.Name), f.Verdict, cell(Sentence(f)))
		}
		for _, f := range j.Aside {
			fmt.Fprintf(&b, "| %s | not judged | %s |\n", cell(f.Objective.Name), cell(Sentence(f)))
		}
		b.WriteByte('\n')
	}
	b.WriteString("| probe | runs | failed | inconclusive |\n|---|---|---|---|\n")
	for _, group := range byProbe(runs) {
		failed, open := 0, 0
		for _, r := range group {
			switch r.Outcome {
			case flows.Failed:
				failed++
			case flows.Inconclusive, flows.Aborted:
				open++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", cell(group[0].Probe), len(group), failed, open)
	}
	if j != nil {
		markdownEvidence(&b, *j, runs)
	}
	if failures := failures(runs); len(failures) > 0 {
		fmt.Fprintf(&b, "\n<details><summary>failures</summary>\n\n```\n%s\n```\n\n</details>\n", strings.ReplaceAll(strings.Join(failures, "\n"), "```", "'''"))
	}
	fmt.Fprintf(&b, "\nexit code %d\n\n", exitCode)
	out := b.String()
	if len(out) > maxSummary {
		out = strings.ToValidUTF8(out[:maxSummary], "") + "\n\n(cut)\n"
	}
	_, err := io.WriteString(w, out)
	return err
}

// failures are what went wrong with the runs of each probe.
func failures(runs []flows.Run) []string {
	var lines []string
	for _, group := range byProbe(runs) {
		bad := slices.DeleteFunc(slices.Clone(group), func(r flows.Run) bool { return r.Failure == nil })
		for _, line := range told(bad, func(r flows.Run) string { r.TraceID = ""; return Text{}.failure(r) }) {
			lines = append(lines, group[0].Probe+": "+line)
		}
	}
	return lines
}

// markdownEvidence says of each objective that is not proved what speaks against it.
func markdownEvidence(b *strings.Builder, j Judgement, runs []flows.Run) {
	for _, f := range j.Findings {
		lines := Evidence(f, runs)
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n\n", cell(f.Objective.Name))
		for _, line := range lines {
			fmt.Fprintf(b, "- %s\n", cell(line))
		}
	}
}

// cell makes a text safe inside a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}

// maxTermination is what Kubernetes keeps of a termination message, in bytes.
const maxTermination = 4096

// Termination is the message that a finished pod leaves: one JSON object, at most
// 4096 bytes, that loses what is least needed first.
func Termination(runs []flows.Run, j *Judgement, exitCode int) []byte {
	type short struct {
		Objective string      `json:"objective"`
		Verdict   slo.Verdict `json:"verdict"`
		Text      string      `json:"text,omitempty"`
	}
	message := struct {
		FormatVersion int         `json:"format_version"`
		ExitCode      int         `json:"exit_code"`
		Verdict       slo.Verdict `json:"verdict,omitempty"`
		Line          string      `json:"line"`
		Findings      []short     `json:"findings,omitempty"`
		FirstFailure  string      `json:"first_failure,omitempty"`
	}{FormatVersion: FormatVersion, ExitCode: exitCode, Line: Text{}.outcomes(runs)}
	for _, r := range runs {
		if r.Failure != nil && r.Outcome != flows.Aborted && message.FirstFailure == "" {
			message.FirstFailure = cut(r.Failure.Error(), 512)
		}
	}
	if j != nil {
		message.Verdict, message.Line = j.Verdict, cut(j.Line(), 1024)
		for _, f := range j.Findings {
			message.Findings = append(message.Findings, short{f.Objective.Name, f.Verdict, cut(Sentence(f), 256)})
		}
	}
	marshal := func() []byte { // strings and numbers: it cannot fail
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // people read it
		_ = enc.Encode(message)
		return bytes.TrimSpace(b.Bytes())
	}
	out := marshal()
	for len(out) > maxTermination && len(message.Findings) > 0 {
		message.Findings = message.Findings[:len(message.Findings)-1]
		out = marshal()
	}
	return out
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
