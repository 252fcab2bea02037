package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// Text writes runs as tables, one block for each probe in order of appearance.
type Text struct {
	Color bool // ANSI colours
}

// Write prints all runs and a closing line.
func (t Text) Write(w io.Writer, runs []flows.Run) error {
	var b strings.Builder
	for _, group := range byProbe(runs) {
		t.probe(&b, group)
	}
	t.verdict(&b, runs)
	_, err := io.WriteString(w, b.String())
	return err
}

func byProbe(runs []flows.Run) [][]flows.Run {
	var order []string
	groups := make(map[string][]flows.Run)
	for _, r := range runs {
		if _, seen := groups[r.Probe]; !seen {
			order = append(order, r.Probe)
		}
		groups[r.Probe] = append(groups[r.Probe], r)
	}
	out := make([][]flows.Run, len(order))
	for i, name := range order {
		out[i] = groups[name]
	}
	return out
}

func (t Text) probe(b *strings.Builder, runs []flows.Run) {
	informational := ""
	if runs[0].Informational {
		informational = " (informational: decides nothing)"
	}
	fmt.Fprintf(b, "%s  %s%s\n", t.bold(runs[0].Probe), t.outcomes(runs), informational)
	if line := headline(runs); line != "" {
		fmt.Fprintf(b, "  %s\n", line)
	}
	t.steps(b, runs)
	t.pairs(b, runs)
	for _, r := range runs {
		if r.Failure != nil {
			fmt.Fprintf(b, "  %s\n", t.failure(r))
		}
	}
	for _, line := range slices.Concat(notable(runs), notes(runs)) {
		fmt.Fprintf(b, "  %s\n", line)
	}
	b.WriteByte('\n')
}

// headline is what the flow is there to measure.
func headline(runs []flows.Run) string {
	var media, restore, returner, stayer []time.Duration
	resumed := 0
	for _, r := range runs {
		if r.TimeToMedia != nil {
			media = append(media, *r.TimeToMedia)
		}
		if x := r.Restoration; x != nil && x.Restored {
			restore = append(restore, x.TimeToRestore)
			returner = append(returner, x.ReturnerSilence)
			stayer = append(stayer, x.StayerSilence)
			if x.Resumed {
				resumed++
			}
		}
	}
	switch {
	case len(media) > 0:
		return "time to media " + spread(flows.Summarise(media))
	case len(restore) > 0:
		identity := fmt.Sprintf("identity resumed in %d of %d", resumed, len(restore))
		return fmt.Sprintf("time to restore %s; silence: returner %s, stayer %s; %s", spread(flows.Summarise(restore)),
			duration(flows.Summarise(returner).Max), duration(flows.Summarise(stayer).Max), identity)
	}
	return ""
}

func spread(d flows.Distribution) string {
	if d.Count == 1 {
		return duration(d.Max)
	}
	return fmt.Sprintf("p50 %s, p95 %s, max %s", duration(d.P50), duration(d.P95), duration(d.Max))
}

type stepKey struct {
	actor string
	step  flows.Step
	after bool
}

func (t Text) steps(b *strings.Builder, runs []flows.Run) {
	var order []stepKey
	times := make(map[stepKey][]time.Duration)
	failed := make(map[stepKey]int)
	for _, r := range runs {
		for _, s := range r.Steps {
			k := stepKey{s.Actor, s.Step, s.After}
			if !slices.Contains(order, k) {
				order = append(order, k)
			}
			if s.Failure != nil {
				failed[k]++
			} else {
				times[k] = append(times[k], s.Duration)
			}
		}
	}
	if len(order) == 0 {
		return
	}
	tw := t.table("step", "hop", "who", "ok", "failed", "p50", "p95", "max")
	rightAlign(tw, 4, 8)
	for _, k := range order {
		name := string(k.step)
		if k.after {
			name += " (after the cut)"
		}
		d := flows.Summarise(times[k])
		row := table.Row{name, k.step.Owner(), k.actor, d.Count, blankZero(failed[k])}
		if d.Count > 0 {
			row = append(row, duration(d.P50), duration(d.P95), duration(d.Max))
		} else {
			row = append(row, "-", "-", "-")
		}
		tw.AppendRow(row)
	}
	indent(b, tw.Render())
}

