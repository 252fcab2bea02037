package seal

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/darktower/frame"
)

func TestTheSameRosterKeyAgainChangesNothing(t *testing.T) {
	o, _ := listener(t)
	c := wellFormed()
	expect(t, o, c.bytes(t), epoch, "cached")
	if !o.SetRoster(7, c.identity.Public()) {
		t.Error("it is not usable any more")
	}
	c.wrapped, c.sequence = false, 1
	expect(t, o, c.bytes(t), epoch, "none")
}

func TestAChangedRosterDropsTransmitKeysAndKeepsReplayWindows(t *testing.T) {
	alice, bob := identityFrom(0x31), identityFrom(0x41)
	for name, change := range map[string]func(o *Opener){
		"another key and back": func(o *Opener) { o.SetRoster(7, bob.Public()); o.SetRoster(7, alice.Public()) },
		"an unusable key":      func(o *Opener) { o.SetRoster(7, nil); o.SetRoster(7, alice.Public()) },
		"left and returned":    func(o *Opener) { o.ForgetRoster(7); o.SetRoster(7, alice.Public()) },
		"an empty roster":      func(o *Opener) { o.ReplaceRoster(nil); o.ReplaceRoster([]RosterEntry{{7, alice.Public()}}) },
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := listener(t)
			c := wellFormed()
			expect(t, o, c.bytes(t), epoch, "cached")
			change(o)
			expect(t, o, c.bytes(t), epoch, "replay_detected")
			c.sequence, c.wrapped = 1, false
			expect(t, o, c.bytes(t), epoch, "no_transmit_key")
			c.wrapped = true
			expect(t, o, c.bytes(t), epoch, "cached")
		})
	}
}

func TestAReplacedRosterKeepsWhoIsStillOnIt(t *testing.T) {
	o, _ := listener(t)
	alice, bob := identityFrom(0x31).Public(), identityFrom(0x41).Public()
	c := wellFormed()
	expect(t, o, c.bytes(t), epoch, "cached")
	o.SetRoster(9, bob)
	o.ReplaceRoster([]RosterEntry{{8, bob}, {7, alice}, {7, bob}, {10, []byte("no key")}, {0, bob}})
	c.wrapped, c.sequence = false, 1
	expect(t, o, c.bytes(t), epoch, "none") // the first entry for a sender counts
	for sender, want := range map[uint16]bool{0: false, 7: true, 8: true, 9: false, 10: false} {
		if got := o.publicKey(sender) != nil; got != want {
			t.Errorf("sender %d is on the roster: %v", sender, got)
		}
	}
}

func TestARosterKeyThatIsNoKeyIsNoEntry(t *testing.T) {
	alice := identityFrom(0x31).Public()
	off := bytes.Clone(alice)
	for usablePublicKey(off) {
		off[0]++
	}
	for name, key := range map[string][]byte{
		"nil": nil, "empty": {}, "short": alice[1:], "long": append(bytes.Clone(alice), 0), "not on the curve": off,
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := listener(t)
			if o.SetRoster(7, key) {
				t.Error("it is called usable")
			}
			expect(t, o, wellFormed().bytes(t), epoch, "no_roster_entry")
		})
	}
	o, _ := listener(t)
	if o.SetRoster(0, alice) {
		t.Error("sender 0 was put on the roster")
	}
}

func TestTheOpenerKeepsItsOwnCopyOfARosterKey(t *testing.T) {
	o, _ := listener(t)
	key := identityFrom(0x41).Public()
	o.SetRoster(8, key)
	key[0] ^= 0xff
	c := wellFormed()
	c.sender, c.identity = 8, identityFrom(0x41)
	o.SetAssigned([]uint16{8})
	expect(t, o, c.bytes(t), epoch, "cached")
}

// The same frames arrive on several connections while everything else changes.
func TestManyConnectionsShareAnOpener(t *testing.T) {
	o, ring := listener(t)
	alice := identityFrom(0x31).Public()
	const frames, connections = 60, 4
	var all [][]byte
	for i := range uint32(frames) {
		c := wellFormed()
		c.sequence = i
		all = append(all, c.bytes(t))
	}
	var accepted [frames]atomic.Int32
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			for i, b := range all {
				v, err := frame.Decode(b)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := o.Open(nil, v, epoch); err == nil {
					accepted[i].Add(1)
				}
			}
		})
	}
	group.Go(func() {
		for i := range 200 {
			o.ReplaceRoster([]RosterEntry{{7, alice}, {8, alice}})
			o.SetAssigned([]uint16{7, uint16(i)})
			o.SetRoster(8, nil)
			o.Expire(epoch)
		}
	})
	group.Go(func() {
		key := pattern(0x91)
		_, _ = ring.Install(key[:], 4, time.Minute, epoch)
	})
	group.Wait()
	for i := range accepted {
		if n := accepted[i].Load(); n != 1 {
			t.Errorf("frame %d was accepted %d times", i, n)
		}
	}
}
