package schedule_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/schedule"
)

func TestAServiceThatAsksForItIsLeftAlone(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		name                string
		interval            time.Duration
		plays               map[int64]play
		slots               int
		fate, heirs, slowed string
	}{
		{"two intervals after a 503, and its slot inherits", every,
			map[int64]play{1: ends(second, unavailable(0))}, 6,
			"run run unavailable run run run", "1 of join/1 failure",
			"join 20s for 19s, join 10s"},
		{"two intervals after a 429, and its slot inherits nothing", every,
			map[int64]play{1: ends(second, throttled(0))}, 6,
			"run run throttled run run run", "",
			"join 20s for 19s, join 10s"},
		{"four after the second in a row, and never more", every,
			map[int64]play{0: ends(second, unavailable(0)), 2: ends(second, unavailable(0)), 6: ends(second, unavailable(0))}, 13,
			"run unavailable run unavailable unavailable unavailable run unavailable unavailable unavailable run run run",
			"1 of join/0 failure, 1 of join/2 failure, 1 of join/2 failure, 1 of join/2 failure, 1 of join/6 failure, 1 of join/6 failure, 1 of join/6 failure",
			"join 20s for 19s, join 40s for 39s, join 40s for 39s, join 10s"},
		{"the first run that does not ask ends it, even a failure", every,
			map[int64]play{0: ends(second, unavailable(0)), 2: ends(second, failed())}, 5,
			"run unavailable run run run", "1 of join/0 failure",
			"join 20s for 19s, join 10s"},
		{"after recovery it begins with two again", every,
			map[int64]play{0: ends(second, throttled(0)), 3: ends(second, throttled(0))}, 6,
			"run throttled run run throttled run", "",
			"join 20s for 19s, join 10s, join 20s for 19s, join 10s"},
		{"as long as Retry-After says", every,
			map[int64]play{0: ends(second, throttled(35*second))}, 6,
			"run throttled throttled throttled run run", "",
			"join 40s for 39s, join 10s"},
		{"a short Retry-After does not shorten it", every,
			map[int64]play{0: ends(second, throttled(second))}, 4,
			"run throttled run run", "", "join 20s for 19s, join 10s"},
		{"Retry-After counts from the end of the run", every,
			map[int64]play{0: ends(9*second, throttled(32*second))}, 6,
			"run throttled throttled throttled throttled run", "",
			"join 50s for 41s, join 10s"},
		{"Retry-After without either status", every,
			map[int64]play{0: ends(second, flows.Run{Outcome: flows.Failed, Failure: &flows.Failure{Hop: flows.GC, Reason: flows.Unavailable, RetryAfter: 25 * second}})}, 5,
			"run unavailable unavailable run run", "1 of join/0 failure, 1 of join/0 failure", "join 30s for 29s, join 10s"},
		{"never more than five minutes for a long interval", 2 * time.Minute,
			map[int64]play{0: ends(second, unavailable(0)), 2: ends(second, unavailable(0)), 4: ends(second, unavailable(0))}, 6,
			"run unavailable run unavailable run unavailable",
			"1 of join/0 failure, 1 of join/2 failure, 1 of join/4 failure",
			"join 4m0s for 3m59s, join 4m0s for 3m59s, join 4m0s for 3m59s"},
		{"an interval that is long enough is left as it is", 3 * time.Minute,
			map[int64]play{0: ends(second, unavailable(0)), 1: ends(second, throttled(time.Minute))}, 4,
			"run run run run", "", ""},
		{"a Retry-After of days is cut to five minutes", time.Minute,
			map[int64]play{0: ends(second, throttled(72*time.Hour))}, 8,
			"run throttled throttled throttled throttled throttled run run", "",
			"join 6m0s for 5m59s, join 1m0s"},
		{"an overlong run that asked hands down its overlap and backs off from its own slot", every,
			map[int64]play{0: ends(25*second, unavailable(0))}, 4,
			"run overlap overlap run", "2 of join/0 failure", "join 20s for -5s, join 10s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe("join")
			p.Interval = tc.interval
			in(t, schedule.Options{}, 0, bySlot(tc.plays), func(t *testing.T, w *world) {
				w.slots(tc.slots, p.Interval)
				w.pass(0)
				expect(t, "slots", w.fate("join"), tc.fate)
				expect(t, "inherited", w.heirs(), tc.heirs)
				expect(t, "told", w.backoffs(), tc.slowed)
			}, p)
		})
	}
}

