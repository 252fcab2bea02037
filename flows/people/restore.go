package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/media"
)

// soundCheck is how long a slot must have been ACTIVE before its silence is the
// handler's: with less, the routing has only just been told.
const soundCheck = 500 * time.Millisecond

// HearAgain waits, until ctx ends, for an accepted frame of other that cond
// takes for one of after the cut.
func (p *Person) HearAgain(ctx context.Context, other *Person, cut time.Time, cond func(media.Received) bool) (media.Received, error) {
	frame, err := p.AwaitFrame(ctx, func(r media.Received) bool {
		return r.Accepted() && r.At.After(cut) && r.SenderID == other.SenderID() && cond(r)
	})
	if err == nil {
		return frame, nil
	}
	return frame, p.cast.inTheDark(ctx, p.notRestored(other, cut, err))
}

// notRestored says whose fault it is that p does not hear other after a cut. It
// is MC's, who has to bring people back together; and the handler's when MC has
// done so and the media still does not come.
func (p *Person) notRestored(other *Person, cut time.Time, err error) error {
	dead := p.Dead()
	if dead == nil {
		dead = other.Dead()
	}
	if dead == nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	since := Span{cut, time.Now()}
	handed, _ := other.said(since)
	if f := p.ownFault(since, handed); f != nil {
		return f
	}
	detail := fmt.Sprintf("%s does not hear %s %v after the cut", p.part.Actor(), other.part.Actor(), time.Since(cut).Round(10*time.Millisecond))
	switch {
	case dead != nil && p.haunted():
		return &flows.Failure{Hop: flows.MC, Reason: flows.Closed, Err: dead,
			Detail: fmt.Sprintf("%s: thrown out, since MC holds on to the person that was cut off and did not give the identity back: %v", detail, dead)}
	case dead != nil:
		return dead
	}
	if refused := p.refusedDuring(other, since); len(refused) > 0 {
		return p.refusals(other, refused, err)
	}
	if p.routed(other, cut) {
		return &flows.Failure{Hop: flows.MH, Reason: flows.NoMedia, Err: err, Detail: detail + " though the slot is ACTIVE"}
	}
	return &flows.Failure{Hop: flows.MC, Reason: flows.Timeout, Err: err, Detail: detail + "; MC has not routed them to each other again"}
}

// routed reports whether MC has brought p and other together, as far as they were
// told. After a lost handler that takes news of MC: what it said before was of a
// connection that is no more.
func (p *Person) routed(other *Person, cut time.Time) bool {
	view := p.View()
	for _, q := range []*Person{p, other} {
		for _, c := range q.Cuts() {
			if c.Kind == darktower.CutKindHandler && view.SlotsAt.Before(cut) {
				return false
			}
		}
	}
	assignment, assigned := view.SlotOf(other.SenderID())
	return assigned && assignment.Active(other.SenderID()) && len(other.Targets()) > 0 && time.Since(view.SlotsAt) > soundCheck
}

// haunted reports whether somebody whom a person of this run once was is still on
// the roster: handlers take nobody whose user is there twice (platform contract,
// MC D.9).
func (p *Person) haunted() bool {
	roster := p.View().Roster
	for _, q := range p.cast.people {
		for _, id := range q.former {
			if _, there := roster[id]; there && id != q.ParticipantID() {
				return true
			}
		}
	}
	return false
}

// AwaitBound waits until the handler that was cut has taken the person back.
func (p *Person) AwaitBound(ctx context.Context) error {
	err := p.Participant.AwaitBound(ctx)
	if err != nil && ctx.Err() == nil {
		return &flows.Failure{Hop: flows.MH, Reason: flows.Closed, Err: err}
	}
	return err
}

// RedialHandler connects to the handler that was cut again, as the step
// mh_connect, and returns when the connect message was out.
func (p *Person) RedialHandler(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := p.step(ctx, flows.StepMHConnect, func(ctx context.Context) error {
		result, err := p.Participant.RedialHandler(ctx)
		describeHandlers(ctx, []media.HandlerResult{result})
		addTimings(ctx, result.Timings)
		at = result.At
		return err
	})
	return at, err
}

// LastBefore is when p last accepted a frame of other before t; t itself when
// it never did.
func (p *Person) LastBefore(other *Person, t time.Time) time.Time {
	last := time.Time{}
	ids := other.senderIDs()
	for _, r := range p.Received() {
		if r.Accepted() && ids[r.SenderID] && !r.At.After(t) && r.At.After(last) {
			last = r.At
		}
	}
	if last.IsZero() {
		return t
	}
	return last
}

// senderIDs are all ids that MC has given the person in this run.
func (p *Person) senderIDs() map[uint16]bool {
	ids := map[uint16]bool{p.SenderID(): true}
	for _, s := range p.Sent() {
		ids[s.SenderID] = true
	}
	return ids
}
