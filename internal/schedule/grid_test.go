package schedule

import (
	"fmt"
	"testing"
	"time"
)

func TestSplayIsTheSameForeverAndDiffersByInstance(t *testing.T) {
	// A changed hash would move every probe of every installation at an upgrade.
	for _, tc := range []struct {
		instance, probe string
		want            time.Duration
	}{
		{"", "join", 36434147429},
		{"a", "join", 42048110223},
		{"b", "join", 44636821818},
		{"a", "join-2", 10581719172},
	} {
		if got := splay(seed(tc.instance, tc.probe), time.Minute); got != tc.want {
			t.Errorf("splay of %q on %q is %d, want %d", tc.probe, tc.instance, got, tc.want)
		}
	}
}

func TestSplayKeepsItsShareOfAnotherInterval(t *testing.T) {
	s := seed("a", "join")
	if a, b := splay(s, time.Minute), splay(s, 10*time.Minute); b/10 != a {
		t.Errorf("%v of 1m and %v of 10m", a, b)
	}
}

func TestNamesThatDifferInOneLetterLieApart(t *testing.T) {
	const probes, parts = 1000, 20
	var in [parts]int
	for i := range probes {
		in[splay(seed("a", fmt.Sprintf("probe-%d", i)), time.Minute)*parts/time.Minute]++
	}
	for part, n := range in {
		if n < probes/parts/2 || n > probes/parts*2 {
			t.Errorf("%d of %d probes are due in part %d of %d of the interval", n, probes, part, parts)
		}
	}
}

// FuzzDueTimes states what due times are, whatever the interval and the moment.
func FuzzDueTimes(f *testing.F) {
	f.Add("a", "join", int64(15*time.Second), int64(0))
	f.Add("a", "join", int64(15*time.Second), int64(30*24*time.Hour))
	f.Add("", "", int64(1), int64(1))
	f.Add("b", "media", int64(24*time.Hour), int64(10*365*24*time.Hour))
	f.Fuzz(func(t *testing.T, instance, probe string, interval, since int64) {
		const year = int64(365 * 24 * time.Hour)
		if interval <= 0 || interval > year || since < 0 || since > 100*year {
			t.Skip()
		}
		epoch := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		every := time.Duration(interval)
		offset := splay(seed(instance, probe), every)
		if offset < 0 || offset >= every {
			t.Fatalf("splay %v is not within [0, %v)", offset, every)
		}
		g := grid{epoch.Add(offset), every}
		now := epoch.Add(time.Duration(since))
		next, last := g.from(now), g.at(now)
		if next < 0 || g.due(next).Before(now) {
			t.Errorf("slot %d, due at %v, is not at or after %v", next, g.due(next), now)
		}
		if next > 0 && !g.due(next-1).Before(now) {
			t.Errorf("slot %d is due at %v already", next-1, g.due(next-1))
		}
		if g.due(last).After(now) && last >= 0 || !g.due(last+1).After(now) {
			t.Errorf("slot %d is not the last one until %v", last, now)
		}
		if got := g.due(next + 1).Sub(g.due(next)); got != every {
			t.Errorf("slots %d and %d are %v apart, want %v", next, next+1, got, every)
		}
		if got := g.at(g.due(next)); got != next {
			t.Errorf("slot %d is taken for %d", next, got)
		}
		if got := g.from(g.due(next)); got != next {
			t.Errorf("slot %d is not the first from its own due time: %d", next, got)
		}
	})
}
