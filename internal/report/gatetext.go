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

// Judgement prints a gate: the verdict in one line, what was proved about each
// objective, then the runs.
func (t Text) Judgement(w io.Writer, j Judgement, runs []flows.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.judged(j.Verdict, j.Line()))
	if j.WarmUp != nil {
		fmt.Fprintf(&b, "%s\n", j.WarmUp)
	}
	if len(j.Findings) > 0 {
		tab := t.table("objective", "verdict", "what the runs say")
		for _, f := range j.Findings {
			tab.AppendRow(table.Row{f.Objective.Name, t.judged(f.Verdict, string(f.Verdict)), Sentence(f, runs)})
		}
		indent(&b, tab.Render())
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return t.Write(w, runs)
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
