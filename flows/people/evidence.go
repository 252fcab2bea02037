package people

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/media"
)

// refusedDuring counts the frames that p refused and that are, or may be, other's.
func (p *Person) refusedDuring(other *Person, span Span) map[frame.Reason]int {
	refused := make(map[frame.Reason]int)
	for _, r := range p.Received() {
		if !r.At.Before(span.From) && !r.At.After(span.To) && !r.Accepted() && (r.SenderID == other.SenderID() || r.SenderID == 0) {
			refused[r.Reject]++
		}
	}
	return refused
}

// refusals tells keys that MC handed out wrongly from frames that the relay damaged.
func (p *Person) refusals(other *Person, refused map[frame.Reason]int, err error) error {
	detail := fmt.Sprintf("%s refused every frame of %s: %s", p.part.Actor(), other.part.Actor(), tally(refused))
	hop := flows.MH
	mine, theirs := p.View(), other.View()
	if who, ok := mine.PersonOf(other.SenderID()); !ok || !bytes.Equal(who.IdentityKey, other.IdentityKey()) {
		hop, detail = flows.MC, detail+"; MC's roster does not have the key that was sent to it"
	}
	if a, b := mine.KEK, theirs.KEK; a != nil && b != nil && a.Generation == b.Generation && !bytes.Equal(a.Key.Bytes(), b.Key.Bytes()) {
		hop, detail = flows.MC, detail+"; MC gave two people two keys of one generation"
	}
	return &flows.Failure{Hop: hop, Reason: flows.Protocol, Detail: detail, Err: err}
}

func tally(refused map[frame.Reason]int) string {
	var b bytes.Buffer
	for i, r := range slices.Sorted(maps.Keys(refused)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", refused[r], r)
	}
	return b.String()
}

// ownFault reports that the prober could not have heard: it was late for most of
// the span, or dropped most of what it could have received of the frames expected.
func (p *Person) ownFault(span Span, expected int) *flows.Failure {
	if p.stage.Watch != nil {
		if lag := p.stage.Watch.LagDuring(span.From, span.To); lag > span.Len()/2 {
			return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLag,
				Detail: fmt.Sprintf("the prober was late for %v of %v", lag.Round(time.Millisecond), span.Len().Round(time.Millisecond))}
		}
	}
	if n := p.drops(); 2*n > expected && expected > 0 {
		return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseDrops,
			Detail: fmt.Sprintf("the prober dropped %d datagrams that had arrived", n)}
	}
	return nil
}

// stall is the lateness from which on the prober may have missed a deadline, or lost
// a connection, by standing still.
const stall = time.Second

// unlessStalled makes silence during a step that began at a moment the prober's own,
// if the prober did not run for most of that time. What was said is what it is.
func (p *Person) unlessStalled(ctx context.Context, step flows.Step, began time.Time, err error) error {
	f := p.part.Blame(ctx, step, err)
	silent := f.Reason == flows.Timeout || f.Reason == flows.Closed || f.Reason == flows.NoMedia
	span := Span{began, time.Now()}
	if !silent || p.stage.Watch == nil || p.stage.Watch.LagDuring(span.From, span.To) < stall {
		return f
	}
	if own := p.ownFault(span, 0); own != nil {
		own.Err, own.Detail = f, fmt.Sprintf("%s; seen was: %s", own.Detail, f.Detail)
		return own
	}
	return f
}

// report takes down, at the end of a run, what is known of its connections and
// of the prober itself.
func (c *Cast) report(run *flows.Run) {
	handlers := c.handlers()
	for _, p := range c.people {
		for _, conn := range p.Connections() {
			run.Connections = append(run.Connections, connection(p.part.Actor(), conn, handlers, run.Started))
		}
		run.Self.DroppedDatagrams += p.drops()
		run.Self.DroppedRecords += p.LostRecords()
	}
	run.Transcript = c.said.since(run.Started)
	if run.Self.DroppedDatagrams+run.Self.DroppedRecords > 0 {
		run.Self.Taints = append(run.Self.Taints, flows.CauseDrops)
	}
	if c.stage.Watch != nil {
		run.Self.MaxLag = c.stage.Watch.WorstDuring(run.Started, time.Now())
	}
	for _, p := range run.Pairs {
		run.Self.TaintedFrames += p.Tainted
	}
	if run.Self.TaintedFrames > 0 {
		run.Self.Taints = append(run.Self.Taints, flows.CauseLag)
	}
}

// Evidence turns what one person sent and another received inside a window into
// the run's evidence about that ordered pair.
func (p *Person) Evidence(from *Person, window media.Pair) flows.Pair {
	window.Sent, window.Received, window.Except = from.Sent(), p.Received(), from.mutedFor(p, window.To)
	e := media.Legs(window)
	out := flows.Pair{
		From: from.part.Actor(), To: p.part.Actor(),
		Sent: e.Sent, Delivered: e.Delivered, Late: e.Late, Duplicate: e.Duplicate, Reordered: e.Reordered,
		LostSender: e.LostSender, LostUplink: e.LostUplink, LostDownlink: e.LostDownlink, LostUnattributed: e.Unattributed,
		Refused: e.RefusedTotal(), Muted: e.Excepted, MissedDue: e.Missed, Jitter: e.Jitter, LongestSilence: e.LongestSilence,
		SendLateness: flows.Summarise(e.SendLateness), LeaveLateness: flows.Summarise(e.LeaveLateness), ReadLateness: flows.Summarise(e.ReadLateness),
	}
	handlers := p.cast.handlers()
	for url, n := range e.LostAt {
		out.LostAt = append(out.LostAt, flows.HandlerLoss{Handler: number(handlers, url), Uplink: n.Uplink, Downlink: n.Downlink})
	}
	slices.SortFunc(out.LostAt, func(a, b flows.HandlerLoss) int { return cmp.Compare(a.Handler, b.Handler) })
	for reason, n := range e.Refused {
		if out.RefusedBy == nil {
			out.RefusedBy = make(map[string]int)
		}
		out.RefusedBy[string(reason)] = n
	}
	latencies := make([]time.Duration, 0, len(e.Latency))
	dropping := p.drops() > 0 // when is not known, so no sample is above doubt
	started := p.cast.started()
	for _, s := range e.Latency {
		sample := flows.Sample{At: s.ArrivedAt.Sub(started), Latency: s.Latency, Tainted: dropping}
		if p.stage.Watch != nil && p.stage.Watch.LagDuring(s.HandedAt, s.ArrivedAt) > 0 {
			sample.Tainted = true
		}
		if sample.Tainted {
			out.Tainted++
		}
		out.Samples = append(out.Samples, sample)
		latencies = append(latencies, s.Latency)
	}
	slices.SortStableFunc(out.Samples, func(a, b flows.Sample) int { return cmp.Compare(a.At, b.At) })
	out.Latency = flows.Summarise(latencies)
	if up, down, ok := from.rtt(), p.rtt(), len(latencies) > 0; ok && up > 0 && down > 0 {
		out.RelayShare = new(max(0, out.Latency.P50-up/2-down/2))
	}
	return out
}

// drops are the datagrams that had arrived in this run and were lost within this
// process.
func (p *Person) drops() int { return p.OwnDrops() - p.dropped }

// rtt is the smallest round trip that any handler connection of p has seen.
func (p *Person) rtt() time.Duration {
	var best time.Duration
	for _, c := range p.Connections() {
		if !c.MC && c.RTT > 0 && (best == 0 || c.RTT < best) {
			best = c.RTT
		}
	}
	return best
}
