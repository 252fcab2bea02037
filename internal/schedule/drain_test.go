package schedule_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestRunsUnderWayMayEndWithinDrain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		run     time.Duration
		drain   time.Duration
		outcome flows.Outcome
		took    time.Duration // from the stop until Run has returned
	}{
		{"it ends in time", 30 * time.Second, 40 * time.Second, flows.Success, 20 * time.Second},
		{"it is cancelled", 30 * time.Second, 15 * time.Second, flows.Aborted, 15 * time.Second},
		{"there is no drain", 30 * time.Second, 0, flows.Aborted, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, tc.drain, takes(tc.run), func(t *testing.T, w *world) {
				w.slots(1, every)
				w.pass(time.Until(w.runs("join")[0].Due.Add(every - 1)))
				w.pass(1) // slot 1 is skipped as overlap before it all ends
				stopped := time.Now()
				w.stop(flows.ErrShutdown)
				<-w.over
				if took := time.Since(stopped); took != tc.took {
					t.Errorf("returned after %v, want %v", took, tc.took)
				}
				runs := w.ended()
				if len(runs) != 1 || runs[0].Outcome != tc.outcome {
					t.Fatalf("runs %+v, want one that is %s", runs, tc.outcome)
				}
				if tc.outcome == flows.Aborted && runs[0].Failure.Detail != flows.ErrShutdown.Error() {
					t.Errorf("cancelled because: %s", runs[0].Failure.Detail)
				}
				expect(t, "slots", w.fate("join"), "run overlap")
			}, probe("join"))
		})
	}
}

func TestRunReturnsOnlyWhenAllRunsHave(t *testing.T) {
	deaf := func(context.Context, schedule.Start) flows.Run {
		time.Sleep(10 * time.Minute)
		return flows.Run{Outcome: flows.Success}
	}
	in(t, schedule.Options{}, time.Second, deaf, func(t *testing.T, w *world) {
		w.slots(1, every)
		began := w.runs("join")[0].Due
		w.stop(flows.ErrShutdown)
		w.pass(time.Minute)
		if err := w.Alive(); err != nil {
			t.Errorf("while runs are waited for: %v", err)
		}
		if err := w.Ready(); !errors.Is(err, schedule.ErrNotRunning) {
			t.Errorf("no run is started any more: %v", err)
		}
		<-w.over
		if took := time.Since(began); took != 10*time.Minute || len(w.ended()) != 1 {
			t.Errorf("returned %v after the run began, with %d finished", took, len(w.ended()))
		}
		if err := w.Alive(); !errors.Is(err, schedule.ErrNotRunning) {
			t.Errorf("when it has returned: %v", err)
		}
	}, probe("join"))
}

func TestAReloadWhileDrainingStartsNothing(t *testing.T) {
	in(t, schedule.Options{}, time.Minute, ends(30*time.Second, throttled(0)), func(t *testing.T, w *world) {
		w.slots(1, every)
		w.stop(flows.ErrShutdown)
		w.Apply(nil, enough)
		w.Apply([]schedule.Probe{probe("join"), probe("new")}, enough)
		<-w.over
		expect(t, "join", w.fate("join"), "run")
		expect(t, "new", w.fate("new"), "")
	}, probe("join"))
}

func TestARunByHandIsDrainedToo(t *testing.T) {
	in(t, schedule.Options{}, 5*time.Second, takes(time.Minute), func(t *testing.T, w *world) {
		time.AfterFunc(time.Second, func() { w.stop(flows.ErrShutdown) })
		asked := time.Now()
		run, err := w.Now(t.Context(), "join")
		if err != nil || run.Outcome != flows.Aborted || run.Failure.Detail != flows.ErrShutdown.Error() {
			t.Errorf("%+v, %v", run, err)
		}
		if took := time.Since(asked); took != 6*time.Second {
			t.Errorf("took %v", took)
		}
	}, probe("join"))
}

func TestTheContextOfARunCarriesValuesAndOutlivesTheStop(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var value any
		var early error
		s := schedule.New(schedule.Options{Run: func(ctx context.Context, _ schedule.Start) flows.Run {
			value = ctx.Value(key{})
			time.Sleep(time.Minute)
			early = ctx.Err()
			return flows.Run{Outcome: flows.Success}
		}})
		p := probe("join")
		p.Interval = time.Second
		s.Apply([]schedule.Probe{p}, schedule.Budget{})
		ctx, stop := context.WithTimeout(context.WithValue(t.Context(), key{}, "kept"), 10*time.Second)
		defer stop()
		s.Run(ctx, time.Hour)
		if value != "kept" || early != nil {
			t.Errorf("value %v, ended with %v", value, early)
		}
	})
}

func TestASchedulerIsRunOnce(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		defer func() {
			if p := recover(); p == nil {
				t.Error("a second Run went on")
			}
		}()
		w.Run(t.Context(), 0)
	})
}

func TestAliveWhileTheLoopTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{over: make(chan struct{}), fates: make(map[string][]string)}
		held := probe("slow")
		held.Paused, held.Interval = true, time.Minute
		s := schedule.New(schedule.Options{Observer: slow{w, 11 * time.Second}, Run: takes(0)})
		for _, err := range []error{s.Alive(), s.Ready()} {
			if !errors.Is(err, schedule.ErrNotRunning) {
				t.Errorf("before the start: %v", err)
			}
		}
		s.Apply([]schedule.Probe{held}, schedule.Budget{})
		ctx, stop := contextWithStop(t)
		go func() { defer close(w.over); s.Run(ctx, 0) }()
		synctest.Wait()
		if err := s.Ready(); err != nil {
			t.Errorf("at the start: %v", err)
		}
		for range 60 {
			if err := s.Alive(); err != nil {
				break // the first slot holds the loop up
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		err := s.Alive()
		if err == nil || !strings.Contains(err.Error(), "has not turned for 10s") {
			t.Errorf("held up: %v", err)
		}
		if ready := s.Ready(); ready == nil {
			t.Error("held up, and ready")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := s.Alive(); err != nil {
			t.Errorf("turning again: %v", err)
		}
		stop()
		<-w.over
	})
}
