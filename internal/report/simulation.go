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
				means    string
			}{
				{"healthy", r.Healthy, ""},
				{"at its target of " + config.Ratio(r.Plan.Target).String(), r.AtTarget, "fail is a false fail"},
				{"at " + config.Ratio(r.Plan.Prove).String(), r.AtProve, "pass is a wrong pass"},
				{"half broken", r.Broken, ""},
			} {
				tw.AppendRow(table.Row{r.Objective.Name, x.platform, share(x.rates.Pass), share(x.rates.Fail), share(x.rates.Inconclusive),
					strconv.FormatFloat(x.rates.Runs, 'f', 1, 64), x.means})
			}
		}
		indent(&b, tw.Render())
		b.WriteByte('\n')
	}
	if len(alarms) > 0 {
		fmt.Fprintf(&b, "%s\n", t.bold("alerts, in 30 days"))
		tw := t.table("target", "a run every", "platform", "page 14.4x", "page 6x", "mostly bad", "any of them", "uncounted", "ticket 3x", "ticket 1x", "down")
		rightAlign(tw, 4, 11)
		for _, r := range alarms {
			tw.AppendRow(table.Row{config.Ratio(r.Target), config.Duration(r.Interval), r.Quality.Name, often(r.Page14), often(r.Page6), often(r.MostlyBad),
				often(r.Pages), often(r.Uncounted), often(r.Ticket3), often(r.Ticket1), often(r.Down)})
		}
		indent(&b, tw.Render())
		fmt.Fprint(&b, "  uncounted: any of them, if one bad run could be enough; down: three failed runs in a row\n")
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
