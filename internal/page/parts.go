package page

import (
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
)

// moment is a point in time as a page shows it.
type moment struct {
	ISO  string // for machines
	Text string // UTC
	Ago  string // before now; empty on a page that does not age
}

// momentOf is nil for a time that is not known. Without a now nothing ages.
func momentOf(t, now time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	m := &moment{ISO: t.UTC().Format(time.RFC3339Nano), Text: clock(t, now)}
	if !now.IsZero() {
		m.Ago = age(now.Sub(t))
	}
	return m
}

// momentIn writes the day only when it is not that of another moment, and does not age.
func momentIn(t, day time.Time) *moment {
	m := momentOf(t, time.Time{})
	if m != nil {
		m.Text = clock(t, day)
	}
	return m
}

// ahead is how long until t, or empty when that is past or not known.
func ahead(t, now time.Time) string {
	if !t.After(now) {
		return ""
	}
	return age(t.Sub(now))
}

// mark is the icon and the colour of a state or an outcome; never one without the
// other, and never without the word.
type mark struct {
	Icon  string // the id of a symbol in the sprite
	Class string
	Word  string
}

func (s State) Mark() mark {
	switch s {
	case Good:
		return mark{"good", "good", string(s)}
	case Degraded:
		return mark{"degraded", "warn", string(s)}
	case Failing:
		return mark{"failing", "bad", string(s)}
	case Unjudged:
		return mark{"unclear", "warn", string(s)}
	case Stale:
		return mark{"stale", "warn", string(s)}
	case Paused:
		return mark{"paused", "none", string(s)}
	}
	return mark{"empty", "none", string(s)}
}

func outcomeMark(o flows.Outcome) mark {
	switch o {
	case flows.Success:
		return mark{"good", "good", string(o)}
	case flows.Failed:
		return mark{"failing", "bad", string(o)}
	case flows.Inconclusive:
		return mark{"unclear", "warn", string(o)}
	}
	return mark{"paused", "none", string(o)}
}

func (v Verdict) Mark() mark {
	switch v {
	case Pass:
		return mark{"good", "good", string(v)}
	case Fail:
		return mark{"failing", "bad", string(v)}
	}
	return mark{"unclear", "warn", string(v)}
}

// trouble is what went wrong, with its evidence.
type trouble struct {
	Mark   mark
	Hop    string
	Step   string
	Reason string
	Code   string // the reason as series and logs have it, where it is said in other words
	Detail string
}

// troubles is what went wrong in the same way.
type troubles struct {
	trouble
	Various bool // the detail is that of the first, and others differ
	Count   int
	Runs    []incident
	More    int // further runs
}

// alike reports whether it went wrong in the same way, whatever the detail says: that
// may have numbers in it.
func (t trouble) alike(other trouble) bool {
	t.Detail, other.Detail = "", ""
	return t == other
}

// incident is a run in which it did.
type incident struct {
	When  *moment
	Link  string // to all that is known of the run; empty: there is none
	Trace string
}

// How much of it is shown; what is left out is counted.
const (
	incidentsShown = 5 // of one trouble
	troublesShown  = 12
)

// troublesOf puts together what went wrong in the same way, in the order of the first
// of each, and counts the runs for which there is no room.
func troublesOf(runs []flows.Run, tell func(flows.Run) incident) (out []troubles, omitted int) {
	for _, r := range runs {
		t := troubleOf(r)
		at := slices.IndexFunc(out, func(o troubles) bool { return o.alike(t) })
		switch {
		case at < 0 && len(out) == troublesShown:
			omitted++
			continue
		case at < 0:
			at = len(out)
			out = append(out, troubles{trouble: t})
		}
		o := &out[at]
		o.Count++
		o.Various = o.Various || o.Detail != t.Detail
		if len(o.Runs) == incidentsShown {
			o.More++
			continue
		}
		o.Runs = append(o.Runs, tell(r))
	}
	return out, omitted
}

func troubleOf(r flows.Run) trouble {
	t := trouble{Mark: outcomeMark(r.Outcome)}
	f := r.Failure
	if f == nil {
		t.Reason = "no reason was recorded"
		return t
	}
	t.Hop, t.Step, t.Reason, t.Detail = hopName(f.Hop), string(f.Step), string(f.Reason), f.Detail
	if f.After {
		t.Step += " after the cut"
	}
	if f.Cause != flows.CauseUnspecified {
		t.Reason, t.Code = causes[f.Cause], t.Reason+"/"+string(f.Cause)
	}
	return t
}

// hopName writes services as their letters and the rest as words.
func hopName(h flows.Hop) string {
	switch h {
	case flows.AC, flows.GC, flows.MC, flows.MH:
		return strings.ToUpper(string(h))
	}
	return string(h)
}

// fact is a line of a list of facts.
type fact struct {
	Name, Value string
	Class       string // good, warn, bad, none; empty: plain
}
