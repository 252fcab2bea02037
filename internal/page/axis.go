package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/internal/report"
)

// axis maps the time since a run's start to thousandths of a width. Where nothing was
// done for long it is broken: a pause of seconds would leave steps of milliseconds too
// narrow to be seen.
type axis struct {
	pieces []piece // from left to right, without a gap
}

type piece struct {
	interval
	broken   bool
	x, width float64
}

// interval is when something was done, or was not.
type interval struct{ from, to time.Duration }

// breakWidth is what is left of a long pause, in thousandths.
const breakWidth = 40.0

// axisOf makes an axis from 0 to end. A pause is long when it takes more than half of
// the time in which something was done; one at the end is left out.
func axisOf(busy []interval, end time.Duration) (a axis, cut bool) {
	pauses, done := pausesOf(busy, end)
	at := time.Duration(0)
	for _, p := range pauses {
		if done <= 0 || p.to-p.from <= done/2 {
			continue
		}
		if p.from > at {
			a.pieces = append(a.pieces, piece{interval: interval{at, p.from}})
		}
		if at = p.to; p.to == end {
			cut = true
			break
		}
		a.pieces = append(a.pieces, piece{interval: p, broken: true})
	}
	if !cut {
		a.pieces = append(a.pieces, piece{interval: interval{at, max(end, at+1)}})
	}
	a.layOut()
	return a, cut
}

// pausesOf returns when nothing was done between 0 and end, and for how long something
// was.
func pausesOf(busy []interval, end time.Duration) (pauses []interval, done time.Duration) {
	busy = slices.Clone(busy)
	slices.SortFunc(busy, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	at := time.Duration(0)
	for _, b := range append(busy, interval{end, end}) {
		b.from, b.to = min(max(b.from, 0), end), min(b.to, end)
		if b.from > at {
			pauses, at = append(pauses, interval{at, b.from}), b.from
		}
		if b.to > at {
			done, at = done+b.to-at, b.to
		}
	}
	return pauses, done
}

// layOut gives each piece its place: breaks have theirs, the rest is shared by time.
func (a *axis) layOut() {
	room, whole := 1000.0, time.Duration(0)
	for _, p := range a.pieces {
		if p.broken {
			room -= breakWidth
		} else {
			whole += p.to - p.from
		}
	}
	x := 0.0
	for i := range a.pieces {
		p := &a.pieces[i]
		if p.x, p.width = x, breakWidth; !p.broken {
			p.width = room * float64(p.to-p.from) / float64(whole)
		}
		x += p.width
	}
}

// at is where a moment lies, in thousandths.
func (a axis) at(t time.Duration) float64 {
	for _, p := range a.pieces {
		if t < p.to {
			return p.x + p.width*max(float64(t-p.from)/float64(p.to-p.from), 0)
		}
	}
	return 1000
}

func (a axis) end() time.Duration { return a.pieces[len(a.pieces)-1].to }

// place is where something lies on the axis, in thousandths.
func (a axis) place(from, took time.Duration) (x, width string) {
	left := a.at(from)
	wide := max(a.at(from+took)-left, narrowest)
	return coordinate(min(left, 1000-wide)), coordinate(wide)
}

// axisTick is a line across the lanes, and a label where there is room for one.
type axisTick struct {
	X    string // thousandths
	At   string // percent
	Text string // may be empty
	End  bool   // the text ends at the line
}

// labelRoom is what a label takes, in thousandths.
const labelRoom = 190.0

// ticks are at round durations, and where the axis goes on after a break.
func (a axis) ticks() []axisTick {
	type candidate struct {
		x    float64
		text string
		end  bool
	}
	var found []candidate
	taken := func(from float64) bool {
		return slices.ContainsFunc(found, func(c candidate) bool {
			if c.text == "" {
				return false
			}
			left := c.x
			if c.end {
				left -= labelRoom
			}
			return from < left+labelRoom && left < from+labelRoom
		})
	}
	whole := time.Duration(0)
	for i, p := range a.pieces {
		if !p.broken {
			whole += p.to - p.from
		}
		if i > 0 && !p.broken {
			found = append(found, candidate{p.x, report.Duration(p.from), p.x > 1000-labelRoom})
		}
	}
	quarter := niceQuarter(whole)
	for _, p := range a.pieces {
		first := (p.from + quarter - 1) / quarter * quarter
		for t := first; !p.broken && t >= first && t < p.to; t += quarter { // it may overflow
			c := candidate{x: a.at(t), text: tick(t)}
			if taken(c.x) {
				continue // its line would cross the other's text
			}
			if c.x > 1000-labelRoom/2 {
				c.text = ""
			}
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(a.x, b.x) })
	var out []axisTick
	for _, c := range found {
		out = append(out, axisTick{X: coordinate(c.x), At: coordinate(c.x / 10), Text: c.text, End: c.end})
	}
	return out
}

// breaks are where the axis leaves something out.
func (a axis) breaks() []span1D {
	var out []span1D
	for _, p := range a.pieces {
		if p.broken {
			out = append(out, span1D{coordinate(p.x), coordinate(p.width)})
		}
	}
	return out
}

// grid is the path of the ticks across a lane.
func grid(ticks []axisTick) string {
	var b strings.Builder
	for _, t := range ticks {
		fmt.Fprintf(&b, "M%s 0V12", t.X)
	}
	return b.String()
}
