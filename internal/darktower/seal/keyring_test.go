package seal

import (
	"errors"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestAKEKIsInstalledByTheRulesOfDelivery(t *testing.T) {
	key, other, zero := pattern(1), pattern(2), Key{}
	for _, c := range []struct {
		name       string
		key        []byte
		generation uint32
		changed    bool
		want       error
		current    uint16
	}{
		{"no key", nil, 6, false, ErrKEKMalformed, 5},
		{"a short key", other[1:], 6, false, ErrKEKMalformed, 5},
		{"a long key", append(other[:], 1), 6, false, ErrKEKMalformed, 5},
		{"a key of zeros", zero[:], 6, false, ErrKEKMalformed, 5},
		{"a generation of 17 bits", other[:], 65536, false, ErrKEKMalformed, 5},
		{"the same again", key[:], 5, false, nil, 5},
		{"another key of the same generation", other[:], 5, false, ErrKEKConflict, 5},
		{"an older generation", other[:], 4, false, ErrKEKOlder, 5},
		{"the next generation", other[:], 6, true, nil, 6},
		{"a later generation", other[:], 65535, true, nil, 65535},
		{"a later generation with the old key", key[:], 7, true, nil, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewKeyring()
			install(t, r, 1, 5, time.Minute, epoch)
			changed, err := r.Install(c.key, c.generation, time.Minute, epoch)
			if changed != c.changed || !errors.Is(err, c.want) {
				t.Errorf("changed %v, error %v; want %v, %v", changed, err, c.changed, c.want)
			}
			kek, ok := r.Current()
			if !ok || kek.Generation != c.current || c.current == 5 && kek.Key != pattern(1) {
				t.Errorf("current is generation %d, want %d", kek.Generation, c.current)
			}
			if _, ok := r.Lookup(5, epoch); !ok {
				t.Error("generation 5 is gone")
			}
		})
	}
}

func TestAnEmptyRingHoldsNothing(t *testing.T) {
	r := NewKeyring()
	if _, ok := r.Current(); ok {
		t.Error("it has a current KEK")
	}
	if _, ok := r.Lookup(0, epoch); ok {
		t.Error("it holds generation 0")
	}
	install(t, r, 1, 0, 0, epoch)
	if kek, ok := r.Current(); !ok || kek.Generation != 0 {
		t.Error("generation 0 is no good first generation")
	}
}

func TestThePreviousKEKIsHeldForHalfTheDebounceOfItsSuccessor(t *testing.T) {
	for _, c := range []struct {
		name     string
		debounce time.Duration
		want     time.Duration
	}{
		{"none named", 0, 10 * time.Second},
		{"negative", -time.Second, 10 * time.Second},
		{"one second", time.Second, 500 * time.Millisecond},
		{"30 s", 30 * time.Second, 15 * time.Second},
		{"60 s, as deployed", time.Minute, 30 * time.Second},
		{"300 s", 5 * time.Minute, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewKeyring()
			install(t, r, 1, 5, 7*time.Second, epoch.Add(-time.Hour)) // its own debounce does not matter
			install(t, r, 2, 6, c.debounce, epoch)
			if _, ok := r.Lookup(5, epoch.Add(c.want-1)); !ok {
				t.Error("gone before its time")
			}
			if _, ok := r.Lookup(5, epoch.Add(c.want)); ok {
				t.Error("still held")
			}
			if _, ok := r.Lookup(5, epoch); ok {
				t.Error("what is gone came back with an earlier time")
			}
			if _, ok := r.Lookup(6, epoch.Add(time.Hour)); !ok {
				t.Error("the current KEK is gone")
			}
		})
	}
}

func TestARepeatedKEKExtendsNoRetention(t *testing.T) {
	r := NewKeyring()
	install(t, r, 1, 5, time.Minute, epoch)
	install(t, r, 2, 6, time.Minute, epoch)
	key := pattern(2)
	if changed, err := r.Install(key[:], 6, 10*time.Minute, epoch.Add(29*time.Second)); changed || err != nil {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	if _, ok := r.Lookup(5, epoch.Add(30*time.Second)); ok {
		t.Error("generation 5 is still held")
	}
	if kek, _ := r.Current(); kek.RotationDebounce != time.Minute {
		t.Errorf("the debounce has become %v", kek.RotationDebounce)
	}
}

func TestAtMostOnePreviousKEKIsHeldAndTheOtherIsWiped(t *testing.T) {
	r := NewKeyring()
	install(t, r, 1, 1, time.Minute, epoch)
	first := r.current
	install(t, r, 2, 2, time.Minute, epoch)
	second := r.current
	install(t, r, 3, 3, time.Minute, epoch)
	if _, ok := r.Lookup(1, epoch); ok || first.Key != (Key{}) {
		t.Error("generation 1 is held, or not wiped")
	}
	if _, ok := r.Lookup(2, epoch); !ok {
		t.Error("generation 2 is gone")
	}
	r.Expire(epoch.Add(30 * time.Second))
	if r.previous != nil || second.Key != (Key{}) {
		t.Error("generation 2 has not been wiped in time")
	}
}

func TestWhyAGenerationIsMissing(t *testing.T) {
	both, one := NewKeyring(), NewKeyring()
	for _, generation := range []uint32{3, 5} {
		install(t, both, byte(generation), generation, time.Minute, epoch)
	}
	install(t, one, 5, 5, time.Minute, epoch)
	for _, c := range []struct {
		name       string
		ring       *Keyring
		generation uint16
		want       frame.Reason
	}{
		{"older than the previous", both, 2, frame.KEKGenerationStale},
		{"between previous and current", both, 4, frame.NoKEKForGeneration},
		{"newer than the current", both, 6, frame.NoKEKForGeneration},
		{"older than the only one", one, 4, frame.KEKGenerationStale},
		{"newer than the only one", one, 6, frame.NoKEKForGeneration},
		{"nothing is held", NewKeyring(), 0, frame.NoKEKForGeneration},
	} {
		if got := c.ring.held(epoch).missing(c.generation); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
