package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
	"github.com/dark-tower/prober/internal/slo/blocks"
)

// Objectives prints what the objectives of a configuration come down to: what a bad
// run costs, and which counts of bad runs decide a check.
func (t Text) Objectives(w io.Writer, cfg *config.Config) error {
	var b strings.Builder
	objectives := slo.Objectives(cfg)
	if len(objectives) == 0 {
		_, err := io.WriteString(w, "there are no objectives\n")
		return err
	}
	fmt.Fprintf(&b, "%s\n", t.bold("budgets"))
	tw := t.table("objective", "service", "good is", "target", "role", "a run every", "may be bad", "one bad run takes", "1% needs a run every")
	rightAlign(tw, 6, 9)
	for _, o := range objectives {
		tw.AppendRow(budgetRow(o))
	}
	indent(&b, tw.Render())
	if gating := slo.Checked(objectives); len(gating) > 0 {
		if err := t.gates(&b, cfg, gating); err != nil {
			return err
		}
	}
	for _, o := range slo.Gating(objectives) {
		if o.Unchecked {
			fmt.Fprintf(&b, "  %s gates, and no check judges it: its probe has no lane for checks\n", o.Name)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func budgetRow(o slo.Objective) table.Row {
	good := string(o.SLI)
	if o.Threshold > 0 {
		good += " up to " + config.Duration(o.Threshold).String()
	}
	role := string(o.Role)
	if o.Informational {
		role = "-"
	}
	row := table.Row{o.Name, o.Service, good, config.Ratio(o.Target), role}
	perRun := max(1, o.EventsPerRun)
	allowed, known := o.Allowed()
	if !known {
		return append(row, "-", "-", "-", "-")
	}
	allowed /= perRun
	unit := config.Duration(o.Window).String()
	every := time.Duration(float64(o.Interval) * perRun)
	needed := time.Duration(o.Budgeted() * float64(o.Window) / 100)
	return append(row, config.Duration(every), fmt.Sprintf("%s in %s", strconv.FormatFloat(allowed, 'f', 1, 64), unit),
		percent(1/allowed), config.Duration(rough(needed)))
}

// gates prints how a check decides.
func (t Text) gates(b *strings.Builder, cfg *config.Config, gating []slo.Objective) error {
	fmt.Fprintf(b, "\n%s\n", t.bold("gate"))
	tw := t.table("objective", "runs", "passes with bad", "fails with bad", "a pass proves", "false fail", "wrong pass", "passes at its target", "takes at least")
	rightAlign(tw, 2, 9)
	blocked := false
	var all float64
	for _, o := range gating {
		plan, err := o.GatePlan(len(gating))
		if err != nil {
			return err
		}
		proves := "nothing"
		if plan.Prove > 0 {
			proves = config.Ratio(plan.Prove).String()
		}
		row := table.Row{o.Name, plan.Runs}
		if o.Blocks() {
			blocked = true
			all += slo.FailLevel(plan.Confidence, len(gating))
			row = append(row, "*", "*", proves, "<= "+percent(slo.FailLevel(plan.Confidence, len(gating))), "<= "+percent(1-plan.Confidence), "*")
		} else {
			all += plan.FalseFail()
			row = append(row, upTo(plan.PassUpTo), from(plan.FailFrom, plan.Runs), proves, percent(plan.FalseFail()), percent(plan.WrongPass()), percent(plan.PassAt(plan.Target)))
		}
		tw.AppendRow(append(row, atLeast(cfg, o)))
	}
	indent(b, tw.Render())
	if blocked {
		for _, o := range gating {
			if o.Blocks() {
				fmt.Fprintf(b, "  * %s is about events that come many to a run: each run weighs by its share of good ones, and %d clean runs pass\n",
					o.Name, blocks.CleanRuns(float64(o.Gate.Prove), float64(o.Gate.Confidence)))
			}
		}
	}
	fmt.Fprintf(b, "  what lies between pass and fail is inconclusive; a platform exactly at all its targets fails with at most %s\n", percent(all))
	if slo.FailLevel(0.95, len(gating)) < slo.FailLevel(0.95, 1) {
		fmt.Fprint(b, "  these share their false fails; where --probe leaves three or fewer of them, a fail can take one bad run less\n")
	}
	return nil
}

func upTo(k int) string {
	switch {
	case k < 0:
		return "never"
	case k == 0:
		return "0"
	}
	return fmt.Sprintf("<= %d", k)
}

func from(k, runs int) string {
	if k > runs {
		return "never"
	}
	return fmt.Sprintf(">= %d", k)
}

// atLeast is how long the runs of a gate take, if they do nothing but what they must
// and the lanes rest.
func atLeast(cfg *config.Config, o slo.Objective) string {
	p, _ := cfg.Probe(o.Probe)
	lanes := cfg.LanesOf(p, config.Check)
	var rest time.Duration
	for _, l := range lanes {
		rest = max(rest, l.Rest.D())
	}
	took := time.Duration(float64(o.Gate.Runs)/float64(len(lanes))*float64(config.LeastDuration(p).D()+rest) + 0.5)
	return config.Duration(took.Round(time.Second)).String()
}

// rough leaves no digits behind the seconds that nobody would configure.
func rough(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Truncate(time.Second)
	}
	return d.Truncate(100 * time.Millisecond)
}

// percent writes a share with two or three digits, and not as nothing what is little.
func percent(s float64) string {
	switch {
	case math.IsNaN(s), math.IsInf(s, 0):
		return "-"
	case s == 0:
		return "0%"
	case s < 0.0001:
		return "<0.01%"
	case s < 0.0995:
		return strconv.FormatFloat(100*s, 'f', 2, 64) + "%"
	}
	return strconv.FormatFloat(100*s, 'f', 1, 64) + "%"
}
