package page

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// sentence is the verdict on the platform: what is worst comes first.
type sentence struct {
	State State
	Head  part
	Rest  []part
}

// title is the sentence in the few words that a tab has room for.
func (s sentence) title() string {
	if s.Head.Probe != "" {
		return s.Head.Probe + " " + string(s.State)
	}
	return s.Head.Text
}

// part is what the sentence says of one probe, or of all that are good.
type part struct {
	State State
	Probe string // empty: it is of several
	Text  string
	Since *moment
}

// verdictOf judges the platform by its probes. Informational ones and those that are
// paused decide nothing; without any other there is no evidence.
func verdictOf(o Overview) sentence {
	var parts []part
	var good, paused []string
	for _, p := range o.Probes {
		if p.Status.Informational {
			continue
		}
		switch j := Judge(p, o.Now); j.State {
		case Good:
			good = append(good, p.Status.Name)
		case Paused:
			paused = append(paused, p.Status.Name)
		default:
			parts = append(parts, partOf(p.Status.Name, j, o.Now))
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.State.rank(), a.State.rank()) })
	if len(good) > 0 {
		text := strings.Join(good, ", ") + " good"
		if len(parts) == 0 {
			text = "Good: " + strings.Join(good, ", ")
		}
		parts = append(parts, part{State: Good, Text: text})
	}
	if len(parts) == 0 {
		why := "No evidence: no probe is configured that judges the platform"
		if len(paused) > 0 {
			why = "No evidence: every probe is paused"
		}
		return sentence{State: NoEvidence, Head: part{State: NoEvidence, Text: why}}
	}
	if allUntried(parts) {
		return sentence{State: NoEvidence, Head: part{State: NoEvidence, Text: "No evidence yet: no run has finished"}}
	}
	if len(paused) > 0 {
		parts = append(parts, part{State: Paused, Text: strings.Join(paused, ", ") + " paused"})
	}
	return sentence{State: parts[0].State, Head: parts[0], Rest: parts[1:]}
}

func allUntried(parts []part) bool {
	return !slices.ContainsFunc(parts, func(p part) bool { return p.State != NoEvidence })
}

func partOf(name string, j Judgement, now time.Time) part {
	p := part{State: j.State, Probe: name, Text: string(j.State)}
	if j.Why != "" {
		p.Text += ": " + j.Why
	}
	if !j.Since.IsZero() {
		p.Since = momentOf(j.Since, now)
	}
	return p
}
