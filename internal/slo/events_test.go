package slo

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

const ms = time.Millisecond

// want is what a run counts.
type want struct{ events, bad uint64 }

func check(t *testing.T, o Objective, run flows.Run, w want) {
	t.Helper()
	o.Probe, run.Probe = "p", "p"
	if events, bad := o.Count(run); events != w.events || bad != w.bad {
		t.Errorf("%d events, %d bad; want %d and %d", events, bad, w.events, w.bad)
	}
}

func failure(step flows.Step, hop flows.Hop) *flows.Failure {
	return &flows.Failure{Step: step, Hop: hop, Reason: flows.Unavailable}
}

func failed(step flows.Step, hop flows.Hop, steps ...flows.StepResult) flows.Run {
	return flows.Run{Outcome: flows.Failed, Failure: failure(step, hop), Steps: steps}
}

func succeeded(steps ...flows.StepResult) flows.Run {
	return flows.Run{Outcome: flows.Success, Steps: steps}
}

func done(step flows.Step, d time.Duration) flows.StepResult {
	return flows.StepResult{Step: step, Duration: d, Measured: true}
}

func anchors(step flows.Step, d time.Duration) flows.StepResult {
	return flows.StepResult{Step: step, Duration: d}
}

func broken(step flows.Step, hop flows.Hop) flows.StepResult {
	return flows.StepResult{Step: step, Duration: time.Second, Measured: true, Failure: failure(step, hop)}
}

func late(run flows.Run, lag time.Duration) flows.Run {
	run.Self.MaxLag = lag
	return run
}

func TestRunsAsAWhole(t *testing.T) {
	media, slow := 1900*ms, 2100*ms
	joined := func(d time.Duration) flows.Run { return flows.Run{Outcome: flows.Success, TimeToMedia: &d} }
	restored := func(d time.Duration) flows.Run {
		return flows.Run{Outcome: flows.Success, Restoration: &flows.Restoration{Restored: true, TimeToRestore: d}}
	}
	down := failed(flows.StepGCJoin, flows.GC)
	for _, tc := range []struct {
		name string
		sli  config.SLI
		run  flows.Run
		want want
	}{
		{"a success is available", config.Availability, succeeded(), want{1, 0}},
		{"a failure is not", config.Availability, down, want{1, 1}},
		{"who could not judge says nothing", config.Availability, flows.Run{Outcome: flows.Inconclusive}, want{}},
		{"who was stopped says nothing", config.Availability, flows.Run{Outcome: flows.Aborted}, want{}},
		{"an outcome that is not known says nothing", config.Availability, flows.Run{}, want{}},
		{"a short run", config.RunDuration, flows.Run{Outcome: flows.Success, Duration: media}, want{1, 0}},
		{"a long run", config.RunDuration, flows.Run{Outcome: flows.Success, Duration: slow}, want{1, 1}},
		{"a failed run is long, however soon it failed", config.RunDuration, down, want{1, 1}},
		{"exactly the threshold is good", config.RunDuration, flows.Run{Outcome: flows.Success, Duration: 2 * time.Second}, want{1, 0}},
		{"media in time", config.TimeToMedia, joined(media), want{1, 0}},
		{"media too late", config.TimeToMedia, joined(slow), want{1, 1}},
		{"no media at all", config.TimeToMedia, down, want{1, 1}},
		{"a success without the time says nothing", config.TimeToMedia, succeeded(), want{}},
		{"too late by no more than the prober was late", config.TimeToMedia, late(joined(slow), 100*ms), want{}},
		{"too late by more than the prober was late", config.TimeToMedia, late(joined(slow), 99*ms), want{1, 1}},
		{"in time although the prober was late", config.TimeToMedia, late(joined(media), 100*ms), want{1, 0}},
		{"a prober that is later than the threshold cannot judge", config.TimeToMedia, late(joined(media), 3*time.Second), want{}},
		{"a failure is one although the prober was late", config.TimeToMedia, late(down, 100*ms), want{1, 1}},
		{"restored in time", config.TimeToRestore, restored(media), want{1, 0}},
		{"restored too late", config.TimeToRestore, restored(slow), want{1, 1}},
		{"not restored", config.TimeToRestore, flows.Run{Outcome: flows.Failed, Restoration: &flows.Restoration{}}, want{1, 1}},
		{"never came to the cut", config.TimeToRestore, down, want{1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := Objective{SLI: tc.sli}
			if tc.sli != config.Availability {
				o.Threshold = 2 * time.Second
			}
			check(t, o, tc.run, tc.want)
		})
	}
}

