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

// MuteChange is the platform muting the participant for everybody, or no longer.
type MuteChange struct {
	At    time.Time // when it was read
	Muted bool
}

// maxChanges bounds each of the two records; the oldest are forgotten first.
const maxChanges = 1024

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
	p.slotLog = keep(p.slotLog, SlotChange{At: v.SlotsAt, Slots: v.Slots})
}

// MuteChanges are all server mutes of the participant's audio, in any session,
// oldest first. The participant goes on sending, as the platform's own client does
// (platform contract, client 2): the handlers drop what comes.
func (p *Participant) MuteChanges() []MuteChange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.muteLog)
}

func (p *Participant) noteMute(v signaling.View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	muted := len(p.muteLog) > 0 && p.muteLog[len(p.muteLog)-1].Muted
	if v.Self.Mute.AudioServer != muted {
		p.muteLog = keep(p.muteLog, MuteChange{At: v.At, Muted: !muted})
	}
}

func keep[T any](list []T, entry T) []T {
	if len(list) == maxChanges {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, entry)
}
