package page

import (
	"fmt"
	"maps"
	"slices"
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
	number("lost at sender", p.LostSender, "warn")
	number("lost on uplink", p.LostUplink, "warn")
	v.Counts[len(v.Counts)-1].Value += report.LostAt(p, func(l flows.HandlerLoss) int { return l.Uplink })
	number("lost on downlink", p.LostDownlink, "warn")
	v.Counts[len(v.Counts)-1].Value += report.LostAt(p, func(l flows.HandlerLoss) int { return l.Downlink })
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
		add("sent late p99", report.Duration(p.SendLateness.P99))
	}
	if p.ReadLateness.Count > 0 {
		add("read late p99", report.Duration(p.ReadLateness.P99))
	}
	return v
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
