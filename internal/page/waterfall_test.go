package page

import (
	"strconv"
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
)

func TestAnAxisIsRoundAndCoversTheRun(t *testing.T) {
	for total, want := range map[time.Duration]time.Duration{
		0:                         time.Microsecond,
		time.Microsecond:          time.Microsecond,
		4 * time.Millisecond:      time.Millisecond,
		4*time.Millisecond + 1:    1500 * time.Microsecond,
		145 * time.Millisecond:    40 * time.Millisecond,
		10350 * time.Millisecond:  3 * time.Second,
		time.Duration(1<<63 - 1):  25 * 365 * 24 * time.Hour,
		-time.Duration(1<<63 - 1): time.Microsecond,
	} {
		if got := niceQuarter(total); got != want {
			t.Errorf("%v: %v, want %v", total, got, want)
		}
	}
}

func TestEveryBarLiesOnTheAxisAndCanBeSeen(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, steps := range map[string][]flows.StepResult{
		"none":                {},
		"no time at all":      {{Started: start}},
		"without a start":     {{Step: flows.StepSignIn}},
		"before the run":      {{Started: start.Add(-time.Second), Duration: time.Second}},
		"after its end":       {{Started: start.Add(time.Hour), Duration: time.Second}},
		"with phases":         {{Started: start, Duration: time.Second, Phases: []flows.Phase{{Name: "a", Duration: time.Second / 2}, {Name: "b", Duration: time.Second}}}},
		"tiny beside a giant": {{Started: start, Duration: time.Microsecond}, {Started: start, Duration: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			w := waterfallOf(flows.Run{Started: start, Duration: time.Second, Steps: steps})
			for _, p := range w.People {
				for _, b := range p.Bars {
					checkPlace(t, b.X, b.Width)
					for _, s := range b.Phases {
						checkPlace(t, s.X, s.Width)
					}
				}
			}
		})
	}
}

func TestALongTalkLeavesRoomForWhatCameBefore(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(offset, took time.Duration) flows.StepResult {
		return flows.StepResult{Started: start.Add(offset), Duration: took}
	}
	entry, talk := at(0, 300*time.Millisecond), at(300*time.Millisecond, 10*time.Second)
	for _, c := range []struct {
		name   string
		steps  []flows.StepResult
		beyond bool
	}{
		{"entry and talk", []flows.StepResult{entry, talk}, true},
		{"a talk alone", []flows.StepResult{at(0, 10*time.Second)}, false},
		{"something during the talk", []flows.StepResult{entry, talk, at(5*time.Second, time.Second)}, false},
		{"a long entry", []flows.StepResult{at(0, 6*time.Second), at(6*time.Second, 10*time.Second)}, false},
		{"a short talk", []flows.StepResult{entry, at(300*time.Millisecond, 300*time.Millisecond)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := waterfallOf(flows.Run{Started: start, Duration: 10300 * time.Millisecond, Steps: c.steps})
			bars := w.People[0].Bars
			if last := bars[len(bars)-1]; last.Beyond != c.beyond {
				t.Errorf("%+v", last)
			}
			if c.beyond && w.Ticks[1].Text != "100 ms" {
				t.Errorf("ticks %v", w.Ticks)
			}
		})
	}
}

func checkPlace(t *testing.T, x, width string) {
	t.Helper()
	left, err := strconv.ParseFloat(x, 64)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := strconv.ParseFloat(width, 64)
	if err != nil {
		t.Fatal(err)
	}
	if left < 0 || wide < narrowest || left+wide > 1000.2 {
		t.Errorf("from %s, %s wide", x, width)
	}
}