func TestServicesAreJudgedByTheRunsThatReachThem(t *testing.T) {
	asked := done(flows.StepGCJoin, ms)
	for _, tc := range []struct {
		name string
		sli  config.SLI
		run  flows.Run
		want want
	}{
		{"reached and done", config.GCAvailability, succeeded(asked), want{1, 0}},
		{"reached by the anchor", config.GCAvailability, succeeded(anchors(flows.StepGCAssign, ms)), want{1, 0}},
		{"failed there", config.GCAvailability, failed(flows.StepGCJoin, flows.GC, broken(flows.StepGCJoin, flows.GC)), want{1, 1}},
		{"failed there before any step was over", config.GCAvailability, failed(flows.StepGCJoin, flows.GC), want{1, 1}},
		{"never reached", config.MCAvailability, failed(flows.StepGCJoin, flows.GC), want{}},
		{"failed elsewhere afterwards", config.GCAvailability, failed(flows.StepMCJoin, flows.MC, asked), want{1, 0}},
		{"its step failed on the way to it", config.MCAvailability, failed(flows.StepMCConnect, flows.Network, broken(flows.StepMCConnect, flows.Network)), want{}},
		{"a step of another failed because of it", config.MHAvailability, failed(flows.StepSubscribe, flows.MH, broken(flows.StepSubscribe, flows.MH)), want{1, 1}},
		{"a token that was remembered", config.ACAvailability, succeeded(asked), want{}},
		{"a token that was asked for", config.ACAvailability, succeeded(done(flows.StepSignIn, ms), asked), want{1, 0}},
		{"could not be judged", config.GCAvailability, flows.Run{Outcome: flows.Inconclusive, Steps: []flows.StepResult{asked}}, want{}},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, Objective{SLI: tc.sli}, tc.run, tc.want) })
	}
}

func TestStepsAreTimedBeforeTheCut(t *testing.T) {
	join := flows.StepMCJoin
	after := done(join, time.Second)
	after.After = true
	afterwards := failed(join, flows.MC)
	afterwards.Failure.After = true
	restore := done(flows.StepRestore, 90*ms)
	restore.After = true
	for _, tc := range []struct {
		name string
		step flows.Step
		run  flows.Run
		want want
	}{
		{"quick", join, succeeded(done(join, 100*ms)), want{1, 0}},
		{"slow", join, succeeded(done(join, 101*ms)), want{1, 1}},
		{"everybody's", join, succeeded(done(join, 50*ms), done(join, 200*ms)), want{2, 1}},
		{"the anchor's is not measured", join, succeeded(anchors(join, time.Second), done(join, 50*ms)), want{1, 0}},
		{"after the cut it is part of the restoration", join, succeeded(done(join, 50*ms), after), want{1, 0}},
		{"failed there", join, failed(join, flows.MC, broken(join, flows.MC)), want{1, 1}},
		{"failed there, one of two", join, failed(join, flows.MC, done(join, 50*ms), broken(join, flows.MC)), want{2, 1}},
		{"the anchor failed there", join, failed(join, flows.MC, anchors(flows.StepGCAssign, ms)), want{1, 1}},
		{"failed there after the cut", join, afterwards, want{}},
		{"failed before", join, failed(flows.StepGCJoin, flows.GC), want{}},
		{"failed behind it", join, failed(flows.StepFirstMedia, flows.MH, done(join, 50*ms)), want{1, 0}},
		{"slow by no more than the prober was late", join, late(succeeded(done(join, 110*ms)), 10*ms), want{}},
		{"the restoration is after the cut by nature", flows.StepRestore, succeeded(restore), want{1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check(t, Objective{SLI: config.SLI(tc.step), Threshold: 100 * ms}, tc.run, tc.want)
		})
	}
}

