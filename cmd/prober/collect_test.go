package main

import (
	"runtime/debug"
	"testing"
)

func TestTheDaemonCollectsSoonerUnlessGOGCSaysSomething(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	before := percent()
	for _, c := range []struct {
		said string
		want int
	}{{"", 50}, {"100", before}, {"off", before}} {
		undo := collectSooner(c.said)
		if got := percent(); got != c.want {
			t.Errorf("GOGC=%q: %d, want %d", c.said, got, c.want)
		}
		if undo(); percent() != before {
			t.Errorf("GOGC=%q: %d remains", c.said, percent())
		}
	}
}
