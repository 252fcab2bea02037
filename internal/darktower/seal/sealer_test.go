package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

// talker is a sealer with the KEK of listener.
func talker(t testing.TB) (*Sealer, *Keyring) {
	t.Helper()
	ring := NewKeyring()
	install(t, ring, 0x71, 3, time.Minute, epoch)
	s, err := NewSealer(identityFrom(0x31), ring, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, ring
}

func say(t testing.TB, s *Sealer, words string) (frame.View, Sealed) {
	t.Helper()
	b, sealed, err := s.Append(nil, []byte(words))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, b), sealed
}

func TestWhatIsSaidIsHeard(t *testing.T) {
	s, _ := talker(t)
	o, _ := listener(t)
	for i, words := range []string{"one", "two", "", "a long one that is longer than a block of the cipher"} {
		v, sealed := say(t, s, words)
		opened, outcome := receive(t, o, v.Bytes(), epoch)
		want := Opened{Sender: 7, Stream: 0, Generation: 1, Sequence: uint32(i)}
		if opened.Sender != want.Sender || opened.Generation != want.Generation || opened.Sequence != want.Sequence ||
			sealed != (Sealed{Sequence: want.Sequence, Generation: 1}) || string(opened.Plaintext) != words {
			t.Errorf("said %q as %+v, heard %s %+v", words, sealed, outcome, opened)
		}
		if first := i == 0; first != (outcome == string(WrapCached)) || !first && outcome != string(WrapAlreadyHeld) {
			t.Errorf("frame %d: %s", i, outcome)
		}
	}
}

func TestAFrameIsShapedAsTheContractSays(t *testing.T) {
	s, _ := talker(t)
	v, _ := say(t, s, string(make([]byte, audioLen)))
	if len(v.Bytes()) != 156+audioLen {
		t.Errorf("%d bytes, want %d", len(v.Bytes()), 156+audioLen)
	}
	_, salient := v.Salience()
	if v.Flags() != 5 || v.StreamID() != 0 || v.HopSequence() != 0 || salient {
		t.Errorf("flags %x, stream id %d, hop %d, salience %v", v.Flags(), v.StreamID(), v.HopSequence(), salient)
	}
	if got := binary.BigEndian.Uint16(v.Wrap()); got != 3 {
		t.Errorf("wrapped under generation %d, want 3", got)
	}
	if id, _ := KeyIDOf(v); id != keyID(t, 7, 0, 1) {
		t.Errorf("key id %s", id)
	}
}

func TestFramesOfOneTransmitKeyCarryTheSameWrap(t *testing.T) {
	s, _ := talker(t)
	a, _ := say(t, s, "a")
	b, _ := say(t, s, "b")
	if !bytes.Equal(a.Wrap(), b.Wrap()) {
		t.Error("the wraps differ")
	}
}

