package schedule_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

var enough = schedule.Budget{Participants: 16, DatagramsPerSecond: 1000}

// changed is p as another configuration has it.
func changed(p schedule.Probe) schedule.Probe {
	p.Fingerprint += "'"
	return p
}

func TestAReloadLeavesUnchangedProbesAlone(t *testing.T) {
	script := bySlot(map[int64]play{2: ends(time.Second, throttled(0)), 5: ends(time.Second, unclean(failed()))})
	plays := func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Probe == "join" {
			return script(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}
	var fates [2]string
	var slowed [2]string
	for i, reload := range []bool{false, true} {
		in(t, schedule.Options{}, 0, plays, func(t *testing.T, w *world) {
			for n := range 13 {
				w.slots(n, every)
				if reload {
					same := laned("join", "a", "b")
					same.Interval = time.Hour // not looked at: the fingerprint is the same
					w.Apply([]schedule.Probe{changed(probe("other")), same}, enough)
				}
			}
			fates[i], slowed[i] = w.fate("join"), w.backoffs()
		}, laned("join", "a", "b"))
	}
	expect(t, "slots", fates[0], "a b a throttled b a b b b b a b")
	expect(t, "slots with reloads", fates[1], fates[0])
	expect(t, "told with reloads", slowed[1], slowed[0])
}

func TestAChangedProbeKeepsItsSplayAndEntersItsDueTimesAnew(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(3, every)
		before := w.runs("join")
		w.pass(time.Second)
		reloaded := time.Now()
		w.Apply([]schedule.Probe{changed(probe("join"))}, enough)
		w.slots(10, every)
		after := w.runs("join")[len(before):]
		for _, s := range after {
			if want := before[0].Due.Add(time.Duration(s.Slot) * every); !s.Due.Equal(want) {
				t.Errorf("slot %d is due at %v, want %v", s.Slot, s.Due, want)
			}
		}
		if first := after[0].Due.Sub(reloaded); first < firstRun || first >= firstRun+every {
			t.Errorf("the first run is due %v after the reload", first)
		}
	}, probe("join"))
}

func TestANewProbeKeepsTheFirstRunDistanceFromTheReload(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.pass(time.Hour)
		reloaded := time.Now()
		w.Apply([]schedule.Probe{probe("join"), probe("new")}, enough)
		w.pass(firstRun + every)
		runs := w.runs("new")
		if len(runs) != 1 {
			t.Fatalf("%d runs", len(runs))
		}
		if first := runs[0].Due.Sub(reloaded); first < firstRun {
			t.Errorf("due %v after the reload", first)
		}
	}, probe("join"))
}

func TestANewProbeIsNotLateBecauseTheLoopSlept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{over: make(chan struct{}), fates: make(map[string][]string)}
		s := schedule.New(schedule.Options{Observer: w, Run: takes(0)})
		ctx, stop := contextWithStop(t)
		go func() { defer close(w.over); s.Run(ctx, 0) }()
		time.Sleep(time.Hour + time.Millisecond) // the loop has just gone to sleep
		p := probe("join")
		p.Interval = 100 * time.Millisecond
		s.Apply([]schedule.Probe{p}, enough)
		time.Sleep(p.Interval)
		synctest.Wait()
		if runs := w.runs("join"); len(runs) != 1 || runs[0].Delay != 0 {
			t.Errorf("started %+v", runs)
		}
		stop()
		<-w.over
	})
}

func TestAnotherIntervalTakesEffect(t *testing.T) {
	in(t, schedule.Options{}, 0, takes(time.Second), func(t *testing.T, w *world) {
		w.slots(3, every)
		p := changed(probe("join"))
		p.Interval = 4 * time.Second
		w.Apply([]schedule.Probe{p}, enough)
		before := len(w.runs("join"))
		w.pass(time.Minute + firstRun)
		if got := len(w.runs("join")) - before; got != 15 {
			t.Errorf("%d runs a minute, want 15", got)
		}
		p = changed(p)
		p.Interval = 0
		w.Apply([]schedule.Probe{p}, enough)
		before = len(w.runs("join"))
		w.pass(time.Hour)
		if got := len(w.runs("join")) - before; got != 0 {
			t.Errorf("%d runs without an interval", got)
		}
	}, probe("join"))
}

func TestTheRunOfARemovedProbeGoesOnAndIsReported(t *testing.T) {
	in(t, schedule.Options{}, 0, ends(time.Minute, unavailable(0)), func(t *testing.T, w *world) {
		w.slots(1, every)
		w.Apply(nil, enough)
		if st := w.status(t, "join"); !st.Removed || st.Running.IsZero() {
			t.Errorf("status while it goes: %+v", st)
		}
		w.slots(10, every)
		if runs := w.ended(); len(runs) != 1 || runs[0].Outcome != flows.Failed {
			t.Errorf("finished: %+v", runs)
		}
		expect(t, "slots", w.fate("join"), "run")
		expect(t, "told", w.backoffs(), "")
		if got := w.Status(); len(got) != 0 {
			t.Errorf("status at the end: %+v", got)
		}
	}, probe("join"))
}

