package page

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

// waterfall is the steps of a run on one axis of time, person by person.
type waterfall struct {
	Caption string
	Ticks   []axisTick
	Grid    string   // the ticks across a lane
	Breaks  []span1D // pauses that are drawn shorter than they were
	Key     []string // what the signs mean that are in it
	Hops    []hopLabel
	People  []castMember
}

// hopLabel says what a colour means.
type hopLabel struct{ Hop, HopClass string }

type castMember struct {
	Actor string
	Bars  []bar
}

// bar is a step; X and Width are thousandths of the axis.
type bar struct {
	Step     string
	Hop      string
	HopClass string
	After    bool
	Measured bool
	X, Width string
	Beyond   bool // it goes on where the axis ends
	Took     string
	Failure  string // reason; empty: it was done
	Phases   []segment
}

// segment is a phase within its step.
type segment struct {
	Name     string
	X, Width string
	Shade    int // 0 or 1, in turns
	Took     string
}

// narrowest is how wide a bar is at the least, so that it can be seen.
const narrowest = 4.0

func waterfallOf(r flows.Run) waterfall {
	w := waterfall{Caption: "Steps of the run"}
	if len(r.Steps) == 0 {
		return w
	}
	steps := slices.Clone(r.Steps)
	slices.SortStableFunc(steps, func(a, b flows.StepResult) int { return a.Started.Compare(b.Started) })
	// The axis is the whole run: what is between and after its steps took time, too.
	from, to := r.Started, r.Started.Add(r.Duration)
	if first := steps[0].Started; first.Before(from) {
		from = first
	}
	for _, s := range steps {
		if end := s.Started.Add(s.Duration); end.After(to) {
			to = end
		}
	}
	whole := to
	talk, long := longest(steps, to.Sub(from))
	if long {
		to = talk.Started.Add(talk.Started.Sub(from) / 4)
	}
	var busy []interval
	for _, s := range steps {
		offset := s.Started.Sub(from)
		busy = append(busy, interval{offset, offset + s.Duration})
	}
	along, cut := axisOf(busy, to.Sub(from))
	w.Ticks, w.Breaks = along.ticks(), along.breaks()
	w.Key = keyOf(steps, len(w.Breaks) > 0)
	if long || cut {
		w.Key = append(w.Key, "the run goes on until "+report.Duration(whole.Sub(from)))
	}
	w.Grid = grid(w.Ticks)
	for _, s := range steps {
		at := slices.IndexFunc(w.People, func(c castMember) bool { return c.Actor == s.Actor })
		if at < 0 {
			at = len(w.People)
			w.People = append(w.People, castMember{Actor: s.Actor})
		}
		w.People[at].Bars = append(w.People[at].Bars, barOf(s, from, along))
		if l := (hopLabel{hopName(s.Step.Owner()), "hop-" + string(s.Step.Owner())}); !slices.Contains(w.Hops, l) {
			w.Hops = append(w.Hops, l)
		}
	}
	return w
}

// keyOf says what is not said by words in a waterfall.
func keyOf(steps []flows.StepResult, broken bool) []string {
	var key []string
	if slices.ContainsFunc(steps, func(s flows.StepResult) bool { return s.Measured }) {
		key = append(key, "•: counts for objectives")
	}
	if broken {
		key = append(key, "grey: a pause, drawn shorter than it was")
	}
	return key
}

// longest returns the step that would leave no room for the others: a talk of ten
// seconds after an entry of a few hundred milliseconds. It then runs off the axis, which
// is drawn for what came before it.
func longest(steps []flows.StepResult, whole time.Duration) (step flows.StepResult, long bool) {
	at := 0
	for i, s := range steps {
		if s.Duration > steps[at].Duration {
			at = i
		}
	}
	step = steps[at]
	before := step.Started.Sub(steps[0].Started)
	if before <= 0 || before > whole/5 || step.Duration < whole/2 {
		return step, false
	}
	for i, s := range steps {
		if end := s.Started.Add(s.Duration); i != at && end.After(step.Started.Add(before/4)) {
			return step, false // something else is there, too
		}
	}
	return step, true
}

func barOf(s flows.StepResult, from time.Time, along axis) bar {
	offset := s.Started.Sub(from)
	b := bar{Step: string(s.Step), Hop: hopName(s.Step.Owner()), HopClass: "hop-" + string(s.Step.Owner()), After: s.After, Measured: s.Measured,
		Took: report.Duration(s.Duration), Beyond: offset < along.end() && offset+s.Duration > along.end()}
	b.X, b.Width = along.place(offset, s.Duration)
	if s.Failure != nil {
		b.Failure = string(s.Failure.Reason)
	}
	for n, p := range s.Phases {
		seg := segment{Name: spaced(p.Name), Shade: n % 2, Took: report.Duration(p.Duration)}
		seg.X, seg.Width = along.place(offset, p.Duration)
		offset += p.Duration
		b.Phases = append(b.Phases, seg)
	}
	return b
}

func coordinate(x float64) string { return fmt.Sprintf("%.4g", math.Round(x*10)/10) }

// niceQuarter is the smallest round duration of which four cover total, a century at
// most: a step without a start lies ages before its run.
func niceQuarter(total time.Duration) time.Duration {
	const longest = 25 * 365 * 24 * time.Hour
	for unit := time.Microsecond; unit < longest; unit *= 10 {
		for _, m := range []time.Duration{10, 15, 20, 25, 30, 40, 50, 75} {
			if q := m * unit / 10; q >= (total-1)/4+1 {
				return q
			}
		}
	}
	return longest
}

// tick writes a round duration.
func tick(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%g µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
