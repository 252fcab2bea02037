package people

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// muteEdge is how much before and after a server mute nothing is expected either:
// MC tells people and handlers at the same time, and not at the same moment.
const muteEdge = 500 * time.Millisecond

// mutedFor are the times in which nothing of p is expected at a listener, since the
// platform has muted p: as p was told, or as the listener was. Nobody of a run ever
// mutes himself. The news of it may get lost on its way to one of the two.
func (p *Person) mutedFor(listener *Person, until time.Time) []media.Span {
	var spans []media.Span
	changes := p.MuteChanges()
	for i, c := range changes {
		end := until
		if i+1 < len(changes) {
			end = changes[i+1].At
		}
		if c.Muted {
			spans = append(spans, media.Span{From: c.At.Add(-muteEdge), To: end.Add(muteEdge)})
		}
	}
	ids := p.senderIDs()
	slots := listener.SlotChanges()
	for i, c := range slots {
		end := until
		if i+1 < len(slots) {
			end = slots[i+1].At
		}
		for _, a := range c.Slots {
			if sender, ok := a.Sender(); ok && ids[sender] && a.State == signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED {
				spans = append(spans, media.Span{From: c.At.Add(-muteEdge), To: end.Add(muteEdge)})
			}
		}
	}
	return spans
}

// NothingToHear says why there is no evidence about a talker whom the platform had
// muted for all of the window: somebody did that, and the run cannot judge; or
// nobody did, and MC contradicts itself. It returns nil when there is evidence.
func (p *Person) NothingToHear(talker *Person, pair flows.Pair) error {
	switch {
	case pair.Sent > 0 || pair.Muted == 0:
		return nil
	case len(talker.MuteChanges()) == 0:
		return &flows.Failure{Hop: flows.MC, Reason: flows.Protocol,
			Detail: fmt.Sprintf("MC shows %s as muted to %s, and has told %s of no mute", pair.From, pair.To, pair.From)}
	}
	return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane,
		Detail: fmt.Sprintf("the host of the lane's meeting had muted %s all the time: there was nothing to hear", pair.From)}
}
