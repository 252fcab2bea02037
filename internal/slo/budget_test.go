package slo

import (
	"math"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
)

// monday is a moment in the middle of an hour.
var monday = time.Date(2024, 4, 1, 9, 20, 0, 0, time.UTC)

func joinAvailability() Objective {
	return Objective{Name: "join-availability", Probe: "join", SLI: config.Availability, Target: 0.999, Window: 30 * day, Interval: 15 * time.Second, EventsPerRun: 1}
}

// play adds an event each interval from begin until end, of which those are bad that
// isBad says.
func play(l *Ledger, begin, end time.Time, isBad func(time.Time) bool) {
	for at := begin; at.Before(end); at = at.Add(l.objective.Interval) {
		if isBad(at) {
			l.Add(at, 1, 1)
		} else {
			l.Add(at, 1, 0)
		}
	}
}

func never(time.Time) bool { return false }

func between(from, to time.Time) func(time.Time) bool {
	return func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > tolerance {
		if got == nil {
			t.Errorf("%s is absent, want %v", what, want)
			return
		}
		t.Errorf("%s is %v, want %v", what, *got, want)
	}
}

// TestTheCharterExample: 99.9 % over 30 d allows 43.2 min; 20 min of them in 15 d are
// consumed 0.93 times as fast as is sustainable.
func TestTheCharterExample(t *testing.T) {
	l := NewLedger(joinAvailability())
	now := monday.Add(15 * day)
	play(l, monday, now, between(monday.Add(7*day), monday.Add(7*day+20*time.Minute)))
	b := l.Report(now)
	if b.Events != 86_400 || b.Bad != 80 {
		t.Errorf("%d events, %d bad", b.Events, b.Bad)
	}
	if math.Abs(b.Allowed-172.8) > 1e-6 || math.Abs(b.MinutesBad-20) > 1e-9 {
		t.Errorf("allowed %v, %v minutes bad", b.Allowed, b.MinutesBad)
	}
	near(t, "consumed", b.Consumed, 0.463, 0.0001)
	near(t, "remaining", b.Remaining, 0.537, 0.0001)
	near(t, "rate", b.Rate, 0.926, 0.0005)
	near(t, "SLI", b.SLI, 1-80.0/86400, 1e-9)
	near(t, "remaining when what was not measured is bad", b.RemainingUnmeasuredBad, 0.537, 0.0001)
	if b.Elapsed != 15*day || b.Measured != 15*day || math.Abs(b.Coverage-0.5) > 1e-9 {
		t.Errorf("elapsed %v, measured %v, coverage %v", b.Elapsed, b.Measured, b.Coverage)
	}
	for w, want := range map[time.Duration]float64{5 * time.Minute: 0, time.Hour: 0, 3 * day: 0} {
		if got, ok := b.Burn[w]; !ok || got != want {
			t.Errorf("burn over %v is %v, %t", w, got, ok)
		}
	}
}

func TestWithoutEventsNothingIsKnown(t *testing.T) {
	b := NewLedger(joinAvailability()).Report(monday)
	if b.SLI != nil || b.Consumed != nil || b.Remaining != nil || b.Rate != nil || b.RemainingUnmeasuredBad != nil || len(b.Burn) != 0 || b.Coverage != 0 {
		t.Errorf("%+v", b)
	}
	// Nor once they have left the window.
	l := NewLedger(joinAvailability())
	l.Add(monday, 5, 5)
	if b := l.Report(monday.Add(31 * day)); b.SLI != nil || b.Remaining != nil || b.Events != 0 {
		t.Errorf("a window later: %+v", b)
	}
}

func TestOneFailureInAFreshLedgerIsNotTheWholeBudget(t *testing.T) {
	l := NewLedger(joinAvailability())
	now := monday.Add(25 * time.Minute)
	play(l, monday, now, between(monday, monday.Add(time.Second)))
	b := l.Report(now)
	near(t, "consumed", b.Consumed, 1/172.8, 1e-9)
	if b.Rate != nil {
		t.Errorf("after 25 minutes the rate is %v: too early to say", *b.Rate)
	}
	if b.Measured != 25*time.Minute {
		t.Errorf("measured %v", b.Measured)
	}
}

func TestBurnIsTheBadShareOverTheBudget(t *testing.T) {
	l := NewLedger(joinAvailability())
	now := monday.Add(4 * day)
	// The last 10 minutes are bad altogether.
	play(l, monday, now, between(now.Add(-10*time.Minute), now))
	b := l.Report(now)
	for w, want := range map[time.Duration]float64{
		5 * time.Minute: 1000, 30 * time.Minute: 1000.0 / 3, time.Hour: 1000.0 / 6, 6 * time.Hour: 1000.0 / 36, day: 1000.0 / 144, 3 * day: 1000.0 / 432,
	} {
		if got, ok := b.Burn[w]; !ok || math.Abs(got-want)/want > 0.01 {
			t.Errorf("burn over %v is %v, want %v", w, got, want)
		}
	}
	// Silence afterwards is no recovery: the short windows know nothing any more.
	b = l.Report(now.Add(10 * time.Minute))
	if got, ok := b.Burn[5*time.Minute]; ok {
		t.Errorf("burn over 5 minutes of silence is %v", got)
	}
	if got := b.Burn[30*time.Minute]; math.Abs(got-500) > 15 {
		t.Errorf("burn over the 20 minutes that are known of 30 is %v", got)
	}
}

