package selfwatch

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestShiftTellsSleepFromASetClock(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	running := time.Now()
	for _, c := range []struct {
		name       string
		to         Reading
		slept, set time.Duration
	}{
		{"nothing happened", Reading{noon.Add(time.Minute), running.Add(time.Minute), 0}, 0, 0},
		{"the machine was suspended", Reading{noon.Add(time.Minute + time.Hour), running.Add(time.Minute), time.Hour}, time.Hour, 0},
		{"the clock was set forward", Reading{noon.Add(2 * time.Minute), running.Add(time.Minute), 0}, 0, time.Minute},
		{"the clock was set back", Reading{noon.Add(-time.Minute), running.Add(time.Minute), 0}, 0, -2 * time.Minute},
		{"suspended, and set back on waking", Reading{noon.Add(time.Minute), running.Add(time.Minute), time.Second}, time.Second, -time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			slept, set := Shift(Reading{Wall: noon, Running: running}, c.to)
			if slept != c.slept || set != c.set {
				t.Errorf("slept %v, set %v, want %v and %v", slept, set, c.slept, c.set)
			}
		})
	}
}

func TestThisMachinesClocksAgree(t *testing.T) {
	before := SystemClock()
	for range 1000 {
		if slept, set := Shift(before, SystemClock()); slept.Abs() > 4*agreement || set.Abs() > 4*agreement {
			t.Fatalf("slept %v, set %v", slept, set)
		}
	}
}

func TestReadingsThatAreFarApartCompare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := SystemClock()
		time.Sleep(24 * time.Hour)
		if slept, set := Shift(before, SystemClock()); slept.Abs() > 4*agreement || set.Abs() > 4*agreement {
			t.Errorf("slept %v, set %v", slept, set)
		}
	})
}

func TestALookThatWasInterruptedIsRepeated(t *testing.T) {
	looks := []Reading{{Suspended: time.Hour}, {}, {}, {Suspended: time.Hour}}
	n := 0
	got := steady(func() Reading { n++; return looks[n-1] })
	if got != (Reading{}) || n != 3 {
		t.Errorf("%+v after %d looks", got, n)
	}
}
