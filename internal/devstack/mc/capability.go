package mc

import (
	"context"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

const (
	maxSlotID      = 65535
	refusedSlots   = "receive capability rejected: "
	reasonBudget   = "too many declarations on this connection"
	reasonTooMany  = "too many slots"
	reasonRange    = "slot id out of range"
	reasonTwice    = "duplicate slot id"
	reasonKind     = "slot media kind unset"
	reasonPinned   = "invalid pinned sender id"
	maxKnownMedia  = signalingv1.MediaKind_MEDIA_KIND_VIDEO_SCREEN
	firstKnownKind = signalingv1.MediaKind_MEDIA_KIND_AUDIO
)

// declare takes one ReceiveCapability: all of a participant's slots, replacing
// those before. A good one is answered by its effects alone, an identical one by
// nothing (platform contract, MC D.4).
func (m *meeting) declare(ctx context.Context, p *participant, c *client, r *signalingv1.ReceiveCapability) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || p.client != c {
		return
	}
	if reason := m.judgeLocked(p, c, r); reason != "" {
		if c.refusals.allow(time.Now()) {
			c.out.put(ctx, errorMessage(signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST, refusedSlots+reason))
		}
		return
	}
	slots := declaredSlots(r)
	if c.declared && sameSlots(p.slots, slots) {
		return
	}
	c.declared = true
	c.accepted++
	p.redeclare(slots)
	m.refreshLocked(ctx)
}

// judgeLocked returns why a declaration is refused, "" when it is good. The
// order of the checks is the platform's; an identical declaration passes even
// with the budget spent, since it costs none.
func (m *meeting) judgeLocked(p *participant, c *client, r *signalingv1.ReceiveCapability) string {
	if m.opts.Faults.Get().MC.RejectCapability {
		return reasonTooMany
	}
	if c.accepted >= m.opts.MaxDeclarations && !sameSlots(p.slots, declaredSlots(r)) {
		return reasonBudget
	}
	if len(r.Slots) > m.opts.MaxSlots {
		return reasonTooMany
	}
	seen := make(map[uint32]bool, len(r.Slots))
	for _, s := range r.Slots {
		switch {
		case s.SlotId > maxSlotID:
			return reasonRange
		case seen[s.SlotId]:
			return reasonTwice
		case s.MediaKind < firstKnownKind || s.MediaKind > maxKnownMedia:
			return reasonKind
		case s.PinnedSenderId != nil && (*s.PinnedSenderId == 0 || *s.PinnedSenderId > maxSenderID):
			return reasonPinned
		}
		seen[s.SlotId] = true
	}
	return ""
}

func declaredSlots(r *signalingv1.ReceiveCapability) []slot {
	out := make([]slot, 0, len(r.Slots))
	for _, s := range r.Slots {
		out = append(out, slot{id: s.SlotId, kind: s.MediaKind, pinned: s.GetPinnedSenderId()})
	}
	return out
}

// sameSlots compares declarations, not what fills them.
func sameSlots(a, b []slot) bool {
	return slices.EqualFunc(a, b, func(x, y slot) bool {
		return x.id == y.id && x.kind == y.kind && x.pinned == y.pinned
	})
}
