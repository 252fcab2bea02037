package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// stripSlots is how many runs a strip has room for; slotWidth is in its coordinates.
const (
	stripSlots = 60
	slotWidth  = 10
)

// strip is the last runs, newest at the right: how each ended, by colour and height,
// and above it how long what matters took.
type strip struct {
	Title string // says in words what is drawn
	Cells []cell
	Tally []tallyOf

	Line      string // the headline durations, as steps
	Over      string // those above the threshold
	Threshold *label
	Caption   string // what the line is, and its range; empty: there is none
}

type cell struct {
	X, Y, Height int
	Width        int
	Class        string
}

type tallyOf struct {
	Mark  mark
	Count int
}

func stripOf(marks []digest.Mark, flow flows.Flow, threshold time.Duration) strip {
	marks = marks[max(0, len(marks)-stripSlots):]
	var s strip
	counts := make(map[flows.Outcome]int)
	for i, m := range marks {
		c := cell{X: slotOf(i, len(marks)) + 1, Width: slotWidth - 2, Class: outcomeMark(m.Outcome).Class}
		switch m.Outcome { // the worse, the taller
		case flows.Success:
			c.Height = 10
		case flows.Failed:
			c.Height = 24
		case flows.Inconclusive:
			c.Height = 17
		default:
			c.Height = 4
		}
		c.Y = 24 - c.Height
		s.Cells = append(s.Cells, c)
		counts[m.Outcome]++
	}
	var words []string
	for _, o := range flows.Outcomes() {
		if counts[o] > 0 {
			s.Tally = append(s.Tally, tallyOf{outcomeMark(o), counts[o]})
			words = append(words, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	s.Title = "No run has finished yet"
	if len(marks) > 0 {
		s.Title = fmt.Sprintf("The last %s: %s", runs(len(marks)), strings.Join(words, ", "))
	}
	s.sparkline(marks, flow, threshold)
	return s
}

func slotOf(i, n int) int { return (stripSlots - n + i) * slotWidth }

// sparkline draws each headline duration across its run's slot.
func (s *strip) sparkline(marks []digest.Mark, flow flows.Flow, threshold time.Duration) {
	var known []time.Duration
	for _, m := range marks {
		if m.Headline != nil {
			known = append(known, *m.Headline)
		}
	}
	if len(known) == 0 {
		return
	}
	scale := scaleOf(append(known, threshold)...)
	var line, over strings.Builder
	joined := false
	for i, m := range marks {
		if m.Headline == nil {
			joined = false
			continue
		}
		x, y := slotOf(i, len(marks)), coordinate(scale.y(*m.Headline))
		if joined {
			fmt.Fprintf(&line, "V%sH%d", y, x+slotWidth)
		} else {
			fmt.Fprintf(&line, "M%d %sH%d", x, y, x+slotWidth)
		}
		joined = true
		if threshold > 0 && *m.Headline > threshold {
			fmt.Fprintf(&over, "M%d %sH%d", x, y, x+slotWidth)
		}
	}
	s.Line, s.Over = line.String(), over.String()
	s.Threshold = thresholdLabel(scale, threshold)
	d := flows.Summarise(known)
	s.Caption = fmt.Sprintf("%s: last %s, median %s, worst %s", headlineOf(flow), report.Duration(known[len(known)-1]), report.Duration(d.P50), report.Duration(d.Max))
	s.Title += "; " + s.Caption
}