func TestOnlyTheAffectedProbeBacksOff(t *testing.T) {
	in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
		if s.Probe == "join" {
			return ends(time.Second, throttled(0))(ctx, s)
		}
		return takes(time.Second)(ctx, s)
	}, func(t *testing.T, w *world) {
		w.slots(7, every)
		expect(t, "join", w.fate("join"), "run throttled run throttled throttled throttled run")
		expect(t, "media", w.fate("media"), "run run run run run run run")
	}, probe("join"), probe("media"))
}

func TestStatusShowsTheBackOff(t *testing.T) {
	in(t, schedule.Options{}, 0, bySlot(map[int64]play{0: ends(time.Second, throttled(0))}), func(t *testing.T, w *world) {
		w.slots(1, every)
		due := w.runs("join")[0].Due
		w.pass(time.Until(due.Add(5 * time.Second)))
		next := due.Add(2 * every)
		if st := w.status(t, "join"); st.Interval != 2*every || !st.BackoffUntil.Equal(next) || !st.NextDue.Equal(next) {
			t.Errorf("backing off: every %v until %v, next %v; want 20s, %v and the same", st.Interval, st.BackoffUntil, st.NextDue, next)
		}
		w.pass(2 * every)
		if st := w.status(t, "join"); st.Interval != every || !st.BackoffUntil.IsZero() || !st.NextDue.Equal(due.Add(3*every)) {
			t.Errorf("recovered: every %v until %v, next %v", st.Interval, st.BackoffUntil, st.NextDue)
		}
	}, probe("join"))
}

func TestRunsByHandAndBackOff(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		name         string
		slot0, hand  play
		refused      schedule.SkipReason // the run by hand
		fate, slowed string
	}{
		{"a throttle by hand slows the schedule", takes(second), ends(second, throttled(0)), "",
			"run by-hand throttled run run", "join 20s for 16s, join 10s"},
		{"an outage met by hand does not", takes(second), ends(second, unavailable(time.Minute)), "",
			"run by-hand run run run", ""},
		{"a success by hand is no recovery", ends(second, unavailable(0)), takes(second), "",
			"run by-hand unavailable run run", "join 20s for 19s, join 10s"},
		{"one who is throttled waits", ends(second, throttled(0)), takes(second), schedule.Throttled,
			"run throttled run run", "join 20s for 19s, join 10s"},
		{"Retry-After holds for everybody", ends(second, unavailable(15*second)), takes(second), schedule.Unavailable,
			"run unavailable run run", "join 20s for 19s, join 10s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, schedule.Options{}, 0, func(ctx context.Context, s schedule.Start) flows.Run {
				switch s.Slot {
				case -1:
					return tc.hand(ctx, s)
				case 0:
					return tc.slot0(ctx, s)
				}
				return takes(second)(ctx, s)
			}, func(t *testing.T, w *world) {
				w.slots(1, every)
				w.pass(time.Until(w.runs("join")[0].Due.Add(second)))
				_, err := w.Now(t.Context(), "join")
				var busy *schedule.BusyError
				switch {
				case tc.refused == "" && err != nil:
					t.Errorf("refused: %v", err)
				case tc.refused != "" && (!errors.As(err, &busy) || busy.Why != tc.refused || !busy.Until.After(time.Now())):
					t.Errorf("not refused as %s until some time: %v", tc.refused, err)
				}
				w.slots(4, every)
				w.pass(0)
				expect(t, "slots", w.fate("join"), tc.fate)
				expect(t, "told", w.backoffs(), tc.slowed)
			}, probe("join"))
		})
	}
}

func TestAThrottleKeepsNobodyFromLookingForMoreThanFiveMinutes(t *testing.T) {
	p := probe("join")
	p.Interval = 24 * time.Hour
	in(t, schedule.Options{}, 0, ends(time.Second, throttled(0)), func(t *testing.T, w *world) {
		if _, err := w.Now(t.Context(), "join"); err != nil {
			t.Fatal(err)
		}
		ended := time.Now()
		_, err := w.Now(t.Context(), "join")
		var busy *schedule.BusyError
		if !errors.As(err, &busy) || busy.Why != schedule.Throttled || !busy.Until.Equal(ended.Add(5*time.Minute)) {
			t.Errorf("not refused for five minutes: %v", err)
		}
		w.pass(5 * time.Minute)
		if _, err := w.Now(t.Context(), "join"); err != nil {
			t.Errorf("after five minutes: %v", err)
		}
	}, p)
}