func TestATraceIsContinuedOrBroken(t *testing.T) {
	run := succeeded()
	run.Continuity = []flows.Continuity{{Hop: flows.MC, Result: "continued"}, {Hop: flows.MC, Result: "broken"}, {Hop: flows.MC, Result: "absent"}}
	check(t, Objective{SLI: config.TraceContinuity}, run, want{2, 1})
}

func TestARunOfAnotherProbeIsNoEvent(t *testing.T) {
	if events, bad := (Objective{Probe: "join", SLI: config.Availability}).Count(flows.Run{Probe: "media", Outcome: flows.Failed}); events+bad != 0 {
		t.Errorf("%d events, %d bad", events, bad)
	}
}

func TestSkippedSlotsInheritWhatARunSaysAsAWhole(t *testing.T) {
	run := failed(flows.StepGCJoin, flows.GC, done(flows.StepSignIn, ms), broken(flows.StepGCJoin, flows.GC))
	run.Pairs = []flows.Pair{{Sent: 10, Samples: make([]flows.Sample, 5)}}
	for sli, w := range map[config.SLI]want{
		config.Availability: {3, 3}, config.TimeToMedia: {3, 3}, config.GCAvailability: {3, 3}, "gc_join": {3, 3}, "sign_in": {3, 0},
		config.MCAvailability: {}, config.DeliveryRatio: {}, config.OneWayLatency: {}, config.TraceContinuity: {},
	} {
		if events, bad := (Objective{SLI: sli, Threshold: time.Second}).CountInherited(run, 3); events != w.events || bad != w.bad {
			t.Errorf("%s: %d events, %d bad; want %d and %d", sli, events, bad, w.events, w.bad)
		}
	}
	if events, _ := (Objective{SLI: config.Availability}).CountInherited(run, -1); events != 0 {
		t.Errorf("%d events for no slots", events)
	}
	// Asked to wait (429) the run is inconclusive, and so is what inherits from it.
	if events, _ := (Objective{SLI: config.Availability}).CountInherited(flows.Run{Outcome: flows.Inconclusive}, 3); events != 0 {
		t.Errorf("%d events of a run that says nothing", events)
	}
}

// TestEverySLICountsSomething: one that Count does not know would be without events
// for ever.
func TestEverySLICountsSomething(t *testing.T) {
	d := 10 * ms
	run := flows.Run{
		Probe: "p", Outcome: flows.Success, Duration: d, TimeToMedia: &d,
		Restoration: &flows.Restoration{Restored: true, TimeToRestore: d, ReturnerSilence: d, StayerSilence: d},
		Continuity:  []flows.Continuity{{Hop: flows.MC, Result: "continued"}},
		Pairs: []flows.Pair{{Sent: 2, Delivered: 2, RelayShare: &d, Latency: flows.Distribution{Count: 2}, Jitter: d, LongestSilence: d,
			Samples: []flows.Sample{{Latency: d}, {Latency: d}}}},
	}
	for _, step := range flows.Steps() {
		s := done(step, d)
		s.After = step == flows.StepRestore
		run.Steps = append(run.Steps, s)
	}
	for _, sli := range config.SLIs() {
		if events, bad := (Objective{Probe: "p", SLI: sli, Threshold: time.Second}).Count(run); events == 0 || bad != 0 {
			t.Errorf("%s of a good run: %d events, %d bad", sli, events, bad)
		}
	}
}