// failure is one line: outcome, hop, step, reason, what was seen, trace.
func (t Text) failure(r flows.Run) string {
	f := r.Failure
	reason := string(f.Reason)
	if f.Cause != flows.CauseUnspecified {
		reason += "/" + string(f.Cause)
	}
	step := string(f.Step)
	if step == "" {
		step = "-"
	}
	if f.After {
		step += " (after the cut)"
	}
	first, _, _ := strings.Cut(f.Detail, "\n")
	line := fmt.Sprintf("%s: hop %s, step %s, %s: %s", t.outcome(r.Outcome), f.Hop, step, reason, first)
	if r.TraceID != "" {
		line += " [trace " + r.TraceID + "]"
	}
	return line
}

// notes say what the prober saw of itself, and which traces there are to find.
func notes(runs []flows.Run) []string {
	var out []string
	var lag time.Duration
	var tainted, samples, dropped, unclean int
	for _, r := range runs {
		lag = max(lag, r.Self.MaxLag)
		tainted += r.Self.TaintedFrames
		dropped += r.Self.DroppedDatagrams + r.Self.DroppedRecords
		unclean += r.Leaves.Unclean
		for _, p := range r.Pairs {
			samples += p.Latency.Count
		}
	}
	self := "prober: never more than " + duration(selfwatch.Late) + " late"
	if lag > 0 {
		self = "prober: up to " + duration(lag) + " late"
	}
	if samples > 0 {
		self += fmt.Sprintf(", %d of %d latency samples tainted", tainted, samples)
	}
	if dropped > 0 {
		self += fmt.Sprintf(", %d datagrams dropped by itself", dropped)
	}
	out = append(out, self)
	if unclean > 0 {
		out = append(out, fmt.Sprintf("prober: clean leaves missing: %d; the platform holds such a participant for up to 45 s", unclean))
	}
	for _, r := range runs {
		if r.TraceID != "" && r.Failure == nil && len(runs) == 1 {
			out = append(out, "trace "+r.TraceID)
		}
	}
	return out
}

func (t Text) verdict(b *strings.Builder, runs []flows.Run) {
	fmt.Fprintf(b, "%s: %s in %s\n", t.bold("check"), t.outcomes(runs), duration(Span(runs)))
}

// Span is the time from the first run's start to the last run's end.
func Span(runs []flows.Run) time.Duration {
	var first, last time.Time
	for _, r := range runs {
		if first.IsZero() || r.Started.Before(first) {
			first = r.Started
		}
		if end := r.Started.Add(r.Duration); end.After(last) {
			last = end
		}
	}
	return last.Sub(first)
}

func (t Text) outcomes(runs []flows.Run) string {
	if len(runs) == 0 {
		return "no runs"
	}
	count := make(map[flows.Outcome]int)
	for _, r := range runs {
		count[r.Outcome]++
	}
	if len(runs) == 1 {
		return t.outcome(runs[0].Outcome)
	}
	var parts []string
	for _, o := range flows.Outcomes() {
		if count[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[o], t.outcome(o)))
		}
	}
	return strings.Join(parts, ", ")
}

func (t Text) outcome(o flows.Outcome) string {
	if !t.Color {
		return string(o)
	}
	switch o {
	case flows.Success:
		return text.FgGreen.Sprint(o)
	case flows.Failed:
		return text.FgRed.Sprint(o)
	}
	return text.FgYellow.Sprint(o)
}

func (t Text) bold(s string) string {
	if !t.Color {
		return s
	}
	return text.Bold.Sprint(s)
}

func (t Text) table(header ...any) table.Writer {
	tw := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateHeader = false
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	if t.Color {
		style.Color.Header = text.Colors{text.Faint}
	}
	tw.SetStyle(style)
	tw.SuppressTrailingSpaces()
	tw.AppendHeader(table.Row(header))
	return tw
}

func rightAlign(tw table.Writer, from, to int) {
	var configs []table.ColumnConfig
	for n := from; n <= to; n++ {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	tw.SetColumnConfigs(configs)
}

func indent(b *strings.Builder, rendered string) {
	for line := range strings.Lines(rendered) {
		b.WriteString("  ")
		b.WriteString(line)
	}
	b.WriteByte('\n')
}

func blankZero(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// duration prints three digits at most, in the unit a person would say.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
