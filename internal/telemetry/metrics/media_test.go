package metrics

import (
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestEveryFrameIsCountedByWhatBecameOfIt(t *testing.T) {
	m := fresh(one()...)
	got := moved(t, m, func() { m.Observe(talked(), false) })
	for result, want := range map[string]float64{"sent": 10, "delivered": 2, "late": 1, "duplicate": 4, "reordered": 5, "lost_sender": 1,
		"lost_uplink": 1, "lost_downlink": 2, "lost_unattributed": 1, "refused": 2, "tainted": 1, "muted": 6} {
		if name := "media_frames_total{probe=media,result=" + result + "}"; got[name] != want {
			t.Errorf("%s moved by %v, want %v", name, got[name], want)
		}
	}
	for name, want := range map[string]float64{
		"media_frames_refused_total{probe=media,reason=decrypt_failed}": 2, "self_dropped_total{queue=sends}": 7,
		"media_latency_seconds{probe=media}": 2, // the tainted one is not in it
		"media_jitter_seconds{probe=media}":  1, "media_relay_seconds{probe=media}": 1, "media_longest_silence_seconds{probe=media}": 1,
		"leaves_total{probe=media,result=unclean}": 1,
	} {
		if got[name] != want {
			t.Errorf("%s moved by %v, want %v", name, got[name], want)
		}
	}
	fates := got["media_frames_total{probe=media,result=sent}"]
	for _, result := range []string{"delivered", "late", "lost_sender", "lost_uplink", "lost_downlink", "lost_unattributed", "refused"} {
		fates -= got["media_frames_total{probe=media,result="+result+"}"]
	}
	if fates != 0 {
		t.Errorf("%v frames have no fate", fates)
	}
}

func TestARefusalHasTheSeriesOfItsTokenUnlessItDropsNothing(t *testing.T) {
	all := series(t, fresh(one()...))
	for _, r := range frame.Reasons() {
		if _, there := all["media_frames_refused_total{probe=media,reason="+string(r)+"}"]; there != r.Drops() {
			t.Errorf("%s: is there: %v", r, there)
		}
	}
	m := fresh(one()...)
	run := talked()
	run.Pairs[0].RefusedBy = map[string]int{"odd": 2}
	if got := moved(t, m, func() { m.Observe(run, false) }); got["self_dropped_total{queue=observations}"] != 1 {
		t.Error("a token that nobody knows is not told")
	}
}

func TestTheEvidenceOfARunThatWasNotJudgedIsNone(t *testing.T) {
	silence := flows.Failure{Step: flows.StepTalk, Hop: flows.MH, Reason: flows.NoMedia}
	aborted := talked()
	aborted.Outcome = flows.Aborted
	for _, c := range []struct {
		name string
		run  flows.Run
		want float64
	}{
		{"a failure", failed(talked(), silence), 2},
		{"the prober's own", failed(talked(), flows.Failure{Step: flows.StepTalk, Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseDrops}), 0},
		{"a shutdown", aborted, 0},
	} {
		m := fresh(one()...)
		got := moved(t, m, func() { m.Observe(c.run, true) })
		if got["media_latency_seconds{probe=media}"] != c.want || (got["media_frames_total{probe=media,result=sent}"] > 0) != (c.want > 0) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestAPairThatIsMostlyTaintedSaysNothingOfJitterAndRelay(t *testing.T) {
	m := fresh(one()...)
	run := talked()
	for i := range run.Pairs[0].Samples {
		run.Pairs[0].Samples[i].Tainted = true
	}
	run.Pairs[0].Tainted = 3
	got := moved(t, m, func() { m.Observe(run, true) })
	for _, name := range []string{mediaLatency, mediaJitter, mediaRelay} {
		if n := got[name+"{probe=media}"]; n != 0 {
			t.Errorf("%s moved by %v", name, n)
		}
	}
	if got["media_longest_silence_seconds{probe=media}"] != 1 {
		t.Error("a silence is one whoever was late")
	}
}

func TestOnlyTheSlowestCleanFrameOfASampledRunPointsToItsTrace(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		m := fresh(one()...)
		m.Observe(talked(), sampled)
		var got []*dto.Exemplar
		var count uint64
		for _, f := range gather(t, m) {
			if f.GetName() == Prefix+mediaLatency {
				count = f.Metric[0].Histogram.GetSampleCount()
				for _, b := range f.Metric[0].Histogram.Bucket {
					if b.Exemplar != nil {
						got = append(got, b.Exemplar)
					}
				}
			}
		}
		if count != 2 {
			t.Errorf("%d frames, want 2", count)
		}
		if !sampled {
			if got != nil {
				t.Error("an exemplar points to a trace that nobody has")
			}
			continue
		}
		if len(got) != 1 || got[0].GetValue() != (55*time.Millisecond).Seconds() || got[0].Label[0].GetValue() != traceB {
			t.Errorf("exemplars %v", got)
		}
	}
}

func TestExemplarsOfASampledRunAreWhereTheDoubtsBegin(t *testing.T) {
	with := []string{}
	m := fresh(one()...)
	m.Observe(joined(), true)
	m.Observe(failed(joined(), timeout), true)
	back := returned()
	back.TraceID = traceB
	m.Observe(back, true)
	for _, f := range gather(t, m) {
		found := false
		for _, s := range f.Metric {
			if s.Counter != nil && s.Counter.Exemplar != nil {
				found = true
			}
			for _, b := range s.GetHistogram().GetBucket() {
				found = found || b.Exemplar != nil
			}
		}
		if found {
			with = append(with, f.GetName()[len(Prefix):])
		}
	}
	want := []string{failuresTotal, runDuration, runsTotal, stepDuration, timeToMedia, timeToRestore}
	slices.Sort(want)
	if !slices.Equal(with, want) {
		t.Errorf("exemplars on %v, want %v", with, want)
	}
}

func TestATraceIDThatIsNoneIsNoExemplar(t *testing.T) {
	m := fresh(one()...)
	run := joined()
	run.TraceID = strings.Repeat("odd", 100)
	m.Observe(run, true) // the library panics on exemplars that it cannot take
}
