package simulate

import "time"

// The conditions of the shipped alerts. A pair of windows fires when both burn more
// than factor times the budget, and hold enough bad runs: one failed run is no outage,
// however fast it burns.
const (
	badInShort = 3
	badInLong  = 5
	downAfter  = 3 // failed runs in a row
	mostly     = 0.5
)

// alarm is an alert that fires once its condition has held for a while, and goes on
// firing for a while after it.
type alarm struct {
	hold, keep time.Duration
	since      time.Duration // when the condition began to hold; negative: it does not
	until      time.Duration // it fires until then
	firing     bool
	fired      int // how often it began to fire
}

func (a *alarm) evaluate(now time.Duration, condition, count bool) {
	if !condition {
		a.since = -1
		a.firing = a.firing && now < a.until
		return
	}
	if a.since < 0 {
		a.since = now
	}
	if now-a.since < a.hold && !a.firing {
		return
	}
	if !a.firing && count {
		a.fired++
	}
	a.firing, a.until = true, now+a.keep
}

// window sums the outcomes of the latest runs.
type window struct {
	runs   int // as many as begin within its length
	bad    int
	oldest int // index of the outcome that leaves it next, once it is full
}

// The windows that some condition looks at.
const (
	over5m = iota
	over15m
	over30m
	over1h
	over2h
	over6h
	over1d
	over3d
	windows
)

// lengths are those of the windows.
func lengths() [windows]time.Duration {
	return [...]time.Duration{5 * minute, 15 * minute, 30 * minute, time.Hour, 2 * time.Hour, 6 * time.Hour, day, 3 * day}
}

// watch is what the alerts see of one objective.
type watch struct {
	budget   float64
	wide     bool
	outcomes []bool // a ring as long as the longest window
	next     int
	n        int
	windows  [windows]window
	row      int // bad runs in a row
	alarms   []alarm
}

const minute = time.Minute

func newWatch(target float64, interval time.Duration) *watch {
	w := &watch{budget: 1 - target, wide: wide(target)}
	for i, d := range lengths() {
		w.windows[i].runs = max(int(d/interval), 1)
	}
	w.outcomes = make([]bool, w.windows[over3d].runs)
	w.alarms = []alarm{
		{hold: evaluation, keep: 10 * minute}, {hold: evaluation, keep: 10 * minute}, {hold: evaluation, keep: 10 * minute}, // pages
		{hold: 5 * minute, keep: 30 * minute}, {hold: 3 * time.Hour, keep: 3 * time.Hour}, // tickets
		{hold: evaluation, keep: max(5*minute, 2*downAfter*interval)},                // down
		{hold: evaluation, keep: 10 * minute}, {hold: evaluation, keep: 10 * minute}, // any page; any without counts
	}
	for i := range w.alarms {
		w.alarms[i].since = -1
	}
	return w
}

// run takes the outcome of the next run.
func (w *watch) run(bad bool) {
	for i := range w.windows {
		s := &w.windows[i]
		if w.n >= s.runs {
			if w.outcomes[s.oldest] {
				s.bad--
			}
			if s.oldest++; s.oldest == len(w.outcomes) {
				s.oldest = 0
			}
		}
		if bad {
			s.bad++
		}
	}
	w.outcomes[w.next] = bad
	if w.next++; w.next == len(w.outcomes) {
		w.next = 0
	}
	w.n++
	if w.row++; !bad {
		w.row = 0
	}
}

func (w *watch) evaluate(now time.Duration, count bool) {
	fast, slow := w.burns(14.4, over5m, over1h), w.burns(6, over30m, over6h)
	page14 := !w.wide && fast && w.counts(over5m, over1h)
	page6 := !w.wide && slow && w.counts(over30m, over6h)
	half := w.wide && w.share(over15m) > mostly && w.share(over5m) > mostly
	mostlyBad := half && w.windows[over15m].bad >= badInShort
	for i, condition := range []bool{
		page14, page6, mostlyBad,
		w.burns(3, over2h, over1d) && w.counts(over2h, over1d), w.burns(1, over6h, over3d) && w.counts(over6h, over3d),
		w.row >= downAfter,
		page14 || page6 || mostlyBad, !w.wide && (fast || slow) || half,
	} {
		w.alarms[i].evaluate(now, condition, count)
	}
}

// burns reports that both windows burn more than factor times the budget.
func (w *watch) burns(factor float64, short, long int) bool {
	return w.share(long) > factor*w.budget && w.share(short) > factor*w.budget
}

// counts reports that both windows hold enough bad runs.
func (w *watch) counts(short, long int) bool {
	return w.windows[short].bad >= badInShort && w.windows[long].bad >= badInLong
}

// share is the share of bad runs of a window.
func (w *watch) share(i int) float64 {
	s := &w.windows[i]
	n := min(w.n, s.runs)
	if n == 0 {
		return 0
	}
	return float64(s.bad) / float64(n)
}