func TestAProbeThatComesBackDoesNotOverlapItsOldRun(t *testing.T) {
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: ends(35*time.Second, failed())}), func(t *testing.T, w *world) {
		w.slots(1, every)
		w.Apply(nil, enough)
		w.Apply([]schedule.Probe{probe("join")}, enough)
		w.slots(6, every)
		// It enters its due times at slot 2, where the old run still goes.
		expect(t, "slots", w.fate("join"), "run overlap overlap run run")
	}, probe("join"))
}

func TestAChangedProbeKeepsItsBackOffAndTheRestOfItsLanes(t *testing.T) {
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: ends(time.Second, unclean(unavailable(4*time.Minute)))}), func(t *testing.T, w *world) {
		w.slots(1, every)
		before := w.status(t, "join")
		w.Apply([]schedule.Probe{changed(laned("join", "b", "a"))}, enough)
		after := w.status(t, "join")
		if !after.BackoffUntil.Equal(before.BackoffUntil) || before.BackoffUntil.IsZero() || after.Interval != before.Interval {
			t.Errorf("backed off until %v every %v, after the reload %v and %v", before.BackoffUntil, before.Interval, after.BackoffUntil, after.Interval)
		}
		if got, want := after.Lanes[1].Until, before.Lanes[0].Until; !got.Equal(want) || want.IsZero() {
			t.Errorf("lane a rests until %v, want %v", got, want)
		}
	}, laned("join", "a"))
}

func TestLanesRestFromWhenThoseWhoStayedThereLeave(t *testing.T) {
	const rest = firstRun + every // over before the second slot
	for _, tc := range []struct {
		name  string
		stays int
		next  func(schedule.Probe) schedule.Probe
		want  string
	}{
		{"nobody stayed", 0, changed, "lane resting"},
		{"somebody stayed", 1, changed, "resting lane"},
		{"the lane is another probe's now", 1, func(p schedule.Probe) schedule.Probe {
			p.Standing, p.Name = schedule.Budget{}, "other"
			return p
		}, "resting lane"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, 0, takes(0), func(t *testing.T, w *world) {
				p := probe("join")
				p.Lanes, p.Standing.Participants, p.Paused = []schedule.Lane{{Name: "lane", Rest: rest}}, tc.stays, true
				w.Apply([]schedule.Probe{p}, enough)
				w.slots(4, every)
				p = tc.next(p)
				p.Paused = false
				seen := len(w.fate(p.Name))
				w.Apply([]schedule.Probe{p}, enough)
				w.pass(firstRun + 2*every)
				expect(t, "after the reload", strings.TrimSpace(w.fate(p.Name)[seen:]), tc.want)
			})
		})
	}
}

func TestTheObserverKnowsTheBackOffOfAChangedProbe(t *testing.T) {
	for _, tc := range []struct {
		name     string
		interval time.Duration
		want     string
	}{
		{"the same interval", every, "join 1m0s for 59s, join 1m0s for 57s, join 10s"},
		{"a longer one than it was slowed down to", 2 * time.Minute, "join 1m0s for 59s, join 1m0s for 57s, join 2m0s"},
		{"none", 0, "join 1m0s for 59s, join 0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var runs atomic.Int64
			in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
				if runs.Add(1) == 1 {
					return ends(time.Second, throttled(55*time.Second))(ctx, s)
				}
				return takes(time.Second)(ctx, s)
			}, func(t *testing.T, w *world) {
				w.slots(1, every)
				p := changed(probe("join"))
				p.Interval = tc.interval
				w.Apply([]schedule.Probe{p}, enough)
				if next := w.status(t, "join").NextDue; tc.interval > 0 && time.Until(next) < 52*time.Second {
					t.Errorf("next due in %v", time.Until(next))
				}
				w.pass(time.Hour)
				expect(t, "told", w.backoffs(), tc.want)
			}, probe("join"))
		})
	}
}

func TestSlotsOfAChangedProbeInheritNothingFromBefore(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first play // of slot 0
		fate  string
	}{
		{"backing off", ends(time.Second, unavailable(55*time.Second)), "a unavailable unavailable unavailable unavailable a"},
		{"resting", ends(time.Second, unclean(failed())), "a resting resting resting a a"},
		{"still running", ends(55*time.Second, unclean(failed())), "a overlap overlap overlap overlap resting"},
		{"still running, and then backing off", ends(35*time.Second, unavailable(time.Minute)), "a overlap overlap unavailable unavailable unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: tc.first}), func(t *testing.T, w *world) {
				w.slots(1, every)
				w.Apply([]schedule.Probe{changed(laned("join", "a"))}, enough)
				w.slots(7, every)
				expect(t, "slots", w.fate("join"), tc.fate)
				expect(t, "inherited", w.heirs(), "")
			}, laned("join", "a"))
		})
	}
}

func TestAReloadWhileEverythingHappens(t *testing.T) {
	in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
		return takes(time.Duration(s.Slot%5)*3*time.Second)(ctx, s)
	}, func(t *testing.T, w *world) {
		for n := range 200 {
			p := laned("join", "a", "b")
			if n%3 == 0 {
				p = changed(p)
			}
			w.Apply([]schedule.Probe{p, probe("media")}, enough)
			w.pass(7 * time.Second)
			_, _ = w.Now(t.Context(), "media")
			_ = w.Status()
		}
		if len(w.runs("media")) == 0 {
			t.Error("nothing ran")
		}
	})
}
