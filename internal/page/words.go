package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// noData stands wherever a value is not known.
const noData = "no data"

// blame says in a few words who did what, without a detail: it is read across a room.
func blame(f *flows.Failure) string {
	if f == nil {
		return "for no reason that was recorded"
	}
	at := ""
	if f.Step != "" {
		at = " at " + string(f.Step)
	}
	if f.After {
		at += " after the cut"
	}
	if f.Hop == flows.Prober {
		return causes[f.Cause] + " (the prober's own trouble" + at + ")"
	}
	who := strings.ToUpper(string(f.Hop))
	if f.Hop == flows.Network {
		who = "the network"
	}
	return who + " " + deeds[f.Reason] + at
}

var deeds = map[flows.Reason]string{
	flows.Unreachable: "is unreachable",
	flows.Timeout:     "does not answer",
	flows.TLS:         "shows a certificate that is not accepted",
	flows.Protocol:    "answers outside the contract",
	flows.Rejected:    "refuses",
	flows.Unavailable: "is unavailable",
	flows.Throttled:   "throttles",
	flows.Closed:      "closed the connection",
	flows.NoMedia:     "is silent",
	flows.Self:        "was not to blame",
}

var causes = map[flows.Cause]string{
	flows.CauseSetup:       "account, organisation, meeting or trust is not set up",
	flows.CauseLane:        "somebody was in the lane's meeting",
	flows.CauseLag:         "it was late itself",
	flows.CauseDrops:       "it dropped what it had received",
	flows.CauseNetwork:     "its own network failed",
	flows.CauseConfig:      "as configured, nothing can be measured",
	flows.CausePanic:       "it panicked",
	flows.CauseUnspecified: "it was stopped",
}

// headline says what the flow is there to measure.
func headline(m digest.Mark, f flows.Flow) string {
	if m.Headline == nil {
		return ""
	}
	text := headlineOf(f) + " " + report.Duration(*m.Headline)
	if m.Sent > 0 {
		text += ", " + share(float64(m.Delivered)/float64(m.Sent)) + " delivered"
	}
	return text
}

func headlineOf(f flows.Flow) string {
	if f == flows.Media {
		return "one-way latency p99"
	}
	return spaced(digest.Indicator(f))
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

func runs(n int) string { return count(n, "run") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// age says how long ago something was, as precisely as anybody wants to know.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// span writes an interval or a window: 15s, 5m, 1h, 30d.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return fmt.Sprintf("%d d", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.Round(time.Millisecond).String()
}

// short is span without its spaces, for a narrow place: 5m, 1h, 3d.
func short(d time.Duration) string {
	return strings.NewReplacer(" ", "", "min", "m").Replace(span(d))
}

// share writes percent with as many digits as tell it from 0 and from 100 %, cut off
// and never rounded up: 99.996 % are not 100 %.
func share(x float64) string {
	percent := x * 100
	digits := 1
	if x > 0.99 && x < 1 || x > 0 && x < 0.01 {
		digits = 2
	}
	if x > 0.9999 && x < 1 || x > 0 && x < 0.0001 {
		digits = 4
	}
	scale := math.Pow10(digits)
	cut := math.Floor(percent*scale+1e-6) / scale
	return strconv.FormatFloat(cut, 'f', -1, 64) + " %"
}

// times writes a factor.
func times(x float64) string {
	if x == 0 {
		return "0"
	}
	if x >= 10 {
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64) + "×"
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + "×"
}

// clock writes a moment; the day only when it is not that of now.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
