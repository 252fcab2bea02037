package digest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/digest"
)

const ms = time.Millisecond

func TestTheHeadlineIsWhatTheFlowIsThereToMeasure(t *testing.T) {
	signedIn := flows.StepResult{Step: flows.StepSignIn, Duration: 200 * ms}
	for _, c := range []struct {
		name string
		run  flows.Run
		want *time.Duration
	}{
		{"join: time to media", flows.Run{Flow: flows.Join, TimeToMedia: new(48 * ms), Steps: []flows.StepResult{signedIn}}, new(48 * ms)},
		{"join without media", flows.Run{Flow: flows.Join, Steps: []flows.StepResult{signedIn}}, nil},
		{"media: the worst pair's p99", flows.Run{Flow: flows.Media, Pairs: []flows.Pair{
			{Latency: flows.Distribution{Count: 1, P99: 3 * ms}}, {Latency: flows.Distribution{Count: 1, P99: 5 * ms}}, {}}}, new(5 * ms)},
		{"media: nobody heard anything", flows.Run{Flow: flows.Media, Pairs: []flows.Pair{{}}}, nil},
		{"reconnect: time to restore", flows.Run{Flow: flows.Reconnect, Restoration: &flows.Restoration{Restored: true, TimeToRestore: 70 * ms}}, new(70 * ms)},
		{"reconnect that was not restored", flows.Run{Flow: flows.Reconnect, Restoration: &flows.Restoration{}}, nil},
		{"reconnect that did not get to the cut", flows.Run{Flow: flows.Reconnect}, nil},
		{"sign-in", flows.Run{Flow: flows.SignIn, Steps: []flows.StepResult{signedIn}}, new(200 * ms)},
		{"sign-in that failed", flows.Run{Flow: flows.SignIn, Steps: []flows.StepResult{{Step: flows.StepSignIn, Failure: &flows.Failure{}}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := digest.MarkOf(c.run).Headline
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAMarkNamesTheLegThatLostMost(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []flows.Pair
		want  digest.Leg
	}{
		{"nothing lost", []flows.Pair{{Sent: 5, Delivered: 5}}, digest.NoLeg},
		{"over all pairs", []flows.Pair{{Sent: 5, LostUplink: 3}, {Sent: 5, LostDownlink: 2}, {Sent: 5, LostDownlink: 2}}, digest.Downlink},
		{"at the sender", []flows.Pair{{LostSender: 2, LostUnattributed: 1}}, digest.Sender},
		{"nobody knows where", []flows.Pair{{LostUnattributed: 1}}, digest.Unattributed},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := digest.MarkOf(flows.Run{Flow: flows.Media, Pairs: c.pairs})
			if m.Lost != c.want {
				t.Errorf("got %q, want %q", m.Lost, c.want)
			}
			if m.Sent != 5*len(c.pairs) && c.want != digest.Sender && c.want != digest.Unattributed {
				t.Errorf("%d frames sent", m.Sent)
			}
		})
	}
}

func TestAMarkNamesTheHandlerThatLostNearlyAll(t *testing.T) {
	at := func(handler, up, down int) flows.HandlerLoss {
		return flows.HandlerLoss{Handler: handler, Uplink: up, Downlink: down}
	}
	for _, c := range []struct {
		name  string
		pairs []flows.Pair
		want  int
	}{
		{"one handler, all of it", []flows.Pair{{LostDownlink: 4, LostAt: []flows.HandlerLoss{at(2, 0, 4)}}}, 2},
		{"one handler, over two pairs", []flows.Pair{
			{LostDownlink: 4, LostAt: []flows.HandlerLoss{at(2, 0, 4)}}, {LostDownlink: 1, LostAt: []flows.HandlerLoss{at(2, 0, 1)}}}, 2},
		{"nine of ten", []flows.Pair{{LostUplink: 10, LostAt: []flows.HandlerLoss{at(1, 9, 0), at(2, 1, 0)}}}, 1},
		{"less than that", []flows.Pair{{LostUplink: 10, LostAt: []flows.HandlerLoss{at(1, 8, 0), at(2, 2, 0)}}}, 0},
		{"the other leg does not count", []flows.Pair{{LostUplink: 9, LostDownlink: 10, LostAt: []flows.HandlerLoss{at(1, 9, 0), at(2, 0, 10)}}}, 2},
		{"lost at the sender", []flows.Pair{{LostSender: 3, LostDownlink: 1, LostAt: []flows.HandlerLoss{at(2, 0, 1)}}}, 0},
		{"nothing is known", []flows.Pair{{LostDownlink: 4}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m := digest.MarkOf(flows.Run{Flow: flows.Media, Pairs: c.pairs}); m.LostAt != c.want {
				t.Errorf("handler %d, want %d", m.LostAt, c.want)
			}
		})
	}
}

func TestAMarkHasNoDetailAndNoError(t *testing.T) {
	f := &flows.Failure{Step: flows.StepMCJoin, Hop: flows.MC, Reason: flows.Timeout, Detail: "long", Err: &flows.Failure{}}
	m := digest.MarkOf(flows.Run{Outcome: flows.Failed, Failure: f})
	if m.Failure.Detail != "" || m.Failure.Err != nil || m.Failure.Step != flows.StepMCJoin || f.Detail == "" {
		t.Errorf("%+v", m.Failure)
	}
}

func TestOnlySuccessAndFailureJudgeThePlatform(t *testing.T) {
	for _, o := range flows.Outcomes() {
		if got, want := (digest.Mark{Outcome: o}).Judged(), o == flows.Success || o == flows.Failed; got != want {
			t.Errorf("%s: %v", o, got)
		}
	}
}

func samples(n int) []flows.Sample {
	out := make([]flows.Sample, n)
	for i := range out {
		out[i].Latency = time.Duration(i) * ms
	}
	return out
}

func TestASeriesCoversEveryFrameAndHidesNoPeak(t *testing.T) {
	for _, n := range []int{0, 1, 2, digest.MaxPoints, digest.MaxPoints + 1, 500, 14999} {
		in := samples(n)
		if n > 100 {
			in[100] = flows.Sample{Latency: time.Hour, Tainted: true}
		}
		s := digest.SeriesOf([]flows.Pair{{Samples: in}})[0]
		if s.Frames != n || len(s.Points) != min(n, digest.MaxPoints) {
			t.Errorf("%d frames: %d points for %d", n, len(s.Points), s.Frames)
		}
		for i, p := range s.Points {
			if p.Low > p.Median || p.Median > p.High {
				t.Errorf("%d frames, point %d: %+v", n, i, p)
			}
		}
		if peak := slices.ContainsFunc(s.Points, func(p digest.Point) bool { return p.High == time.Hour && p.Tainted }); n > 100 && !peak {
			t.Errorf("%d frames: the peak is hidden", n)
		}
		if n > 0 && (s.Points[0].Low != 0 || n > 101 && s.Points[len(s.Points)-1].High != time.Duration(n-1)*ms) {
			t.Errorf("%d frames: the first or the last is not covered", n)
		}
	}
}

func TestAllSeriesOfARunTogetherAreBounded(t *testing.T) {
	pairs := make([]flows.Pair, 16*15)
	for i := range pairs {
		pairs[i].Samples = samples(1000)
	}
	points := 0
	for _, s := range digest.SeriesOf(pairs) {
		points += len(s.Points)
	}
	if points != 2400 {
		t.Errorf("%d points", points)
	}
}
