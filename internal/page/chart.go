package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// chart is latency over time. Paths are on a field of 1000 by 100, labels on percent
// of the same field.
type chart struct {
	Title     string // says in words what is drawn
	Band      string // from the fastest to the slowest
	Median    string
	Tainted   []span1D
	Threshold *label
	Y         []label
	X         []string // beginning, middle and end
}

type span1D struct{ X, Width string }

// label is a line across the field with its text. At is percent from the top.
type label struct {
	At, Text string
	Below    bool // there is no room for the text above the line
}

// chartOf draws a pair's series; nil when there is nothing to draw.
func chartOf(s digest.Series, threshold time.Duration) *chart {
	if len(s.Points) < 2 {
		return nil
	}
	lowest, highest := s.Points[0].Low, s.Points[0].High
	for _, p := range s.Points {
		lowest, highest = min(lowest, p.Low), max(highest, p.High)
	}
	scale := scaleOf(lowest, highest, threshold)
	c := &chart{Title: fmt.Sprintf("One-way latency of %d frames over time, from %s to %s; logarithmic scale", s.Frames, report.Duration(lowest), report.Duration(highest))}
	x := func(i int) float64 { return 1000 * float64(i) / float64(len(s.Points)-1) }
	first, last := s.Points[0].At, s.Points[len(s.Points)-1].At
	if last > first {
		x = func(i int) float64 { return 1000 * float64(s.Points[i].At-first) / float64(last-first) }
		for _, at := range []time.Duration{first, (first + last) / 2, last} {
			c.X = append(c.X, fmt.Sprintf("%.1f s", at.Seconds()))
		}
	}
	var upper, lower, median strings.Builder
	for i, p := range s.Points {
		fmt.Fprintf(&upper, "%s%s %s", letter(i), coordinate(x(i)), coordinate(scale.y(p.High)))
		fmt.Fprintf(&median, "%s%s %s", letter(i), coordinate(x(i)), coordinate(scale.y(p.Median)))
		if p.Tainted {
			c.Tainted = append(c.Tainted, span1D{coordinate(x(i) - narrowest/2), coordinate(narrowest)})
		}
	}
	for i := len(s.Points) - 1; i >= 0; i-- {
		fmt.Fprintf(&lower, "L%s %s", coordinate(x(i)), coordinate(scale.y(s.Points[i].Low)))
	}
	c.Band, c.Median = upper.String()+lower.String()+"Z", median.String()
	for _, d := range scale.ticks() {
		c.Y = append(c.Y, labelAt(scale.y(d), tick(d)))
	}
	c.Threshold = thresholdLabel(scale, threshold)
	return c
}

func thresholdLabel(scale logScale, threshold time.Duration) *label {
	if threshold <= 0 {
		return nil
	}
	l := labelAt(scale.y(threshold), "threshold "+tick(threshold))
	return &l
}

func labelAt(y float64, text string) label {
	return label{At: coordinate(y), Text: text, Below: y < 25}
}

func letter(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
}