func TestNothingIsSaidWithoutAKEK(t *testing.T) {
	ring := NewKeyring()
	s, err := NewSealer(identityFrom(0x31), ring, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	dst := []byte("kept")
	got, _, err := s.Append(dst, []byte("hello"))
	if !errors.Is(err, ErrNoKEK) || string(got) != "kept" || s.NextSequence() != 0 || s.Generation() != 0 {
		t.Errorf("got %q, %v; sequence %d, generation %d", got, err, s.NextSequence(), s.Generation())
	}
	install(t, ring, 0x71, 3, 0, epoch)
	if _, sealed := say(t, s, "hello"); sealed != (Sealed{Sequence: 0, Generation: 1}) {
		t.Errorf("the first frame is %+v", sealed)
	}
}

func TestARotationTakesTheNextGenerationAndLeavesTheSequence(t *testing.T) {
	s, _ := talker(t)
	s.Rotate() // before the first frame: that one begins a transmit key anyway
	var got []Sealed
	var wraps [][]byte
	for _, rotations := range []int{0, 0, 1, 0, 3, 1} {
		for range rotations {
			s.Rotate()
		}
		v, sealed := say(t, s, "hello")
		got, wraps = append(got, sealed), append(wraps, v.Wrap())
	}
	for i, generation := range []uint64{1, 1, 2, 2, 3, 4} {
		if got[i] != (Sealed{Sequence: uint32(i), Generation: generation}) {
			t.Errorf("frame %d is %+v, want generation %d", i, got[i], generation)
		}
	}
	if bytes.Equal(wraps[1], wraps[2]) || !bytes.Equal(wraps[2], wraps[3]) {
		t.Error("the wrapped key does not change with the generation")
	}
	if s.Generation() != 4 || s.NextSequence() != 6 || s.Sender() != 7 || s.Stream() != 0 {
		t.Errorf("generation %d, next sequence %d", s.Generation(), s.NextSequence())
	}
}

func TestANewKEKBringsANewTransmitKeyByItself(t *testing.T) {
	s, ring := talker(t)
	before, _ := say(t, s, "before")
	key := pattern(0x71)
	if _, err := ring.Install(key[:], 3, time.Minute, epoch); err != nil {
		t.Fatal(err)
	}
	if _, sealed := say(t, s, "the same KEK again"); sealed.Generation != 1 {
		t.Errorf("a KEK that is held already rotated to generation %d", sealed.Generation)
	}
	install(t, ring, 0x91, 4, time.Minute, epoch)
	after, sealed := say(t, s, "after")
	if sealed != (Sealed{Sequence: 2, Generation: 2}) || binary.BigEndian.Uint16(after.Wrap()) != 4 {
		t.Errorf("%+v, wrapped under generation %d", sealed, binary.BigEndian.Uint16(after.Wrap()))
	}
	old, err := UnwrapKey(pattern(0x71), keyID(t, 7, 0, 1), before.Wrap()[kekGenerationLen:])
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := UnwrapKey(pattern(0x91), keyID(t, 7, 0, 2), after.Wrap()[kekGenerationLen:])
	if err != nil {
		t.Fatal(err)
	}
	if old == fresh {
		t.Error("an old transmit key was wrapped under the new KEK")
	}
}

func TestAStreamHasOneSealer(t *testing.T) {
	_, ring := talker(t)
	if _, err := NewSealer(identityFrom(0x31), ring, 7, 0); !errors.Is(err, ErrSealerExists) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := NewSealer(identityFrom(0x31), ring, 7, 1); err != nil {
		t.Errorf("another stream: %v", err)
	}
	if _, err := NewSealer(identityFrom(0x31), ring, 8, 0); err != nil {
		t.Errorf("another sender id: %v", err)
	}
	if _, err := NewSealer(identityFrom(0x31), ring, 0, 0); !errors.Is(err, ErrKeyID) {
		t.Errorf("sender id 0: %v", err)
	}
}

func TestNumbersAreNeverUsedTwice(t *testing.T) {
	s, _ := talker(t)
	s.next = math.MaxUint32
	if _, sealed := say(t, s, "the last"); sealed.Sequence != math.MaxUint32 {
		t.Errorf("%+v", sealed)
	}
	if _, _, err := s.Append(nil, nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last sequence: %v", err)
	}

	s, _ = talker(t)
	s.generation = MaxGeneration
	if _, _, err := s.Append(nil, nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last generation: %v", err)
	}
}

func TestAFrameThatCannotBeBuiltConsumesNoNumber(t *testing.T) {
	s, _ := talker(t)
	got, _, err := s.Append([]byte("kept"), make([]byte, frame.MaxPayloadLen))
	if !errors.Is(err, frame.ErrPayloadLen) || string(got) != "kept" || s.NextSequence() != 0 {
		t.Errorf("got %q, %v, next sequence %d", got, err, s.NextSequence())
	}
}

func TestFramesAreAppended(t *testing.T) {
	s, _ := talker(t)
	o, _ := listener(t)
	for _, buf := range [][]byte{[]byte("kept"), append(make([]byte, 0, 1024), "kept"...)} {
		got, _, err := s.Append(buf, []byte("hello"))
		if err != nil || string(got[:4]) != "kept" {
			t.Fatalf("got %q, %v", got, err)
		}
		if opened, outcome := receive(t, o, got[4:], epoch); string(opened.Plaintext) != "hello" {
			t.Errorf("%s %q", outcome, opened.Plaintext)
		}
	}
}

func TestManyMayShareASealer(t *testing.T) {
	s, ring := talker(t)
	const speakers, frames = 4, 50
	results := make(chan Sealed, speakers*frames)
	var group sync.WaitGroup
	for range speakers {
		group.Go(func() {
			for range frames {
				if _, sealed, err := s.Append(nil, []byte("hello")); err == nil {
					results <- sealed
				}
			}
		})
	}
	group.Go(func() {
		for i := range uint32(20) {
			key := pattern(byte(i))
			_, _ = ring.Install(key[:], 4+i, 0, epoch)
			s.Rotate()
		}
	})
	group.Wait()
	close(results)
	seen := make(map[uint32]bool)
	for sealed := range results {
		if seen[sealed.Sequence] {
			t.Fatalf("sequence %d was used twice", sealed.Sequence)
		}
		seen[sealed.Sequence] = true
	}
	if len(seen) != speakers*frames || s.NextSequence() != speakers*frames {
		t.Errorf("%d frames, next sequence %d", len(seen), s.NextSequence())
	}
}
