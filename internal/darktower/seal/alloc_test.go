package seal

import (
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// A stream of frames costs no memory on either side.
func TestAFrameAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	const frames = 200
	s, _ := talker(t)
	o, _ := listener(t)
	plaintext, buf := make([]byte, audioLen), make([]byte, 0, 512)
	if n := testing.AllocsPerRun(frames, func() {
		if _, _, err := s.Append(buf, plaintext); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("sealing: %v allocations for a frame", n)
	}

	var stream [][]byte
	for range frames + 2 {
		b, _, err := s.Append(nil, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, b)
	}
	next := 0
	open := func() error {
		v, err := frame.Decode(stream[next])
		if err == nil {
			_, err = o.Open(buf, v, epoch)
		}
		next++
		return err
	}
	if err := open(); err != nil { // the first one brings the transmit key
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(frames, func() {
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("opening: %v allocations for a frame", n)
	}
	last := decode(t, stream[next-1])
	if n := testing.AllocsPerRun(frames, func() {
		if _, err := o.Open(buf, last, epoch); err == nil {
			t.Fatal("a replayed frame was opened")
		}
	}); n != 0 {
		t.Errorf("refusing: %v allocations for a frame", n)
	}
}
