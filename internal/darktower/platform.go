package darktower

import (
	"log/slog"
	"time"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Platform is one deployment, as its participants reach it. It is shared and
// never changed.
type Platform struct {
	Accounts  *account.Client
	Meetings  *meeting.Client
	MC, MH    webtransport.Config
	Deadlines Deadlines
	Log       *slog.Logger // nil: none
}

// Deadlines bound what a participant waits for; the caller's context may be
// shorter. Zero fields have the defaults named.
type Deadlines struct {
	SignIn  time.Duration // one request to AC; 5 s
	GC      time.Duration // one request to GC, which itself gives up at 30 s; 35 s
	MC      time.Duration // connecting, and joining, each; 15 s (platform contract, client 1.2)
	MH      time.Duration // one handler; 10 s (platform contract, client 1.2)
	Default time.Duration // everything else that is answered; 5 s
}

func (d Deadlines) withDefaults() Deadlines {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&d.SignIn, 5 * time.Second}, {&d.GC, 35 * time.Second}, {&d.MC, 15 * time.Second},
		{&d.MH, 10 * time.Second}, {&d.Default, 5 * time.Second},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return d
}

// Options are what participants of one platform differ in.
type Options struct {
	// Name is what logs call the participant; it is not its display name.
	Name string
	// Slots is how many others it can hear at once; default 2. MC refuses more
	// than it allows (platform contract, MC D.4).
	Slots int
	// PlaintextLen is the size of a frame's plaintext in bytes; default
	// media.DefaultPlaintextLen.
	PlaintextLen int
	// MaxRecords bounds the frames recorded, sent and received each; default 1 << 17.
	MaxRecords int
	// OnMessage is told of every message to and from MC and handlers: not in order,
	// and on several goroutines. It must be quick. Nil: nothing is called.
	OnMessage func(Message)
}

// A Message is one message on a stream to MC or to a handler.
type Message struct {
	signaling.Message
	Handler bool // to a handler; otherwise to or from MC
}
