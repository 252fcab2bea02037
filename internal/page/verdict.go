package page

import (
	"cmp"
	"fmt"
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
	if len(s.Head.Probes) > 0 {
		text := strings.Join(s.Head.Probes, ", ")
		if s.Head.More > 0 {
			text += fmt.Sprintf(" and %d more", s.Head.More)
		}
		return text + " " + string(s.State)
	}
	return s.Head.Text
}

// part is what the sentence says of one probe, of those that suffer from the same, or
// of all that are good.
type part struct {
	State  State
	Probes []string // to be named before the text; empty: it names them itself
	More   int      // further probes, for whose names there is no room
	Text   string
	Since  *moment
	since  time.Time
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
			parts = addPart(parts, p.Status.Name, j, o.Now)
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.State.rank(), a.State.rank()) })
	if len(good) > 0 {
		text := named(good) + " good"
		if len(parts) == 0 {
			text = "Good: " + named(good)
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
		parts = append(parts, part{State: Paused, Text: named(paused) + " paused"})
	}
	return sentence{State: parts[0].State, Head: parts[0].bounded(), Rest: bounded(parts[1:])}
}

// How much a verdict says; the cards have the rest, the worst first.
const (
	namesShown = 6 // of probes of which the same is said
	partsShown = 8
)

func named(probes []string) string {
	if len(probes) > namesShown {
		return count(len(probes), "probe")
	}
	return strings.Join(probes, ", ")
}

// bounded leaves out what there is no room for: of the parts that are not good, the
// least bad.
func bounded(parts []part) []part {
	bad := slices.IndexFunc(parts, func(p part) bool { return p.State == Good || p.State == Paused })
	if bad < 0 {
		bad = len(parts)
	}
	for i := range parts[:bad] {
		parts[i] = parts[i].bounded()
	}
	if bad <= partsShown {
		return parts
	}
	more := part{State: parts[partsShown-1].State}
	left := 0
	for _, p := range parts[partsShown-1 : bad] {
		left += len(p.Probes) + p.More
	}
	more.Text = fmt.Sprintf("%d more probes that are not good", left)
	return append(append(slices.Clone(parts[:partsShown-1]), more), parts[bad:]...)
}

func (p part) bounded() part {
	if n := len(p.Probes); n > namesShown {
		p.Probes, p.More = p.Probes[:namesShown-1], n-namesShown+1
	}
	return p
}

func allUntried(parts []part) bool {
	return !slices.ContainsFunc(parts, func(p part) bool { return p.State != NoEvidence })
}

// addPart adds what is said of a probe. Probes that suffer from the same share a part,
// which began with the first of them.
func addPart(parts []part, name string, j Judgement, now time.Time) []part {
	text := string(j.State)
	if j.Why != "" {
		text += ": " + j.Why
	}
	at := slices.IndexFunc(parts, func(p part) bool { return p.Text == text })
	if at < 0 {
		at = len(parts)
		parts = append(parts, part{State: j.State, Text: text, since: j.Since})
	}
	p := &parts[at]
	p.Probes = append(p.Probes, name)
	if j.Since.Before(p.since) {
		p.since = j.Since
	}
	p.Since = momentOf(p.since, now)
	return parts
}
