package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo/simulate"
)

// Simulation prints how often verdicts and alerts were wrong when they were played.
func (t Text) Simulation(w io.Writer, verdicts []simulate.VerdictRow, alarms []simulate.AlarmRow) error {
	var b strings.Builder
	if len(verdicts) > 0 {
		fmt.Fprintf(&b, "%s\n", t.bold("verdicts, as shares of all checks"))
		tw := t.table("objective", "platform", "pass", "fail", "inconclusive", "runs", "")
		rightAlign(tw, 3, 6)
		for _, r := range verdicts {
			for _, x := range []struct {
				platform string
				rates    simulate.Rates
				wrongly  string // the verdict that is wrong on it
			}{
				{"healthy", r.Healthy, ""},
				{"at its target of " + config.Ratio(r.Plan.Target).String(), r.AtTarget, "fail"},
				{"at " + config.Ratio(r.Plan.Prove).String(), r.AtProve, "pass"},
				{"half broken", r.Broken, ""},
			} {
				if r.Plan.Prove == 0 && x.wrongly == "pass" {
					continue // nothing is to be proven
				}
				means := ""
				if x.wrongly != "" {
					means = fmt.Sprintf("a %s is wrong", x.wrongly)
				}
				tw.AppendRow(table.Row{r.Objective.Name, x.platform, percent(x.rates.Pass), percent(x.rates.Fail), percent(x.rates.Inconclusive),
					strconv.FormatFloat(x.rates.Runs, 'f', 1, 64), means})
			}
		}
		indent(&b, tw.Render())
		b.WriteByte('\n')
	}
	if len(alarms) > 0 {
		fmt.Fprintf(&b, "%s\n", t.bold("alerts, in 30 days"))
		tw := t.table("target", "a run every", "platform", "burn 14.4x", "burn 6x", "mostly bad", "urgent", "uncounted", "burn 3x", "burn 1x", "down")
		rightAlign(tw, 4, 11)
		for _, r := range alarms {
			down := "-"
			if r.HasDown {
				down = often(r.Down)
			}
			tw.AppendRow(table.Row{config.Ratio(r.Target), config.Duration(r.Interval), r.Quality.Name, often(r.Burn14), often(r.Burn6), often(r.MostlyBad),
				often(r.Urgent), often(r.Uncounted), often(r.Burn3), often(r.Burn1), down})
		}
		indent(&b, tw.Render())
		fmt.Fprint(&b, "  urgent: any of the three before it, which page where the role says so; uncounted: urgent, if one bad run could be enough;\n"+
			"  burn 3x, burn 1x: tickets; down: three failed runs in a row\n")
	}
	if len(verdicts)+len(alarms) == 0 {
		b.WriteString("there are no objectives\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// often writes a number of times.
func often(n float64) string {
	if n == 0 {
		return "0"
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}
