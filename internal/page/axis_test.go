package page

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestAPauseLeavesRoomForWhatWasDone(t *testing.T) {
	for _, c := range []struct {
		name   string
		busy   []interval
		end    time.Duration
		breaks int
		cut    bool
	}{
		{"without a pause", []interval{{0, 40 * ms}, {40 * ms, 100 * ms}}, 100 * ms, 0, false},
		{"with a short one", []interval{{0, 40 * ms}, {70 * ms, 100 * ms}}, 100 * ms, 0, false},
		{"with a long one", []interval{{0, 40 * ms}, {2 * time.Second, 2030 * ms}}, 2030 * ms, 1, false},
		{"with two", []interval{{0, 40 * ms}, {2 * time.Second, 2030 * ms}, {9 * time.Second, 9010 * ms}}, 9010 * ms, 2, false},
		{"at the beginning", []interval{{time.Second, 1100 * ms}}, 1100 * ms, 1, false},
		{"at the end", []interval{{0, 40 * ms}}, 3 * time.Second, 0, true},
		{"in the middle and at the end", []interval{{0, 40 * ms}, {345 * ms, 363 * ms}}, 3350 * ms, 1, true},
		{"something within a pause that took no time", []interval{{0, 10 * ms}, {time.Second, time.Second}}, 2 * time.Second, 1, true},
		{"in steps that overlap", []interval{{0, 40 * ms}, {10 * ms, 20 * ms}, {30 * ms, 100 * ms}}, 100 * ms, 0, false},
		{"when nothing was done", nil, time.Second, 0, false},
		{"in no time at all", []interval{{0, 0}}, 0, 0, false},
		{"for ever", []interval{{0, 0}}, math.MaxInt64, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, cut := axisOf(c.busy, c.end)
			if len(a.breaks()) != c.breaks || cut != c.cut {
				t.Errorf("%d breaks, cut: %v", len(a.breaks()), cut)
			}
			x := 0.0
			for _, p := range a.pieces {
				if math.Abs(p.x-x) > 1e-6 || p.width <= 0 {
					t.Errorf("a piece from %v, %v wide; the one before ends at %v", p.x, p.width, x)
				}
				x += p.width
			}
			if math.Abs(x-1000) > 1e-6 {
				t.Errorf("the axis is %v wide", x)
			}
			var done, seen float64
			for _, b := range c.busy {
				done += float64(b.to - b.from)
				seen += a.at(b.to) - a.at(b.from)
			}
			if done > 0 && seen < 600 {
				t.Errorf("what was done takes %v of 1000", seen)
			}
		})
	}
}

func TestLabelsOfAnAxisStayApart(t *testing.T) {
	for n := range 400 {
		busy := []interval{{0, time.Duration(n+1) * ms}, {time.Duration(3*n+50) * ms, time.Duration(4*n+60) * ms}}
		a, _ := axisOf(busy, time.Duration(5*n+60)*ms)
		ticks := a.ticks()
		if len(ticks) == 0 || len(ticks) > 8 {
			t.Fatalf("%v: %d labels", busy, len(ticks))
		}
		ends := math.Inf(-1)
		for _, k := range ticks {
			x, err := strconv.ParseFloat(k.X, 64)
			if err != nil {
				t.Fatal(err)
			}
			if k.Text == "" {
				if x < ends-1 {
					t.Errorf("%v: a line at %v crosses a label that ends at %v", busy, x, ends)
				}
				continue
			}
			if k.End {
				x -= labelRoom
			}
			if x < ends-1 || x < 0 {
				t.Errorf("%v: %s begins at %v, where another ends at %v", busy, k.Text, x, ends)
			}
			ends = x + labelRoom
		}
	}
}

func TestAnAxisSaysWhereItGoesOnAfterAPause(t *testing.T) {
	a, _ := axisOf([]interval{{0, 46 * ms}, {345 * ms, 363 * ms}}, 3350*ms)
	if !slices.ContainsFunc(a.ticks(), func(k axisTick) bool { return k.Text == "345 ms" }) {
		t.Errorf("%+v", a.ticks())
	}
}
