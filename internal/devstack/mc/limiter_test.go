package mc

import (
	"testing"
	"time"
)

func TestALimiterEarnsOneTokenPerInterval(t *testing.T) {
	l := limiter{burst: 2, every: time.Second}
	start := time.Unix(1000, 0)
	for _, step := range []struct {
		at   time.Duration
		want bool
	}{
		{0, true}, {0, true}, {0, false}, {999 * time.Millisecond, false}, {time.Second, true}, {time.Second, false},
		{1500 * time.Millisecond, false}, {2 * time.Second, true}, {time.Hour, true}, {time.Hour, true}, {time.Hour, false},
	} {
		if got := l.allow(start.Add(step.at)); got != step.want {
			t.Errorf("after %s: %t, want %t", step.at, got, step.want)
		}
	}
}
