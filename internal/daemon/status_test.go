package daemon

import (
	"testing"
	"time"
)

func TestSpansAreSaidAsPeopleDo(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0 min", 125 * time.Second: "2 min", 90 * time.Minute: "1.5 h", 12 * time.Hour: "12 h",
		77 * time.Hour: "3.2 d", 30 * day: "30 d", 7 * day: "7 d",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
