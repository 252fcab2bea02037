package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// spread is how the durations that matter are distributed over all runs of a probe.
type spread struct {
	Of        string // what is distributed
	Title     string // says in words what is drawn
	Caption   string // says what the axes are
	Columns   []column
	Y         []label
	Threshold *acrossLabel
	X         []acrossLabel
	Facts     []fact
}

// column is a bin; coordinates on a field of 1000 by 100.
type column struct {
	X, Y, Width, Height string
	Over                bool // above the threshold
}

// acrossLabel is a label at percent from the left; its anchor keeps it within the field.
type acrossLabel struct{ At, Text, Anchor string }

const bins = 40

// spreadOf pools the runs: every frame of media runs, the headline of others. Nil
// when too little was measured.
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
	if len(all) < 2 {
		return nil // a distribution of one is its headline
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
	var counts, overs [bins]int
	most := 0
	for _, x := range all {
		n := min(int(across(x)*bins/1000), bins-1)
		counts[n]++
		most = max(most, counts[n])
		if threshold > 0 && x > threshold {
			overs[n]++
		}
	}
	s := &spread{
		Of:      name,
		Caption: fmt.Sprintf("Number of %s by %s; logarithmic scale.", what, name),
		Y:       []label{{At: "0", Text: fmt.Sprint(most)}, {At: "100", Text: "0"}},
		Facts:   percentiles(what, d),
		Title:   "Distribution of " + name + ": " + inWords(percentiles(what, d)) + "; logarithmic scale",
	}
	for n, c := range counts {
		if c == 0 {
			continue
		}
		// One among thousands has to be seen, too.
		height := max(100*float64(c)/float64(most), 3)
		bad := min(height*float64(overs[n])/float64(c), height)
		s.add(n, bad, height-bad, false)
		s.add(n, 0, bad, true)
	}
	for _, x := range scale.ticks() {
		l := acrossLabel{coordinate(across(x) / 10), tick(x), "middle"}
		switch at := across(x); {
		case at < 50:
			l.Anchor = "start"
		case at > 950:
			l.Anchor = "end"
		}
		s.X = append(s.X, l)
	}
	if threshold > 0 {
		s.Threshold = &acrossLabel{coordinate(across(threshold) / 10), "threshold " + tick(threshold), "start"}
		if across(threshold) > 500 {
			s.Threshold.Anchor = "end"
		}
	}
	return s
}

// add adds what of a bin is on this side of the threshold, above what is there already.
func (s *spread) add(bin int, from, height float64, over bool) {
	if height <= 0 {
		return
	}
	s.Columns = append(s.Columns, column{X: coordinate(float64(bin)*1000/bins + 1), Width: coordinate(1000/bins - 2),
		Y: coordinate(100 - from - height), Height: coordinate(height), Over: over})
}

func inWords(facts []fact) string {
	var words []string
	for _, f := range facts {
		words = append(words, f.Name+" "+f.Value)
	}
	return strings.Join(words, ", ")
}

// How many values carry a percentile: fewer have none above it.
const (
	forP95 = 20
	forP99 = 100
)

// percentiles are those that so many values can carry.
func percentiles(what string, d flows.Distribution) []fact {
	facts := []fact{{Name: what, Value: fmt.Sprint(d.Count)}, {Name: "median", Value: report.Duration(d.P50)}}
	if d.Count >= forP95 {
		facts = append(facts, fact{Name: "p95", Value: report.Duration(d.P95)})
	}
	if d.Count >= forP99 {
		facts = append(facts, fact{Name: "p99", Value: report.Duration(d.P99)})
	}
	return append(facts, fact{Name: "worst", Value: report.Duration(d.Max)})
}
