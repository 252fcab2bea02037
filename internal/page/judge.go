package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
)

// State is how a probe stands, or the platform as far as its probes see it.
type State string

// The states, from the best to the worst. Only Good is green.
const (
	Good       State = "good"
	Paused     State = "paused"
	NoEvidence State = "no evidence"      // nothing has been judged
	Stale      State = "stale"            // what was judged is too old to stand for now
	Unjudged   State = "cannot be judged" // the latest runs were the prober's own trouble
	Degraded   State = "degraded"
	Failing    State = "failing"
)

func (s State) rank() int {
	for n, other := range []State{Good, Paused, NoEvidence, Stale, Unjudged, Degraded, Failing} {
		if s == other {
			return n
		}
	}
	return -1
}

// Judgement is a state with its reason.
type Judgement struct {
	State State
	Why   string    // one clause; may be empty
	Since time.Time // zero: not known
}

// How many runs decide.
const (
	inARow = 3  // failures in a row are an outage, as for the alerts
	lately = 10 // the latest judged runs, of which
	tooBad = 2  // so many failures are more than a blip
)

// Judge says how a probe stands at now. Without a run that was judged lately nothing
// is good.
func Judge(p Probe, now time.Time) Judgement {
	var judged []digest.Mark
	var unclear []digest.Mark // the latest runs, when they could not be judged
	for _, m := range p.Marks {
		switch {
		case m.Judged():
			judged, unclear = append(judged, m), nil
		case m.Outcome == flows.Inconclusive:
			unclear = append(unclear, m)
		}
	}
	switch last, old := staleness(p.Status, judged, now); {
	case p.Status.Paused:
		return Judgement{State: Paused}
	case p.Status.Oversized:
		return Judgement{State: NoEvidence, Why: "one run takes more than the whole budget of the prober: none can start"}
	case len(unclear) >= inARow || len(judged) == 0 && len(unclear) > 0:
		return Judgement{State: Unjudged, Since: unclear[0].Started,
			Why: fmt.Sprintf("%s without a result, %s", lastRuns(len(unclear)), blame(unclear[len(unclear)-1].Failure))}
	case len(judged) == 0:
		return Judgement{State: NoEvidence, Why: "no run has finished yet"}
	case old:
		return Judgement{State: Stale, Since: last.Ended(), Why: fmt.Sprintf("the last run was %s, none was judged", plainly(last.Outcome))}
	}
	if j, failing := failures(judged); failing {
		return j
	}
	if j, burning := burning(p.Status, judged); burning {
		return j
	}
	return Judgement{State: Good, Why: headline(judged[len(judged)-1], p.Status.Flow)}
}

// staleness reports whether the last judged run is too old: three intervals, and time
// for a run on top.
func staleness(s ProbeStatus, judged []digest.Mark, now time.Time) (last digest.Mark, old bool) {
	if len(judged) == 0 {
		return last, false
	}
	last = judged[len(judged)-1]
	return last, now.Sub(last.Ended()) > inARow*s.Interval+time.Minute
}

// failures judges by outcomes: an outage, or more than a blip.
func failures(judged []digest.Mark) (Judgement, bool) {
	newest := len(judged) - 1
	row := 0
	for row <= newest && judged[newest-row].Outcome == flows.Failed {
		row++
	}
	if row >= inARow || row == len(judged) {
		return Judgement{State: Failing, Since: judged[len(judged)-row].Started, Why: blame(judged[newest].Failure)}, true
	}
	var bad []digest.Mark
	of := judged[max(0, len(judged)-lately):]
	for _, m := range of {
		if m.Outcome == flows.Failed {
			bad = append(bad, m)
		}
	}
	if row == 0 && len(bad) < tooBad {
		return Judgement{}, false
	}
	return Judgement{State: Degraded, Since: bad[0].Started,
		Why: fmt.Sprintf("%d of the last %s failed, at last %s", len(bad), runs(len(of)), blame(bad[len(bad)-1].Failure))}, true
}

