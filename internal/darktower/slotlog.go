package darktower

import (
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/signaling"
)

// SlotChange is what MC said of the participant's receive slots at one moment. It
// holds until the next one.
type SlotChange struct {
	At    time.Time // when it was read
	Slots []signaling.Assignment
}

// maxSlotChanges bounds the record; the oldest are forgotten first.
const maxSlotChanges = 1024

// SlotChanges are all that MC has said of the receive slots, in any session,
// oldest first.
func (p *Participant) SlotChanges() []SlotChange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.slotLog)
}

func (p *Participant) noteSlots(v signaling.View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.slotLog) == maxSlotChanges {
		p.slotLog = slices.Delete(p.slotLog, 0, 1)
	}
	p.slotLog = append(p.slotLog, SlotChange{At: v.SlotsAt, Slots: v.Slots})
}
