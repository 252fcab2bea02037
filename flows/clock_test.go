package flows_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/selfwatch"
)

// hands are clocks that a test moves; the monotonic one goes with the test.
type hands struct {
	mu    sync.Mutex // protects all following fields
	start time.Time
	set   time.Duration
	slept time.Duration
}

func (h *hands) move(set, slept time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set, h.slept = h.set+set, h.slept+slept
}

func (h *hands) read() selfwatch.Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.start.IsZero() {
		h.start = time.Now()
	}
	run := time.Since(h.start)
	return selfwatch.Reading{Wall: h.start.Round(0).Add(run + h.set + h.slept), Running: h.start.Add(run), Suspended: h.slept}
}

func TestAMachineThatSleptOrWhoseClockWasSetVoidsTheRun(t *testing.T) {
	timeout := &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Detail: "no JoinResponse"}
	asked := &flows.Failure{Hop: flows.GC, Reason: flows.Unavailable, Detail: "GC: 503", BackOff: true, RetryAfter: time.Minute}
	lane := &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane, Detail: "a ghost"}
	for _, c := range []struct {
		name       string
		set, slept time.Duration
		err        error
		outcome    flows.Outcome
		hop        flows.Hop
		cause      flows.Cause
		detail     string // a part of it
	}{
		{"nothing happened", 0, 0, nil, flows.Success, "", "", ""},
		{"a clock that is kept right", 400 * time.Millisecond, 0, nil, flows.Success, "", "", ""},
		{"a clock that is kept right hides no failure", -400 * time.Millisecond, 0, timeout, flows.Failed, flows.MC, "", "no JoinResponse"},
		{"a good run in which the clock was set forward", time.Minute, 0, nil, flows.Inconclusive, flows.Prober, flows.CauseLag, "set forward by 1m0s"},
		{"a good run in which the clock was set back", -time.Minute, 0, nil, flows.Inconclusive, flows.Prober, flows.CauseLag, "set back by 1m0s"},
		{"a good run in which the machine slept", 0, time.Hour, nil, flows.Inconclusive, flows.Prober, flows.CauseLag, "slept for 1h0m0s"},
		{"a timeout while the machine slept", 0, time.Hour, timeout, flows.Inconclusive, flows.Prober, flows.CauseLag, "slept for 1h0m0s; the run ended with: no JoinResponse"},
		{"slept and then set", -time.Second, time.Hour, timeout, flows.Inconclusive, flows.Prober, flows.CauseLag, "slept for 1h0m0s and its clock was set back by 1s"},
		{"whoever asks to be left alone is", 0, time.Hour, asked, flows.Inconclusive, flows.Prober, flows.CauseLag, "GC: 503"},
		{"another cause of the prober's own", 0, time.Hour, lane, flows.Inconclusive, flows.Prober, flows.CauseLag, "a ghost"},
		{"a panic stays a panic", 0, time.Hour, errPanic, flows.Inconclusive, flows.Prober, flows.CausePanic, "boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := &hands{}
				var told *flows.Failure
				spec := flows.Spec{Flow: flows.Join, Clock: clock.read, OnDone: func(s flows.StepResult) { told = s.Failure }}
				run := flows.Execute(t.Context(), spec, script(func(ctx context.Context, run *flows.Recorder) error {
					run.Record(func(r *flows.Run) {
						r.TimeToMedia, r.Restoration = new(time.Second), &flows.Restoration{}
						r.Pairs = []flows.Pair{{Sent: 1}}
					})
					return run.Step(ctx, flows.StepMCJoin, func(ctx context.Context) error {
						time.Sleep(5 * time.Second)
						clock.move(c.set, c.slept)
						if errors.Is(c.err, errPanic) {
							panic("boom")
						}
						return c.err
					})
				}))
				if run.Outcome != c.outcome {
					t.Fatalf("outcome %s (%v)", run.Outcome, run.Failure)
				}
				void := c.cause == flows.CauseLag || c.cause == flows.CausePanic
				if kept := run.TimeToMedia != nil || run.Restoration != nil || len(run.Pairs) > 0; kept == void {
					t.Errorf("void: %v, measurements kept: %v", void, kept)
				}
				if void && (run.Self.Slept != c.slept || run.Self.ClockSet != c.set) {
					t.Errorf("slept %v, clock set by %v", run.Self.Slept, run.Self.ClockSet)
				}
				for _, s := range run.Steps {
					if s.Measured == void {
						t.Errorf("a step of a run that is void: %v, is measured: %v", void, s.Measured)
					}
					if void && s.Failure.Outcome() == flows.Failed {
						t.Errorf("a step blames the platform: %v", s.Failure)
					}
				}
				if void && told.Outcome() == flows.Failed {
					t.Errorf("who follows the run was told: %v", told)
				}
				f := run.Failure
				if c.hop == "" {
					if f != nil {
						t.Errorf("failure %v", f)
					}
					return
				}
				if f.Hop != c.hop || f.Cause != c.cause || !strings.Contains(f.Detail, c.detail) {
					t.Errorf("failure %v", f)
				}
				if c.err == error(asked) && (!f.BackOff || f.RetryAfter != time.Minute) {
					t.Errorf("GC is not left alone: %+v", f)
				}
			})
		})
	}
}

var errPanic = errors.New("panics")

func TestARunThatWasStoppedWhileTheMachineSleptIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &hands{}
		ctx, cancel := context.WithCancelCause(t.Context())
		run := flows.Execute(ctx, flows.Spec{Flow: flows.Join, Clock: clock.read}, script(func(ctx context.Context, run *flows.Recorder) error {
			return run.Step(ctx, flows.StepTalk, func(ctx context.Context) error {
				clock.move(0, time.Hour)
				cancel(flows.ErrShutdown)
				return context.Cause(ctx)
			})
		}))
		if run.Outcome != flows.Aborted || run.Self.Slept != time.Hour {
			t.Errorf("outcome %s, slept %v (%v)", run.Outcome, run.Self.Slept, run.Failure)
		}
	})
}
