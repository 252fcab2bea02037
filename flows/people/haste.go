package people

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// lateEnd is for how long after everybody has left a meeting GC and MC may not agree on
// whether there is one: the news of its end is under way, and closes the assignment of
// whoever has come meanwhile (platform contract, GC 6 and MC D.12). Lanes rest for as
// long, unless they are told to rest less, or somebody who stays between runs is
// replaced.
const lateEnd = 5 * time.Second

// GoHome has p leave, if that was not done, and frees all that p holds.
func (p *Person) GoHome() {
	p.Release()
	if len(p.former) > 0 { // was in the meeting
		p.stage.visits().over(p.stage.Meeting, time.Now())
	}
}

// enters notes that p is about to ask for the meeting, which may be empty.
func (c *Cast) enters(p *Person) {
	for _, q := range c.people {
		if q != p && q.ticket.MCID != "" {
			return // who is there keeps it open
		}
	}
	c.hasty = c.stage.visits().haste(c.stage.Meeting, time.Now())
}

// unlessHasty makes it the prober's own that GC and MC do not agree on the meeting, if
// it was entered too soon after it was left.
func (c *Cast) unlessHasty(err error) error {
	if c.hasty == 0 || !apart(err) {
		return err
	}
	return &flows.Failure{Hop: flows.Prober, Reason: flows.Self, Cause: flows.CauseLane, Err: err,
		Detail: fmt.Sprintf("the lane's meeting was entered %v after it had been left, and the news of its end may still be under way: %v",
			c.hasty.Round(time.Millisecond), err)}
}

// apart reports that GC and MC do not agree on whether there is a meeting, or where.
func apart(err error) bool {
	var refusal *signaling.ServerError
	if errors.As(err, &refusal) {
		return refusal.Code == signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND ||
			refusal.Code == signalingv1.ErrorCode_ERROR_CODE_CONFLICT && strings.Contains(refusal.Message, "restarting")
	}
	var split *meeting.SplitMeetingError
	return errors.As(err, &split)
}
