package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
)

// soonExpired is how long before its end a certificate is worth a line.
const soonExpired = 48 * time.Hour

// notable says what there is to say of connections, certificates and signaling of
// some runs of one probe; mostly there is nothing.
func notable(runs []flows.Run) []string {
	var out []string
	for _, r := range runs {
		for _, c := range r.Connections {
			if e := c.Ended; e != nil && e.By != flows.ByProber {
				out = append(out, ending(c))
			}
		}
		if f := r.Failure; f != nil && r.Outcome == flows.Failed {
			if m, ok := lastWord(r, f.Actor); ok {
				out = append(out, fmt.Sprintf("signaling: the last of %s, %s into the run of %s: %s", m.Actor, duration(m.At), duration(r.Duration), m))
			}
		}
	}
	return append(append(out, expiries(runs)...), traces(runs)...)
}

func ending(c flows.Connection) string {
	who := "the platform ended"
	if c.Ended.By == flows.ByNobody {
		who = "nothing was heard any more on"
	}
	return fmt.Sprintf("%s the connection of %s to %s %s into the run (%s, code %d)", who, c.Actor, c.Hop, duration(c.Ended.At), c.Ended.Via, c.Ended.Code)
}

// lastWord is the last message of somebody's signaling.
func lastWord(r flows.Run, actor string) (word, bool) {
	for _, m := range slices.Backward(r.Transcript.Messages) {
		if m.Actor == actor || actor == "" {
			return word{m}, true
		}
	}
	return word{}, false
}

// word prints a message.
type word struct{ flows.Message }

func (w word) String() string {
	s := fmt.Sprintf("%s %s", w.Direction, w.Kind)
	if w.Note != "" {
		s += " (" + w.Note + ")"
	}
	return s
}

// expiries are the certificates that end soon, each hop's first.
func expiries(runs []flows.Run) []string {
	first := make(map[flows.Hop]time.Duration)
	for _, r := range runs {
		for _, c := range r.Connections {
			left := c.CertificateUntil.Sub(r.Started)
			if c.CertificateUntil.IsZero() || left > soonExpired {
				continue
			}
			if known, ok := first[c.Hop]; !ok || left < known {
				first[c.Hop] = left
			}
		}
	}
	var out []string
	for _, hop := range []flows.Hop{flows.MC, flows.MH} {
		if left, ok := first[hop]; ok {
			out = append(out, fmt.Sprintf("certificate: that of %s ends in %s", hop, left.Round(time.Minute)))
		}
	}
	return out
}

// traces says which answers were not in our trace, other than those of a platform
// that does not trace.
func traces(runs []flows.Run) []string {
	count := make(map[flows.Continuity]int)
	for _, r := range runs {
		for _, c := range r.Continuity {
			if c.Result == flows.TraceBroken || c.Result == flows.TraceLinked {
				count[c]++
			}
		}
	}
	var kinds []flows.Continuity
	for c := range count {
		kinds = append(kinds, c)
	}
	slices.SortFunc(kinds, func(a, b flows.Continuity) int {
		return cmp.Or(cmp.Compare(a.Hop, b.Hop), cmp.Compare(a.Result, b.Result))
	})
	var out []string
	for _, c := range kinds {
		what := "with no span of its own"
		if c.Result == flows.TraceLinked {
			what = "in a trace of its own, which ours is linked with"
		}
		out = append(out, fmt.Sprintf("trace: answers of %s %s: %d", c.Hop, what, count[c]))
	}
	return out
}
