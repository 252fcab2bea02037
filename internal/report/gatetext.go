package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/slo"
)

// columns is how wide a terminal is taken to be: sentences are wrapped to it.
const columns = 80

// Judgement prints a gate: the verdict in one line, a table of the objectives, what
// there is to say of each, and then the runs.
func (t Text) Judgement(w io.Writer, j Judgement, runs []flows.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.judged(j.color(), j.Line()))
	if j.WarmUp != nil {
		fmt.Fprintf(&b, "%s\n", j.WarmUp)
	}
	if len(j.Findings) > 0 {
		tab := t.table("objective", "verdict", "bad", "runs", "proves", "to prove")
		rightAlign(tab, 3, 6)
		for _, f := range j.Findings {
			tab.AppendRow(table.Row{f.Objective.Name, t.judged(f.Verdict, string(f.Verdict)), f.Bad, f.Judged, proves(f), toProve(f)})
		}
		indent(&b, tab.Render())
		b.WriteByte('\n')
	}
	for _, f := range j.Findings {
		hanging(&b, 2, f.Objective.Name+": "+Sentence(f))
		for _, line := range Evidence(f, runs) {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	if len(j.Aside) > 0 {
		b.WriteString("\n  not judged:\n")
	}
	for _, f := range j.Aside {
		hanging(&b, 4, f.Objective.Name+": "+Sentence(f))
	}
	if len(j.Findings) > 0 {
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return t.Write(w, runs)
}

// color is the verdict that the first line looks like.
func (j Judgement) color() slo.Verdict {
	if j.Interrupted {
		return slo.Inconclusive
	}
	return j.Verdict
}

func proves(f slo.Finding) string {
	if f.Proves == nil || f.Verdict == slo.Fail {
		return "-"
	}
	return proved(*f.Proves)
}

func toProve(f slo.Finding) string {
	if f.Plan.Prove == 0 {
		return "-"
	}
	return share(f.Plan.Prove)
}

// bound is a blank that no sentence is wrapped at. It is of the private use, since what
// wraps takes a no-break space for a space.
const bound = "\ue000"

// bind keeps numbers with their units and relations.
func bind(s string) string { return strings.NewReplacer(" %", bound+"%", "= ", "="+bound).Replace(s) }

func unbind(s string) string { return strings.ReplaceAll(s, bound, " ") }

// hanging writes a paragraph with its first line further out than the others.
func hanging(b *strings.Builder, margin int, paragraph string) {
	for i, line := range strings.Split(text.WrapSoft(bind(paragraph), columns-margin-2), "\n") {
		if i == 1 {
			margin += 2
		}
		fmt.Fprintf(b, "%*s%s\n", margin, "", unbind(strings.TrimRight(line, " ")))
	}
}

func (t Text) judged(v slo.Verdict, what string) string {
	if !t.Color {
		return what
	}
	color := text.FgYellow
	switch v {
	case slo.Pass:
		color = text.FgGreen
	case slo.Fail:
		color = text.FgRed
	}
	return color.Sprint(what)
}
