package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// runView is everything that is known of a run, ready to be shown. It serves the
// run's own page and the report alike.
type runView struct {
	Mark        mark
	Probe       string
	ID          string
	When        *moment
	Took        string
	Head        string // what the flow is there to measure
	Failure     *trouble
	Short       []string // objectives that it is short of although it succeeded
	Facts       []fact
	Waterfall   waterfall
	Restoration []fact
	Pairs       []pairView
	Connections *matrix
	Transcript  []messageView
	Omitted     int
	Traces      []fact
	Self        []fact
	Log         []string
	Served      bool // by a daemon, which has an overview to go back to
}

func runOf(v RunView, threshold time.Duration, now time.Time) runView {
	r := v.Run
	out := runView{
		Mark: outcomeMark(r.Outcome), Probe: r.Probe, ID: r.ID, When: momentOf(r.Started, now), Took: report.Duration(r.Duration),
		Head: headline(digest.MarkOf(r), r.Flow), Facts: factsOf(v), Waterfall: waterfallOf(r), Restoration: restorationOf(r.Restoration),
		Connections: connectionsOf(r), Omitted: r.Transcript.Omitted, Self: selfOf(r), Log: v.Log,
	}
	if r.Failure != nil {
		t := troubleOf(r)
		out.Failure = &t
	}
	series := v.Series
	if series == nil {
		series = digest.SeriesOf(r.Pairs)
	}
	for i, p := range r.Pairs {
		if i < len(series) {
			out.Pairs = append(out.Pairs, pairOf(p, series[i], threshold))
		}
	}
	for _, m := range r.Transcript.Messages {
		out.Transcript = append(out.Transcript, messageOf(m))
	}
	out.Traces = tracesOf(r.Continuity)
	return out
}

// tracesOf counts the answers of each hop by what became of the run's trace in them.
func tracesOf(all []flows.Continuity) []fact {
	var kinds []flows.Continuity
	counts := make(map[flows.Continuity]int)
	for _, c := range all {
		if counts[c]++; counts[c] == 1 {
			kinds = append(kinds, c)
		}
	}
	var out []fact
	for _, c := range kinds {
		f := fact{Name: hopName(c.Hop), Value: fmt.Sprintf("%s in %s", c.Result, count(counts[c], "answer"))}
		if c.Result == flows.TraceBroken {
			f.Class = "bad"
		}
		out = append(out, f)
	}
	return out
}

func factsOf(v RunView) []fact {
	r := v.Run
	facts := []fact{
		{Name: "flow", Value: string(r.Flow)},
		{Name: "started by", Value: string(r.Trigger)},
		{Name: "run", Value: r.ID},
	}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{Name: name, Value: value})
		}
	}
	add("lane", r.Lane)
	add("trace", r.TraceID)
	if v.Kept {
		add("its trace", "exported")
	}
	add("connections", map[bool]string{true: "all new, as a person's are", false: "some were open already"}[r.Cold])
	leaves := count(r.Leaves.Clean, "clean leave")
	if r.Leaves.Unclean > 0 {
		facts = append(facts, fact{Name: "left", Value: fmt.Sprintf("%s, %d unclean: the platform holds those people for a while", leaves, r.Leaves.Unclean), Class: "warn"})
	} else if r.Leaves.Clean > 0 {
		add("left", leaves)
	}
	if r.Informational {
		add("informational", "shown and counted, never judged")
	}
	return facts
}

func restorationOf(x *flows.Restoration) []fact {
	if x == nil {
		return nil
	}
	facts := []fact{{Name: "lost", Value: string(x.Disconnect)}}
	if !x.Restored {
		return append(facts, fact{Name: "restored", Value: "no", Class: "bad"})
	}
	identity := "a new one was given"
	if x.Resumed {
		identity = "resumed"
	}
	return append(facts,
		fact{Name: "time to restore", Value: report.Duration(x.TimeToRestore)},
		fact{Name: "identity", Value: identity},
		fact{Name: "silence of the returner", Value: report.Duration(x.ReturnerSilence)},
		fact{Name: "silence of the stayer", Value: report.Duration(x.StayerSilence)})
}

// hold says which objectives a run that succeeded is short of: it worked, and that is
// not all that is asked for.
func (v *runView) hold(r flows.Run, objectives []ObjectiveStatus) {
	if r.Outcome != flows.Success {
		return
	}
	m := digest.MarkOf(r)
	for _, o := range objectives {
		if o.Role != "inform" && misses(m, o, r.Flow) {
			v.Short = append(v.Short, fmt.Sprintf("%s (%s)", meaning(o.Indicator, o.Threshold, o.Target), o.Name))
		}
	}
	if len(v.Short) > 0 {
		v.Mark.Icon, v.Mark.Class = Degraded.Mark().Icon, Degraded.Mark().Class
	}
}

// selfOf is what the prober saw of itself.
func selfOf(r flows.Run) []fact {
	s := r.Self
	samples := 0
	for _, p := range r.Pairs {
		samples += p.Latency.Count
	}
	facts := []fact{{Name: "worst lateness", Value: report.Duration(s.MaxLag)}}
	number := func(name string, n int, class string) {
		f := fact{Name: name, Value: fmt.Sprint(n)}
		if n > 0 {
			f.Class = class
		}
		facts = append(facts, f)
	}
	if samples > 0 {
		number("latency samples", samples, "")
		number("of those taken while it was late", s.TaintedFrames, "warn")
	}
	number("datagrams it dropped itself", s.DroppedDatagrams, "warn")
	number("records it dropped", s.DroppedRecords, "warn")
	if s.Slept != 0 {
		facts = append(facts, fact{Name: "the machine slept", Value: report.Duration(s.Slept), Class: "warn"})
	}
	if s.ClockSet != 0 {
		facts = append(facts, fact{Name: "the clock was set by", Value: s.ClockSet.Round(time.Millisecond).String(), Class: "warn"})
	}
	if len(s.Taints) > 0 {
		var taints []string
		for _, c := range s.Taints {
			taints = append(taints, string(c))
		}
		facts = append(facts, fact{Name: "tainted by", Value: strings.Join(taints, ", "), Class: "warn"})
	}
	return facts
}
