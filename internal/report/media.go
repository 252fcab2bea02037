package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/dark-tower/prober/flows"
)

// pairs shows the media evidence, one line for each ordered pair of people.
func (t Text) pairs(b *strings.Builder, runs []flows.Run) {
	tw := t.table("media", "sent", "delivered", "latency p50", "p95", "p99", "max", "jitter", "silence", "not delivered")
	rightAlign(tw, 2, 9)
	merged := mergePairs(runs)
	for _, p := range merged {
		ratio, ok := p.DeliveryRatio()
		delivered := "-"
		if ok {
			delivered = fmt.Sprintf("%.1f %%", 100*ratio)
		}
		row := table.Row{p.From + " > " + p.To, p.Sent, delivered}
		if d := p.Latency; d.Count > 0 {
			row = append(row, duration(d.P50), duration(d.P95), duration(d.P99), duration(d.Max), duration(p.Jitter))
		} else {
			row = append(row, "-", "-", "-", "-", "-")
		}
		tw.AppendRow(append(row, duration(p.LongestSilence), fates(p)))
	}
	if len(merged) > 0 {
		indent(b, tw.Render())
	}
}

// fates says in words what became of the frames that were not plainly delivered.
func fates(p flows.Pair) string {
	var parts []string
	for _, f := range []struct {
		n    int
		what string
	}{
		{p.LostSender, "lost at the sender"},
		{p.LostUplink, "lost on the uplink" + LostAt(p, func(l flows.HandlerLoss) int { return l.Uplink })},
		{p.LostDownlink, "lost on the downlink" + LostAt(p, func(l flows.HandlerLoss) int { return l.Downlink })},
		{p.LostUnattributed, "lost somewhere"}, {p.Late, "late"}, {p.Duplicate, "duplicate"}, {p.Reordered, "reordered"},
		{p.Muted, "sent while the platform had muted the sender"}, {p.MissedDue, "never sent, the prober being too late"},
	} {
		if f.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(p.RefusedBy)) {
		parts = append(parts, fmt.Sprintf("%d refused as %s", p.RefusedBy[reason], reason))
	}
	return strings.Join(parts, ", ")
}

// LostAt says which media handlers lost the frames of one leg, which count picks:
// " of handler 2", " (handler 1: 3, handler 2: 4)"; empty when it is not known.
func LostAt(p flows.Pair, count func(flows.HandlerLoss) int) string {
	var which []string
	only := 0
	for _, l := range p.LostAt {
		if n := count(l); n > 0 {
			which, only = append(which, fmt.Sprintf("handler %d: %d", l.Handler, n)), l.Handler
		}
	}
	switch len(which) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" of handler %d", only)
	}
	return " (" + strings.Join(which, ", ") + ")"
}

// mergePairs adds up the runs' evidence by pair: counts are summed, latencies
// pooled, and of jitter and silence the worst is kept.
func mergePairs(runs []flows.Run) []flows.Pair {
	var out []flows.Pair
	for _, r := range runs {
		for _, p := range r.Pairs {
			i := slices.IndexFunc(out, func(q flows.Pair) bool { return q.From == p.From && q.To == p.To })
			if i < 0 {
				p.RefusedBy, p.LostAt = maps.Clone(p.RefusedBy), slices.Clone(p.LostAt)
				out = append(out, p)
				continue
			}
			out[i] = add(out[i], p)
		}
	}
	return out
}

func add(a, b flows.Pair) flows.Pair {
	a.Sent += b.Sent
	a.Delivered += b.Delivered
	a.Late += b.Late
	a.Duplicate += b.Duplicate
	a.Reordered += b.Reordered
	a.LostSender += b.LostSender
	a.LostUplink += b.LostUplink
	a.LostDownlink += b.LostDownlink
	a.LostUnattributed += b.LostUnattributed
	for _, l := range b.LostAt {
		i, found := slices.BinarySearchFunc(a.LostAt, l, func(x, y flows.HandlerLoss) int { return cmp.Compare(x.Handler, y.Handler) })
		if !found {
			a.LostAt = slices.Insert(a.LostAt, i, flows.HandlerLoss{Handler: l.Handler})
		}
		a.LostAt[i].Uplink += l.Uplink
		a.LostAt[i].Downlink += l.Downlink
	}
	a.Refused += b.Refused
	for reason, n := range b.RefusedBy {
		if a.RefusedBy == nil {
			a.RefusedBy = make(map[string]int)
		}
		a.RefusedBy[reason] += n
	}
	a.Muted += b.Muted
	a.MissedDue += b.MissedDue
	a.Tainted += b.Tainted
	a.Jitter = max(a.Jitter, b.Jitter)
	a.LongestSilence = max(a.LongestSilence, b.LongestSilence)
	a.Samples = slices.Concat(a.Samples, b.Samples)
	latencies := make([]time.Duration, len(a.Samples))
	for i, s := range a.Samples {
		latencies[i] = s.Latency
	}
	a.Latency = flows.Summarise(latencies)
	return a
}