func TestWhatIsNotMeasuredIsSaid(t *testing.T) {
	l := NewLedger(joinAvailability())
	play(l, monday, monday.Add(2*day), never)
	play(l, monday.Add(5*day), monday.Add(6*day), never)
	b := l.Report(monday.Add(6 * day))
	if b.Measured != 3*day || b.Elapsed != 6*day || math.Abs(b.Coverage-0.1) > 1e-9 {
		t.Errorf("measured %v of %v, coverage %v", b.Measured, b.Elapsed, b.Coverage)
	}
	near(t, "remaining", b.Remaining, 1, 0)
	near(t, "remaining when 3 d are bad", b.RemainingUnmeasuredBad, 1-3*86400.0/15/172.8, 0.001)
}

func TestOldEventsLeaveTheWindow(t *testing.T) {
	l := NewLedger(joinAvailability())
	play(l, monday, monday.Add(time.Hour), between(monday, monday.Add(time.Hour)))
	for h := 1; h <= 24*30+2; h++ {
		now := monday.Add(time.Duration(h) * time.Hour)
		l.Add(now, 240, 0)
		b := l.Report(now)
		switch past := now.Sub(monday) - 30*day; {
		case past <= -time.Hour && b.Bad != 240, past > time.Hour && b.Bad != 0, b.Bad > 240:
			t.Errorf("%d bad after %d hours", b.Bad, h)
		}
	}
}

func TestAClockThatIsSetLosesLittle(t *testing.T) {
	now := monday.Add(3 * day)
	ledger := func() *Ledger {
		l := NewLedger(joinAvailability())
		play(l, monday, now, never)
		return l
	}
	t.Run("a little back", func(t *testing.T) {
		l := ledger()
		play(l, now.Add(-2*time.Minute), now, never)
		if b := l.Report(now); b.Events < 3*5760 || b.Events > 3*5760+8 || b.Elapsed != 3*day {
			t.Errorf("%d events in %v", b.Events, b.Elapsed)
		}
	})
	t.Run("a year ahead and back", func(t *testing.T) {
		l := ledger()
		l.Add(now.Add(365*day), 1, 1)
		if b := l.Report(now.Add(365 * day)); b.Events != 1 || b.Bad != 1 {
			t.Errorf("ahead: %d events, %d bad", b.Events, b.Bad)
		}
		l.Add(now, 1, 0)
		b := l.Report(now)
		if b.Bad != 0 || b.Events < 3*5760-240 || b.Elapsed != 3*day {
			t.Errorf("back: %d events, %d bad in %v", b.Events, b.Bad, b.Elapsed)
		}
		if b := l.Report(now.Add(365 * day)); b.Events != 0 {
			t.Errorf("what was counted by the wrong clock comes back: %d events", b.Events)
		}
	})
	t.Run("a year back", func(t *testing.T) {
		l := ledger()
		was := now.Add(-365 * day)
		l.Add(was, 4, 1)
		if b := l.Report(was); b.Events != 4 || b.Elapsed != 0 {
			t.Errorf("%d events in %v", b.Events, b.Elapsed)
		}
	})
	t.Run("before the epoch", func(t *testing.T) {
		l := ledger()
		l.Add(time.Unix(-5, 0), 4, 1)
		_ = l.Report(time.Unix(-5, 0))
	})
}

func TestFramesHaveABudgetOfFrames(t *testing.T) {
	o := Objective{SLI: config.DeliveryRatio, Target: 0.995, Window: 30 * day, Interval: 30 * ms, EventsPerRun: 1000}
	l := NewLedger(o)
	for at := monday; at.Before(monday.Add(day)); at = at.Add(30 * time.Second) {
		l.Add(at, 1000, 10)
	}
	b := l.Report(monday.Add(day))
	near(t, "consumed", b.Consumed, 2.0/30, 1e-6)
	near(t, "rate", b.Rate, 2, 1e-6)
	if b.Measured != day {
		t.Errorf("measured %v", b.Measured)
	}
	if math.Abs(b.Burn[day]-2) > 1e-9 {
		t.Errorf("burn %v", b.Burn[day])
	}
}

func TestWithoutAnExpectationThereIsNoBudgetAndStillAnSLI(t *testing.T) {
	l := NewLedger(Objective{SLI: config.Availability, Target: 0.99, Window: 30 * day})
	l.Add(monday, 4, 1)
	b := l.Report(monday.Add(2 * time.Hour))
	near(t, "SLI", b.SLI, 0.75, 0)
	if b.Consumed != nil || b.Rate != nil || b.Coverage != 0 {
		t.Errorf("%+v", b)
	}
}

func BenchmarkLedgerAdd(b *testing.B) {
	l := NewLedger(joinAvailability())
	for i := range b.N {
		l.Add(monday.Add(time.Duration(i)*15*time.Second), 1, 0)
	}
}

func BenchmarkLedgerReport(b *testing.B) {
	l := NewLedger(joinAvailability())
	play(l, monday, monday.Add(30*day), never)
	for b.Loop() {
		l.Report(monday.Add(30 * day))
	}
}

// TestMoreEventsThanExpectedMeasureNoMoreTime: an hour can be measured once.
func TestMoreEventsThanExpectedMeasureNoMoreTime(t *testing.T) {
	start := monday.Truncate(time.Hour)
	l := NewLedger(joinAvailability())
	for at := start; at.Before(start.Add(time.Hour)); at = at.Add(5 * time.Second) {
		l.Add(at, 1, 0)
	}
	if b := l.Report(start.Add(30 * time.Minute)); b.Measured > 30*time.Minute+b.Objective.Interval {
		t.Errorf("measured %v of half an hour", b.Measured)
	}
	if b := l.Report(start.Add(4 * time.Hour)); b.Measured != time.Hour || b.Elapsed != 4*time.Hour {
		t.Errorf("measured %v of %v", b.Measured, b.Elapsed)
	}
}