// burning judges by the budgets that somebody is told about: one that is spent faster
// than it may be, over the shortest window and over an hour, is being missed now.
func burning(s ProbeStatus, judged []digest.Mark) (Judgement, bool) {
	var worst *ObjectiveStatus
	var rate float64
	for i, o := range s.Objectives {
		if o.Role == "inform" && !s.Informational { // an informational probe decides nothing anyway
			continue
		}
		if r, ok := spending(o.Burn); ok && r > max(rate, 1) {
			worst, rate = &s.Objectives[i], r
		}
	}
	if worst == nil {
		return Judgement{}, false
	}
	return Judgement{State: Degraded, Since: missedSince(*worst, s.Flow, judged), Why: fmt.Sprintf("%s; the budget of %s is spent %s as fast as it may be", missed(*worst, judged), worst.Name, times(rate))}, true
}

// spending is the lower of the burn rates over the shortest window and over the first
// that has an hour.
func spending(burn []Burn) (rate float64, ok bool) {
	hour := slices.IndexFunc(burn, func(b Burn) bool { return b.Window >= time.Hour })
	if hour < 0 {
		return 0, false
	}
	short, long := burn[0].Rate, burn[hour].Rate
	if short == nil || long == nil {
		return 0, false
	}
	return min(*short, *long), true
}

// missed says what is wrong when an objective is missed.
func missed(o ObjectiveStatus, judged []digest.Mark) string {
	switch {
	case o.Indicator == "delivery_ratio":
		sent, delivered := 0, 0
		of := judged[max(0, len(judged)-lately):]
		for _, m := range of {
			sent, delivered = sent+m.Sent, delivered+m.Delivered
		}
		if sent > delivered {
			return strings.TrimSpace(fmt.Sprintf("%s, %s of the frames", lossOf(of), share(1-float64(delivered)/float64(sent))))
		}
		return "frames are lost"
	case o.Threshold > 0:
		return fmt.Sprintf("%s over %s too often", spaced(o.Indicator), tick(o.Threshold))
	}
	return spaced(o.Indicator) + " missed"
}

// lossOf says on which leg the last of the runs that lost frames lost them, and at which
// handler when all that lost them there agree.
func lossOf(judged []digest.Mark) string {
	leg, handler := digest.NoLeg, 0
	for _, m := range slices.Backward(judged) {
		switch {
		case leg == digest.NoLeg:
			leg, handler = m.Lost, m.LostAt
		case m.Lost == leg && m.LostAt != handler:
			handler = 0
		}
	}
	text := strings.TrimSpace(string(leg) + " loss")
	if handler > 0 {
		text += fmt.Sprintf(" at handler %d", handler)
	}
	return text
}

// missedSince is when the first of the latest runs that miss o began, if the runs show
// it: zero when they do not.
func missedSince(o ObjectiveStatus, f flows.Flow, judged []digest.Mark) time.Time {
	// Good runs in between do not end it: a budget also burns when every other run is
	// bad. As many good ones in a row as are looked at do.
	var since time.Time
	good := 0
	for _, m := range slices.Backward(judged) {
		if good++; m.Outcome == flows.Failed || misses(m, o, f) {
			since, good = m.Started, 0
		}
		if good == lately {
			break
		}
	}
	return since
}

// misses reports whether what a run measured is short of o, as far as its mark shows.
func misses(m digest.Mark, o ObjectiveStatus, f flows.Flow) bool {
	switch {
	case o.Indicator == "delivery_ratio":
		return float64(m.Delivered) < o.Target*float64(m.Sent)
	case o.Threshold > 0 && o.Indicator == digest.Indicator(f):
		return m.Headline != nil && *m.Headline > o.Threshold
	}
	return false
}

func lastRuns(n int) string {
	if n == 1 {
		return "the last run"
	}
	return fmt.Sprintf("the last %d runs", n)
}

func plainly(o flows.Outcome) string {
	if o == flows.Success {
		return "good"
	}
	return "bad"
}
