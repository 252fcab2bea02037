package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// How many runs a strip has room for: on a card always as many, so that cards can be
// compared; in a report at least and at most.
const (
	cardSlots   = 60
	fewestSlots = 20
	mostSlots   = 300
)

// stripWidth is in a strip's coordinates.
const stripWidth = 600.0

// strip is runs from left to right, the newest last: how each ended, by colour and
// height, and above it how long what matters took.
type strip struct {
	Title string // says in words what is drawn
	Cells []cell
	Tally []tallyOf
	Over  string // the time from the first to the last

	Line      string // the headline durations, as steps
	Slow      string // those above the threshold
	Threshold *label
	Caption   string // what the line is, and its range; empty: there is none

	slot, first float64 // how wide one is, and where the first begins
}

type cell struct {
	X, Width  string
	Y, Height int
	Class     string
}

type tallyOf struct {
	Mark  mark
	Count int
}

// stripOf is the last runs of a card, against its right edge: that is now.
func stripOf(marks []digest.Mark, flow flows.Flow, threshold time.Duration) strip {
	marks = marks[max(0, len(marks)-cardSlots):]
	const slot = stripWidth / cardSlots
	return stripAt(marks, flow, threshold, slot, stripWidth-slot*float64(len(marks)))
}

// wholeStrip is the runs of a check, over the whole width.
func wholeStrip(marks []digest.Mark, flow flows.Flow, threshold time.Duration) strip {
	marks = marks[max(0, len(marks)-mostSlots):]
	return stripAt(marks, flow, threshold, stripWidth/float64(max(len(marks), fewestSlots)), 0)
}

func stripAt(marks []digest.Mark, flow flows.Flow, threshold time.Duration, slot, first float64) strip {
	s := strip{slot: slot, first: first}
	counts := make(map[flows.Outcome]int)
	for i, m := range marks {
		c := cell{X: coordinate(s.at(i) + slot/10), Width: coordinate(slot * 0.8), Class: outcomeMark(m.Outcome).Class}
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
	if n := len(marks); n > 0 {
		s.Title = fmt.Sprintf("The last %s: %s", runs(n), strings.Join(words, ", "))
		if n > 1 && marks[n-1].Ended().Sub(marks[0].Started) >= time.Second {
			s.Over = "in " + age(marks[n-1].Ended().Sub(marks[0].Started))
		}
	}
	s.sparkline(marks, flow, threshold)
	return s
}

func (s strip) at(i int) float64 { return s.first + s.slot*float64(i) }

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
	var line, slow strings.Builder
	joined := false
	for i, m := range marks {
		if m.Headline == nil {
			joined = false
			continue
		}
		from, to, y := coordinate(s.at(i)), coordinate(s.at(i+1)), coordinate(scale.y(*m.Headline))
		if joined {
			fmt.Fprintf(&line, "V%sH%s", y, to)
		} else {
			fmt.Fprintf(&line, "M%s %sH%s", from, y, to)
		}
		joined = true
		if threshold > 0 && *m.Headline > threshold {
			fmt.Fprintf(&slow, "M%s %sH%s", from, y, to)
		}
	}
	s.Line, s.Slow = line.String(), slow.String()
	s.Threshold = thresholdLabel(scale, threshold)
	d := flows.Summarise(known)
	s.Caption = headlineOf(flow) + " " + report.Duration(known[0])
	if len(known) > 1 {
		s.Caption = fmt.Sprintf("%s: last %s, median %s, worst %s", headlineOf(flow), report.Duration(known[len(known)-1]), report.Duration(d.P50), report.Duration(d.Max))
	}
	s.Title += "; " + s.Caption
}
