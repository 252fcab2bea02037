package seal

import (
	"math"
	"testing"
)

type arrival struct {
	stream     uint8
	generation uint64
	sequence   uint32
	admitted   bool
}

func TestReplayWindow(t *testing.T) {
	in := func(sequences ...uint32) (as []arrival) {
		for _, s := range sequences {
			as = append(as, arrival{0, 1, s, true})
		}
		return as
	}
	out := func(sequences ...uint32) (as []arrival) {
		for _, s := range sequences {
			as = append(as, arrival{0, 1, s, false})
		}
		return as
	}
	for _, c := range []struct {
		name     string
		arrivals [][]arrival
	}{
		{"every sequence is admitted once", [][]arrival{in(0, 1, 2, 3), out(0, 1, 2, 3)}},
		{"the first may be any", [][]arrival{in(1_000_000), out(1_000_000), in(999_999)}},
		{"late frames fill their gaps once", [][]arrival{in(0, 10, 5, 4, 9), out(5, 4, 9, 10, 0)}},
		{"63 behind is admitted", [][]arrival{in(100, 37), out(37)}},
		{"64 behind is not", [][]arrival{in(100), out(36, 35, 0)}},
		{"a step of 63 keeps what was seen", [][]arrival{in(100, 163), out(100)}},
		{"a step of 64 leaves the old one behind", [][]arrival{in(100, 164), out(100), in(101)}},
		{"a leap forgets everything below", [][]arrival{in(0, 1, 1_000_000), out(0, 1, 1_000_000-64), in(1_000_000 - 63)}},
		{"the end of the numbers", [][]arrival{in(math.MaxUint32, math.MaxUint32-63), out(math.MaxUint32, math.MaxUint32-64, 0)}},
		{"from the first to the last number", [][]arrival{in(0, math.MaxUint32), out(0)}},
		{"a newer transmit key has its own window", [][]arrival{in(5), {{0, 2, 5, true}, {0, 2, 5, false}, {0, 2, 4, true}}}},
		{"an older transmit key is a replay", [][]arrival{in(5), {{0, 2, 6, true}, {0, 1, 7, false}, {0, 0, 8, false}}}},
		{"a refused frame of a newer key does not move the mark back", [][]arrival{in(5), {{0, 9, 6, true}, {0, 9, 6, false}, {0, 8, 7, false}}}},
		{"streams know nothing of each other", [][]arrival{{{0, 5, 9, true}, {1, 1, 9, true}, {1, 1, 9, false}, {0, 5, 9, false}, {0, 4, 10, false}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var scope replayScope
			for _, as := range c.arrivals {
				for _, a := range as {
					if got := scope.admit(keyID(t, 7, a.stream, a.generation), a.sequence); got != a.admitted {
						t.Errorf("stream %d, generation %d, sequence %d: admitted is %v", a.stream, a.generation, a.sequence, got)
					}
				}
			}
		})
	}
}

func TestThirtyTwoWindowsAreKeptAndTheOldestMakesRoom(t *testing.T) {
	var scope replayScope
	for stream := range uint8(maxContexts) {
		scope.admit(keyID(t, 7, stream, 4), 100)
	}
	for stream := range uint8(maxContexts) {
		if scope.admit(keyID(t, 7, stream, 4), 100) {
			t.Fatalf("stream %d: a window is gone too early", stream)
		}
	}
	scope.admit(keyID(t, 7, 200, 4), 100)
	if len(scope.contexts) != maxContexts {
		t.Errorf("%d windows", len(scope.contexts))
	}
	if scope.admit(keyID(t, 7, 1, 4), 100) {
		t.Error("the second oldest window is gone")
	}
	if scope.admit(keyID(t, 7, 0, 3), 101) {
		t.Error("the oldest window took its stream's mark along")
	}
	if !scope.admit(keyID(t, 7, 0, 4), 100) {
		t.Error("the oldest window is still there")
	}
}

func TestARotationTakesNoWindowFromAnotherStream(t *testing.T) {
	var scope replayScope
	scope.admit(keyID(t, 7, 1, 1), 100)
	for generation := range uint64(3 * maxContexts) {
		scope.admit(keyID(t, 7, 0, generation), uint32(generation))
	}
	if scope.admit(keyID(t, 7, 1, 1), 100) {
		t.Error("the other stream's window is gone")
	}
	if len(scope.contexts) != 2 || len(scope.marks) != 2 {
		t.Errorf("%d windows and %d marks for two streams", len(scope.contexts), len(scope.marks))
	}
}
