package page

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// spread is how the durations that matter are distributed over all runs of a probe.
type spread struct {
	Title     string
	Columns   []column
	Threshold *acrossLabel
	X         []acrossLabel
	Facts     []fact
}

// column is a bin; coordinates on a field of 1000 by 100.
type column struct {
	X, Y, Width, Height string
	Over                bool // above the threshold
}

// acrossLabel is a label at percent from the left.
type acrossLabel struct {
	At, Text string
	End      bool // too near the right edge to begin there
}

const bins = 40

// spreadOf pools the runs: every frame of media runs, the headline of others. Nil
// when nothing was measured.
func spreadOf(runs []flows.Run, threshold time.Duration) *spread {
	var all []time.Duration
	what := "runs"
	for _, r := range runs {
		if r.Flow == flows.Media {
			what = "frames"
			for _, p := range r.Pairs {
				for _, s := range p.Samples {
					all = append(all, s.Latency)
				}
			}
			continue
		}
		if m := digest.MarkOf(r); m.Headline != nil {
			all = append(all, *m.Headline)
		}
	}
	if len(all) == 0 {
		return nil
	}
	d := flows.Summarise(all)
	name := headlineOf(runs[0].Flow)
	if what == "frames" {
		name = "one-way latency"
	}
	lowest, highest := all[0], all[0]
	for _, x := range all {
		lowest, highest = min(lowest, x), max(highest, x)
	}
	scale := scaleOf(lowest, highest, threshold)
	across := func(x time.Duration) float64 { return 1000 - 10*scale.y(x) }
	counts := [bins]int{}
	most := 0
	for _, x := range all {
		n := min(int(across(x)*bins/1000), bins-1)
		counts[n]++
		most = max(most, counts[n])
	}
	s := &spread{
		Title: fmt.Sprintf("Distribution of %s over %d %s: median %s, p95 %s, p99 %s, worst %s; logarithmic scale", name, len(all), what,
			report.Duration(d.P50), report.Duration(d.P95), report.Duration(d.P99), report.Duration(d.Max)),
		Facts: []fact{{Name: name + ", " + what, Value: fmt.Sprint(len(all))}, {Name: "p50", Value: report.Duration(d.P50)},
			{Name: "p95", Value: report.Duration(d.P95)}, {Name: "p99", Value: report.Duration(d.P99)}, {Name: "max", Value: report.Duration(d.Max)}},
	}
	for n, c := range counts {
		if c == 0 {
			continue
		}
		// One among thousands has to be seen, too.
		height := max(100*float64(c)/float64(most), 3)
		left := float64(n) * 1000 / bins
		s.Columns = append(s.Columns, column{X: coordinate(left + 1), Width: coordinate(1000/bins - 2), Y: coordinate(100 - height), Height: coordinate(height),
			Over: threshold > 0 && left >= across(threshold)})
	}
	for _, x := range scale.ticks() {
		s.X = append(s.X, acrossAt(across(x), tick(x)))
	}
	if threshold > 0 {
		l := acrossAt(across(threshold), "threshold "+tick(threshold))
		s.Threshold = &l
	}
	return s
}

func acrossAt(x float64, text string) acrossLabel {
	return acrossLabel{At: coordinate(x / 10), Text: text, End: x > 850}
}
