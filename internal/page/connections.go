package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/report"
)

// matrix is the connections of a run side by side.
type matrix struct {
	Columns []matrixColumn
	Rows    []matrixRow
}

type matrixColumn struct {
	Actor, Hop, HopClass string
	After                bool
}

// matrixRow is one thing that is known of connections.
type matrixRow struct {
	Name  string
	Cells []fact // without names; of no value where it is not known
}

// soon is when a certificate that is about to expire is worth a look.
const soon = 48 * time.Hour

func connectionsOf(r flows.Run) *matrix {
	if len(r.Connections) == 0 {
		return nil
	}
	all := slices.Clone(r.Connections)
	slices.SortStableFunc(all, func(a, b flows.Connection) int { return strings.Compare(a.Actor, b.Actor) })
	m := &matrix{}
	for _, c := range all {
		hop := hopName(c.Hop)
		if c.Handler > 0 {
			hop += fmt.Sprintf(" %d", c.Handler)
		}
		m.Columns = append(m.Columns, matrixColumn{Actor: c.Actor, Hop: hop, HopClass: "hop-" + string(c.Hop), After: c.After})
	}
	for _, row := range slices.Concat(transportRows(), certificateRows(r.Started)) {
		out := matrixRow{Name: row.name}
		known := false
		for _, c := range all {
			value, class := row.cell(c)
			out.Cells = append(out.Cells, fact{Value: value, Class: class})
			known = known || value != ""
		}
		if known {
			m.Rows = append(m.Rows, out)
		}
	}
	return m
}

// question is what is asked of every connection; empty: not known.
type question struct {
	name string
	cell func(flows.Connection) (value, class string)
}

func transportRows() []question {
	positive := func(n int, text string) (string, string) {
		if n <= 0 {
			return "", ""
		}
		return text, ""
	}
	return []question{
		{"dialect", func(c flows.Connection) (string, string) {
			text := strings.TrimSuffix(c.Dialect+", "+c.Family, ", ")
			if c.Mapped {
				text += ", address mapped"
			}
			return text, ""
		}},
		{"handshake", func(c flows.Connection) (string, string) {
			return positive(int(c.Handshake), report.Duration(c.Handshake))
		}},
		{"least round trip", func(c flows.Connection) (string, string) { return positive(int(c.RTT), report.Duration(c.RTT)) }},
		{"smoothed round trip", func(c flows.Connection) (string, string) {
			return positive(int(c.SmoothedRTT), report.Duration(c.SmoothedRTT)+" ± "+report.Duration(c.RTTVariation))
		}},
		{"packets out", func(c flows.Connection) (string, string) { return positive(c.PacketsSent, fmt.Sprint(c.PacketsSent)) }},
		{"lost of those", func(c flows.Connection) (string, string) {
			if c.PacketsSent == 0 || c.PacketsLost == 0 {
				return positive(c.PacketsSent, "0")
			}
			return fmt.Sprintf("%d (%s)", c.PacketsLost, share(float64(c.PacketsLost)/float64(c.PacketsSent))), "warn"
		}},
		{"packets in", func(c flows.Connection) (string, string) {
			return positive(c.PacketsReceived, fmt.Sprint(c.PacketsReceived))
		}},
		{"bytes out, in", func(c flows.Connection) (string, string) {
			return positive(int(c.BytesSent), size(c.BytesSent)+", "+size(c.BytesReceived))
		}},
		{"datagrams out, in", func(c flows.Connection) (string, string) {
			return positive(c.DatagramsSent+c.DatagramsReceived, fmt.Sprintf("%d, %d", c.DatagramsSent, c.DatagramsReceived))
		}},
		{"dropped by the prober", func(c flows.Connection) (string, string) {
			text, _ := positive(c.DroppedDatagrams, fmt.Sprint(c.DroppedDatagrams))
			return text, warnIf(text != "")
		}},
		{"congestion window", func(c flows.Connection) (string, string) {
			return positive(c.CongestionWindow, size(int64(c.CongestionWindow)))
		}},
		{"largest packet", func(c flows.Connection) (string, string) { return positive(c.MTU, fmt.Sprintf("%d B", c.MTU)) }},
		{"ended", func(c flows.Connection) (string, string) { return endingOf(c.Ended), "" }},
	}
}

func certificateRows(at time.Time) []question {
	of := func(say func(*flows.Certificate) (string, string)) func(flows.Connection) (string, string) {
		return func(c flows.Connection) (string, string) {
			if c.Certificate == nil {
				return "", ""
			}
			return say(c.Certificate)
		}
	}
	return []question{
		{"certificate's key", of(func(k *flows.Certificate) (string, string) { return k.Key, "" })},
		{"accepted by", of(func(k *flows.Certificate) (string, string) {
			return string(k.Trust), warnIf(k.Trust == flows.TrustNone)
		})},
		{"valid from", of(func(k *flows.Certificate) (string, string) { return k.NotBefore.UTC().Format(time.DateTime), "" })},
		{"valid until", of(func(k *flows.Certificate) (string, string) { return k.NotAfter.UTC().Format(time.DateTime), "" })},
		{"chain expires", func(c flows.Connection) (string, string) {
			left := c.CertificateUntil.Sub(at)
			switch {
			case c.CertificateUntil.IsZero():
				return "", ""
			case left <= 0:
				return "has expired", "bad"
			}
			return age(left) + " after the run", warnIf(left < soon)
		}},
	}
}

func endingOf(e *flows.Ending) string {
	if e == nil {
		return "still open"
	}
	who := "by the " + string(e.By)
	if e.By == flows.ByNobody {
		who = "in silence"
	}
	text := fmt.Sprintf("%s after %s, %s", who, report.Duration(e.At), spaced(e.Via))
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	return text
}

func warnIf(cond bool) string {
	if cond {
		return "warn"
	}
	return ""
}

// size writes bytes.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
