package people

import (
	"testing"
	"time"
)

func TestAMeetingIsEnteredTooSoonWithinTheTimeThatNewsOfItsEndMayTake(t *testing.T) {
	now := time.Date(2024, 4, 1, 9, 20, 0, 0, time.UTC)
	before := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	for name, c := range map[string]struct {
		left *time.Time
		want time.Duration
	}{
		"never left, as far as is known": {nil, 0},
		"left in this moment":            {before(0), 1},
		"left a second ago":              {before(time.Second), time.Second},
		"left as long as a lane rests":   {before(lateEnd), 0},
		"left long ago":                  {before(time.Hour), 0},
	} {
		if got := haste(c.left, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
