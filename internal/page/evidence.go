package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
	"github.com/dark-tower/prober/internal/report"
)

// pairView is what one person heard of another.
type pairView struct {
	From, To  string
	Delivered string // share of the frames sent
	Counts    []fact
	Latency   []fact
	Chart     *chart
}

func pairOf(p flows.Pair, s digest.Series, threshold time.Duration) pairView {
	v := pairView{From: p.From, To: p.To, Delivered: noData, Chart: chartOf(s, threshold)}
	if ratio, ok := p.DeliveryRatio(); ok {
		v.Delivered = share(ratio)
	}
	number := func(name string, n int, class string) {
		f := fact{Name: name, Value: fmt.Sprint(n)}
		if n > 0 {
			f.Class = class
		}
		v.Counts = append(v.Counts, f)
	}
	number("sent", p.Sent, "")
	number("delivered", p.Delivered, "")
	number("lost at the sender", p.LostSender, "warn")
	number("lost on the uplink", p.LostUplink, "warn")
	number("lost on the downlink", p.LostDownlink, "warn")
	number("lost somewhere", p.LostUnattributed, "warn")
	number("late", p.Late, "warn")
	number("refused", p.Refused, "bad")
	for _, reason := range slices.Sorted(maps.Keys(p.RefusedBy)) {
		number("refused as "+reason, p.RefusedBy[reason], "bad")
	}
	number("duplicate", p.Duplicate, "")
	number("reordered", p.Reordered, "")
	if p.Muted > 0 {
		number("sent while muted by the platform", p.Muted, "")
	}
	if p.MissedDue > 0 {
		number("due times the prober missed", p.MissedDue, "warn")
	}

	add := func(name, value string) { v.Latency = append(v.Latency, fact{Name: name, Value: value}) }
	if d := p.Latency; d.Count > 0 {
		add("latency p50", report.Duration(d.P50))
		add("p95", report.Duration(d.P95))
		add("p99", report.Duration(d.P99))
		add("max", report.Duration(d.Max))
		add("jitter", report.Duration(p.Jitter))
	} else {
		add("latency", noData)
	}
	add("longest silence", report.Duration(p.LongestSilence))
	if p.RelayShare != nil {
		add("the relay's share", report.Duration(*p.RelayShare))
	}
	if p.SendLateness.Count > 0 {
		add("prober: sent late p99", report.Duration(p.SendLateness.P99))
	}
	if p.ReadLateness.Count > 0 {
		add("prober: read late p99", report.Duration(p.ReadLateness.P99))
	}
	return v
}

// connectionView is one connection to MC or MH. What is not known is empty.
type connectionView struct {
	Actor, Hop, HopClass string
	After                bool
	Facts                []fact
	Certificate          []fact
}

func connectionsOf(r flows.Run) []connectionView {
	var out []connectionView
	for _, c := range r.Connections {
		v := connectionView{Actor: c.Actor, Hop: hopName(c.Hop), HopClass: "hop-" + string(c.Hop), After: c.After}
		add := func(name, value, class string) { v.Facts = append(v.Facts, fact{name, value, class}) }
		dialect := c.Dialect
		if c.Family != "" {
			dialect += ", " + c.Family
		}
		if c.Mapped {
			dialect += ", address mapped"
		}
		add("speaks", dialect, "")
		if c.Handshake > 0 {
			add("handshake", report.Duration(c.Handshake), "")
		}
		rtt := noData
		if c.RTT > 0 {
			rtt = report.Duration(c.RTT)
			if c.SmoothedRTT > 0 {
				rtt = fmt.Sprintf("least %s, smoothed %s ± %s", rtt, report.Duration(c.SmoothedRTT), report.Duration(c.RTTVariation))
			}
		}
		add("round trip", rtt, "")
		if c.PacketsSent > 0 {
			add("packets", fmt.Sprintf("%d out, %d in", c.PacketsSent, c.PacketsReceived), "")
			add("lost of those sent", fmt.Sprintf("%d (%s)", c.PacketsLost, share(float64(c.PacketsLost)/float64(c.PacketsSent))), warnIf(c.PacketsLost > 0))
			add("bytes", fmt.Sprintf("%s out, %s in", size(c.BytesSent), size(c.BytesReceived)), "")
		}
		if c.DatagramsSent+c.DatagramsReceived > 0 {
			add("datagrams", fmt.Sprintf("%d out, %d in", c.DatagramsSent, c.DatagramsReceived), "")
		}
		if c.DroppedDatagrams > 0 {
			add("dropped by the prober", fmt.Sprint(c.DroppedDatagrams), "warn")
		}
		if c.CongestionWindow > 0 {
			add("congestion window", size(int64(c.CongestionWindow)), "")
		}
		if c.MTU > 0 {
			add("largest packet", size(int64(c.MTU)), "")
		}
		add("ended", endingOf(c.Ended), "")
		v.Certificate = certificateOf(c, r.Started)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b connectionView) int { return strings.Compare(a.Actor, b.Actor) })
	return out
}

func endingOf(e *flows.Ending) string {
	if e == nil {
		return "open when the run was judged"
	}
	text := fmt.Sprintf("by the %s after %s (%s", e.By, report.Duration(e.At), spaced(e.Via))
	if e.By == flows.ByNobody {
		text = fmt.Sprintf("in silence after %s (%s", report.Duration(e.At), spaced(e.Via))
	}
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	return text + ")"
}

// soon is when a certificate that is about to expire is worth a look.
const soon = 48 * time.Hour

func certificateOf(c flows.Connection, at time.Time) []fact {
	var facts []fact
	if k := c.Certificate; k != nil {
		trust := fact{Name: "accepted by", Value: string(k.Trust)}
		if k.Trust == flows.TrustNone {
			trust.Class = "warn"
		}
		facts = append(facts, fact{Name: "key", Value: k.Key}, trust,
			fact{Name: "valid from", Value: k.NotBefore.UTC().Format(time.DateTime)}, fact{Name: "until", Value: k.NotAfter.UTC().Format(time.DateTime)})
	}
	if !c.CertificateUntil.IsZero() {
		left := c.CertificateUntil.Sub(at)
		f := fact{Name: "chain expires", Value: fmt.Sprintf("%s, %s after the run", c.CertificateUntil.UTC().Format(time.DateTime), age(left)), Class: warnIf(left < soon)}
		if left <= 0 {
			f.Value, f.Class = c.CertificateUntil.UTC().Format(time.DateTime)+": has expired", "bad"
		}
		facts = append(facts, f)
	}
	return facts
}

// messageView is one line of the signaling conversation.
type messageView struct {
	At, Actor, Hop, HopClass string
	Sent                     bool
	Kind, Size, Note         string
}

func messageOf(m flows.Message) messageView {
	return messageView{At: report.Duration(m.At), Actor: m.Actor, Hop: hopName(m.Hop), HopClass: "hop-" + string(m.Hop),
		Sent: m.Direction == flows.SentMessage, Kind: m.Kind, Size: size(int64(m.Bytes)), Note: m.Note}
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
