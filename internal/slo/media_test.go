package slo

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

func talked(pairs ...flows.Pair) flows.Run { return flows.Run{Outcome: flows.Success, Pairs: pairs} }

// samples are frames with these latencies, in milliseconds; negative ones are tainted.
func samples(latencies ...int) []flows.Sample {
	var out []flows.Sample
	for _, l := range latencies {
		out = append(out, flows.Sample{Latency: time.Duration(max(l, -l)) * ms, Tainted: l < 0})
	}
	return out
}

func dropping(run flows.Run) flows.Run {
	run.Self.DroppedDatagrams = 1
	return run
}

func TestFramesArePunctualOrNot(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  flows.Run
		want want
	}{
		{"in time and late", talked(flows.Pair{Samples: samples(20, 150, 151)}), want{3, 1}},
		{"of every pair", talked(flows.Pair{Samples: samples(20)}, flows.Pair{Samples: samples(200)}), want{2, 1}},
		{"tainted ones make it neither worse nor better", talked(flows.Pair{Samples: samples(20, -200, -10, 300)}), want{2, 1}},
		{"only tainted ones are nothing", talked(flows.Pair{Samples: samples(-200, -10)}), want{}},
		{"lost ones are not late", talked(flows.Pair{Sent: 10, Delivered: 1, Samples: samples(20)}), want{1, 0}},
		{"a run that failed with a silence has what was heard", flows.Run{Outcome: flows.Failed, Pairs: []flows.Pair{{Samples: samples(20)}}}, want{1, 0}},
		{"a run that failed before has none", failed(flows.StepGCJoin, flows.GC), want{}},
		{"a run that could not be judged has none", flows.Run{Outcome: flows.Inconclusive, Pairs: []flows.Pair{{Samples: samples(20)}}}, want{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check(t, Objective{SLI: config.OneWayLatency, Threshold: 150 * ms}, tc.run, tc.want)
		})
	}
}

func TestFramesAreDeliveredOrNot(t *testing.T) {
	pair := flows.Pair{Sent: 100, Delivered: 90, Late: 2, LostSender: 3, LostUplink: 1, LostDownlink: 1, LostUnattributed: 1, Refused: 2, Duplicate: 4}
	for _, tc := range []struct {
		name string
		run  flows.Run
		want want
	}{
		{"late, lost and refused ones are not; those never handed over are nobody's", talked(pair), want{97, 7}},
		{"all", talked(flows.Pair{Sent: 100, Delivered: 100}), want{100, 0}},
		{"silence", flows.Run{Outcome: flows.Failed, Pairs: []flows.Pair{{Sent: 100, LostDownlink: 100}}}, want{100, 100}},
		{"a prober that drops cannot tell", dropping(talked(pair)), want{}},
		{"nobody talked", failed(flows.StepGCJoin, flows.GC), want{}},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, Objective{SLI: config.DeliveryRatio}, tc.run, tc.want) })
	}
}

func TestTheRelaysShareIsJudgedByPair(t *testing.T) {
	share := func(d time.Duration, tainted int) flows.Pair {
		return flows.Pair{RelayShare: &d, Tainted: tainted, Latency: flows.Distribution{Count: 100}}
	}
	run := talked(share(10*ms, 0), share(30*ms, 49), share(30*ms, 50), flows.Pair{})
	check(t, Objective{SLI: config.RelayShare, Threshold: 20 * ms}, run, want{2, 1})
}

func TestJitterIsJudgedByTheWorstPair(t *testing.T) {
	jitter := func(d time.Duration, s ...flows.Sample) flows.Pair { return flows.Pair{Jitter: d, Samples: s} }
	clean := samples(20, 21, 22)
	long := append(samples(-20), make([]flows.Sample, memory)...)
	for _, tc := range []struct {
		name string
		run  flows.Run
		want want
	}{
		{"all pairs good", talked(jitter(5*ms, clean...), jitter(10*ms, clean...)), want{1, 0}},
		{"one pair bad", talked(jitter(5*ms, clean...), jitter(11*ms, clean...)), want{1, 1}},
		{"one pair unknown", talked(jitter(5*ms, clean...), jitter(0)), want{}},
		{"one pair unknown and one bad", talked(jitter(0), jitter(11*ms, clean...)), want{1, 1}},
		{"bad by a tainted frame", talked(jitter(11*ms, samples(20, -90, 20)...)), want{}},
		{"good in spite of a tainted frame", talked(jitter(5*ms, samples(20, -90, 20)...)), want{}},
		{"tainted so long ago that it is forgotten", talked(jitter(11*ms, long...)), want{1, 1}},
		{"nobody talked", succeeded(), want{}},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, Objective{SLI: config.Jitter, Threshold: 10 * ms}, tc.run, tc.want) })
	}
}

func TestASilenceIsJudgedByTheLongest(t *testing.T) {
	silent := func(d ...time.Duration) flows.Run {
		run := talked()
		for _, d := range d {
			run.Pairs = append(run.Pairs, flows.Pair{LongestSilence: d})
		}
		return run
	}
	cut := func(outcome flows.Outcome, restored bool, returner, stayer time.Duration) flows.Run {
		return flows.Run{Outcome: outcome, Restoration: &flows.Restoration{Restored: restored, ReturnerSilence: returner, StayerSilence: stayer}}
	}
	for _, tc := range []struct {
		name string
		run  flows.Run
		want want
	}{
		{"all short", silent(100*ms, 500*ms), want{1, 0}},
		{"one long", silent(100*ms, 501*ms), want{1, 1}},
		{"a run that failed for it", flows.Run{Outcome: flows.Failed, Pairs: silent(3 * time.Second).Pairs}, want{1, 1}},
		{"long by no more than the prober was late", late(silent(100*ms, 600*ms), 100*ms), want{}},
		{"long by what the prober dropped", dropping(silent(600 * ms)), want{}},
		{"short although the prober dropped", dropping(silent(100 * ms)), want{1, 0}},
		{"both sides of a cut", cut(flows.Success, true, 400*ms, 500*ms), want{1, 0}},
		{"one side of a cut", cut(flows.Success, true, 400*ms, 600*ms), want{1, 1}},
		{"for ever", cut(flows.Failed, false, 0, 0), want{1, 1}},
		{"never came to the cut", failed(flows.StepGCJoin, flows.GC), want{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check(t, Objective{SLI: config.LongestSilence, Threshold: 500 * ms}, tc.run, tc.want)
		})
	}
}
