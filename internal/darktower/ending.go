package darktower

import (
	"errors"
	"time"

	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Ending is how a connection ended. The platform gives no reason in words (platform
// contract, MC B.10 and media C.2).
type Ending struct {
	At   time.Time
	By   Side
	Via  webtransport.Via
	Code uint64
}

// Side is who ended a connection.
type Side string

// Who ends connections.
const (
	SidePlatform Side = "platform"
	SideClient   Side = "client"
	SideNone     Side = "none" // the other side was not heard any more, or not reached
)

// ViaStream is the end of a session whose one stream MC ended or broke, or on
// which it could not be spoken to any more.
const ViaStream webtransport.Via = "stream"

// ending tells, from why a session is over and when it ended, who ended it; nil
// while it lives.
func ending(err error, at time.Time) *Ending {
	if err == nil {
		return nil
	}
	e := &Ending{At: at, By: SidePlatform, Via: ViaStream}
	var (
		session *webtransport.SessionError
		late    *signaling.TimeoutError
		panicky *signaling.PanicError
	)
	switch {
	case errors.Is(err, signaling.ErrLeft), errors.As(err, &panicky):
		e.By, e.Via = SideClient, webtransport.ViaLocal
	case errors.As(err, &session):
		e.Via, e.Code = session.Via, session.Code
		switch {
		case session.Via == webtransport.ViaLocal:
			e.By = SideClient
		case !session.Remote:
			e.By = SideNone
		}
	case errors.As(err, &late):
		e.By = SideNone
	}
	return e
}
