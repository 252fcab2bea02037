package selfwatch

import (
	"testing"
	"time"
)

func TestShiftTellsSleepFromASetClock(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		to         Reading
		slept, set time.Duration
	}{
		{"nothing happened", Reading{noon.Add(time.Minute), time.Minute, 0}, 0, 0},
		{"the machine was suspended", Reading{noon.Add(time.Minute + time.Hour), time.Minute, time.Hour}, time.Hour, 0},
		{"the clock was set forward", Reading{noon.Add(2 * time.Minute), time.Minute, 0}, 0, time.Minute},
		{"the clock was set back", Reading{noon.Add(-time.Minute), time.Minute, 0}, 0, -2 * time.Minute},
		{"suspended, and set back on waking", Reading{noon.Add(time.Minute), time.Minute, time.Second}, time.Second, -time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			slept, set := Shift(Reading{Wall: noon}, c.to)
			if slept != c.slept || set != c.set {
				t.Errorf("slept %v, set %v, want %v and %v", slept, set, c.slept, c.set)
			}
		})
	}
}

func TestThisMachinesClocksAgree(t *testing.T) {
	clock := SystemClock()
	before := clock()
	for range 1000 {
		now := clock()
		if slept, set := Shift(before, now); slept.Abs() > 4*agreement || set.Abs() > 4*agreement {
			t.Fatalf("slept %v, set %v", slept, set)
		}
	}
}

func TestALookThatWasInterruptedIsRepeated(t *testing.T) {
	looks := []Reading{{Suspended: time.Hour}, {}, {}, {Suspended: time.Hour}}
	n := 0
	got := steady(func() Reading { n++; return looks[n-1] })
	if got != (Reading{}) || n != 3 {
		t.Errorf("%+v after %d looks", got, n)
	}
}
