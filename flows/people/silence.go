package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Span is a stretch of time.
type Span struct {
	From, To time.Time
}

// Len is how long the stretch is.
func (s Span) Len() time.Duration { return s.To.Sub(s.From) }

// heard are the moments at which p accepted a frame of other, in order of decoding:
// for gaps that is near enough to the order of arrival.
func (p *Person) heard(other *Person) []time.Time {
	ids := other.senderIDs()
	var at []time.Time
	for _, r := range p.Received() {
		if r.Accepted() && ids[r.SenderID] {
			at = append(at, r.At)
		}
	}
	return at
}

// Lost reports that at the end of the window MC did not have p hear other, nor say
// that other is muted, and for how long p has heard nothing.
func (p *Person) Lost(other *Person, window Span) (Span, bool) {
	ids := other.senderIDs()
	var last []signaling.Assignment
	for _, c := range p.SlotChanges() {
		if c.At.Before(window.To) {
			last = c.Slots
		}
	}
	for _, a := range last {
		for id := range ids {
			if sender, ok := a.Sender(); ok && sender == id &&
				(a.Active(id) || a.State == signalingv1.SlotState_SLOT_STATE_SOURCE_MUTED) {
				return Span{}, false
			}
		}
	}
	since := window.From
	for _, at := range p.heard(other) {
		if at.After(since) && at.Before(window.To) {
			since = at
		}
	}
	return Span{since, window.To}, true
}

// LongestSilence is the longest stretch of the window in which p accepted no frame
// of other although other was ACTIVE in a slot of p's: a source that is muted, or
// that MC has not routed, is no silence.
func (p *Person) LongestSilence(other *Person, window Span) Span {
	ids, heard := other.senderIDs(), p.heard(other)
	longest := Span{window.From, window.From}
	for _, active := range p.activeSpans(ids, window) {
		last := active.From
		for _, at := range heard {
			if at.Before(active.From) || at.After(active.To) {
				continue
			}
			if gap := (Span{last, at}); gap.Len() > longest.Len() {
				longest = gap
			}
			last = at
		}
		if gap := (Span{last, active.To}); gap.Len() > longest.Len() {
			longest = gap
		}
	}
	return longest
}

// activeSpans are the stretches of the window during which one of ids was ACTIVE
// in a slot of p's, as p was told.
func (p *Person) activeSpans(ids map[uint16]bool, window Span) []Span {
	var spans []Span
	changes := p.SlotChanges()
	for i, c := range changes {
		span := Span{c.At, window.To}
		if i+1 < len(changes) {
			span.To = changes[i+1].At
		}
		if span.From.Before(window.From) {
			span.From = window.From
		}
		if span.To.After(window.To) {
			span.To = window.To
		}
		active := false
		for _, a := range c.Slots {
			for id := range ids {
				active = active || a.Active(id)
			}
		}
		switch n := len(spans); {
		case !active || span.Len() <= 0:
		case n > 0 && spans[n-1].To.Equal(span.From):
			spans[n-1].To = span.To // still ACTIVE: the news was of another slot
		default:
			spans = append(spans, span)
		}
	}
	return spans
}

// WhySilent says whose fault it is that p heard nothing of other during a silence.
// Both ends are in this process, so the talker's own record tells whether there was
// anything to hear.
func (p *Person) WhySilent(other *Person, silence Span, err error) error {
	return p.why(other, silence, true, err)
}

// WhyLost is WhySilent for somebody whom MC does not have p hear.
func (p *Person) WhyLost(other *Person, silence Span, err error) error {
	return p.why(other, silence, false, err)
}

func (p *Person) why(other *Person, silence Span, routed bool, err error) error {
	handed, dropped := other.said(silence)
	if f := p.ownFault(silence, handed); f != nil {
		return f
	}
	for _, q := range []*Person{p, other} {
		if dead := q.Dead(); dead != nil && !Faded(dead) {
			return dead
		}
	}
	refused := p.refusedDuring(other, silence)
	switch {
	case !routed:
		return &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Err: err,
			Detail: fmt.Sprintf("%s has no ACTIVE slot for %s any more", p.part.Actor(), other.part.Actor())}
	case handed == 0 && len(other.Targets()) == 0:
		return &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Err: err, Detail: fmt.Sprintf("MC directs %s to send nothing", other.part.Actor())}
	case handed == 0 && dropped[media.DropClosed] > 0:
		return &flows.Failure{Hop: flows.MH, Reason: flows.Closed, Err: err,
			Detail: fmt.Sprintf("the handler that %s was to send to has ended the connection", other.part.Actor())}
	case handed == 0 && dropped[media.DropNotConnected] > 0:
		return &flows.Failure{Hop: flows.MC, Reason: flows.Protocol, Err: err,
			Detail: fmt.Sprintf("MC directs %s to a handler that was reported as not connected", other.part.Actor())}
	case handed == 0:
		return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseDrops, Err: err,
			Detail: fmt.Sprintf("%s handed no frame to a connection; dropped before: %v", other.part.Actor(), dropped)}
	case len(refused) > 0:
		return p.refusals(other, refused, err)
	}
	return &flows.Failure{Hop: flows.MH, Reason: flows.NoMedia, Err: err,
		Detail: fmt.Sprintf("%s was sent %d frames of %s through an ACTIVE slot within %v and got none",
			p.part.Actor(), handed, other.part.Actor(), silence.Len().Round(time.Millisecond))}
}

// said counts the frames due within a span that a connection took, and the
// datagrams that none took.
func (p *Person) said(span Span) (handed int, dropped map[media.DropReason]int) {
	dropped = make(map[media.DropReason]int)
	for _, s := range p.Sent() {
		if s.Due.Before(span.From) || s.Due.After(span.To) {
			continue
		}
		if _, ok := s.Handed(); ok {
			handed++
		}
		for _, to := range s.Targets {
			if to.Dropped != "" {
				dropped[to.Dropped]++
			}
		}
	}
	return handed, dropped
}

// Faded reports a session that ended because nothing was heard for its idle timeout: the
// same silence, noticed later than in what people hear.
func Faded(err error) bool {
	var ended *webtransport.SessionError
	return errors.As(err, &ended) && ended.Via == webtransport.ViaIdleTimeout
}

// whyNothing is WhySilent for a wait for the first frame, which began at since.
func (p *Person) whyNothing(ctx context.Context, other *Person, since time.Time, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	a, ok := p.View().SlotOf(other.SenderID())
	return p.cast.inTheDark(ctx, p.why(other, Span{since, time.Now()}, ok && a.Active(other.SenderID()), err))
}
