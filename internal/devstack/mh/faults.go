package mh

import (
	"fmt"
	"sync"

	"github.com/dark-tower/prober/internal/devstack/fault"
)

// faults reads the handler's own switches and keeps their counts: per sender
// before the relay rewrite, per edge after it.
type faults struct {
	id    string
	panel *fault.Panel

	mu        sync.Mutex     // protects all following fields
	forwarded map[string]int // frames per sender since SilentAfter was set
}

func newFaults(id string, panel *fault.Panel) *faults {
	return &faults{id: id, panel: panel, forwarded: make(map[string]int)}
}

// now returns the switches that concern this handler.
func (f *faults) now() fault.MH {
	sw := f.panel.Get().MH
	if sw.Only != "" && sw.Only != f.id {
		return fault.MH{}
	}
	return sw
}

// keyed is what a switch counts by: a sender, or one of its edges.
type keyed interface{ key() string }

func (c *conn) key() string { return fmt.Sprintf("%s/%d", c.meetingID, c.sender) }

func (f Forwarded) key() string {
	return fmt.Sprintf("%s/%d/%d/%d", f.MeetingID, f.Sender, f.Subscriber, f.Slot)
}

// every counts one event and reports whether it is an nth one of its key.
func (f *faults) every(what string, who keyed, n int) bool {
	return n > 0 && f.panel.Every("mh/"+f.id+"/"+what+"/"+who.key(), n)
}

// silentAfter counts a frame of a sender and reports whether more than n have
// come since the switch was set. The panel starts its own counts anew at each
// change and tells only multiples, so it is asked whether its count is the one
// expected: if not, the switches have been set since.
func (f *faults) silentAfter(sender keyed, n int) bool {
	if n <= 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := sender.key()
	count := f.forwarded[key] + 1
	if !f.every("silent", sender, count) {
		count = 1
	}
	f.forwarded[key] = count
	return count > n
}
