package darktower

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// CutKind is a way to lose the connection.
type CutKind string

// The ways to lose the connection.
const (
	// CutKindClean: all connections are closed, as by a leave.
	CutKindClean CutKind = "clean"
	// CutKindAbrupt: all paths go dark; nobody is told.
	CutKindAbrupt CutKind = "abrupt"
	// CutKindHandler: one handler's connection is closed, and nothing else.
	CutKindHandler CutKind = "handler"
	// CutKindMigrate: the local address of all connections changes.
	CutKindMigrate CutKind = "migrate"
)

// Cut is one loss of connection.
type Cut struct {
	Kind      CutKind
	At        time.Time // just before the first thing was cut
	URL       string    // of the handler, for CutKindHandler
	ConnEpoch uint32    // of the connection to URL
}

// Cuts are all losses so far, oldest first.
func (p *Participant) Cuts() []Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Cut(nil), p.cuts...)
}

func (p *Participant) noteCut(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, c)
}

// lastCut returns the newest cut, if it is of one of kinds; without kinds, any.
func (p *Participant) lastCut(kinds ...CutKind) (Cut, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cuts) == 0 {
		return Cut{}, false
	}
	last := p.cuts[len(p.cuts)-1]
	if len(kinds) == 0 {
		return last, true
	}
	for _, k := range kinds {
		if last.Kind == k {
			return last, true
		}
	}
	return Cut{}, false
}

// CutClean closes all handler connections and then the MC session, each with
// QUIC code 0: the platform takes it for a leave. It returns the moment before.
func (p *Participant) CutClean() (time.Time, error) {
	s, err := p.current()
	if err != nil {
		return time.Time{}, fmt.Errorf("cutting cleanly: %w", err)
	}
	cut := Cut{Kind: CutKindClean, At: time.Now()}
	p.noteCut(cut)
	p.sender.Direct(nil)
	err = errors.Join(p.handlers.CloseAll(), leaveInTheLight(s))
	if err != nil {
		return cut.At, fmt.Errorf("cutting cleanly: %w", err)
	}
	return cut.At, nil
}

// CutAbrupt makes the paths of all connections dark, for good. The old sockets
// stay open until Leave or Release, so that no port is reused and nothing tells
// the platform; a redial uses new ones. It returns the moment before.
func (p *Participant) CutAbrupt() (time.Time, error) {
	s, err := p.current()
	if err != nil {
		return time.Time{}, fmt.Errorf("cutting abruptly: %w", err)
	}
	cut := Cut{Kind: CutKindAbrupt, At: time.Now()}
	p.noteCut(cut)
	p.handlers.BlackHole()
	s.Transport().Path().BlackHole(true)
	return cut.At, nil
}

// CutHandler closes the connection to one handler and nothing else: see
// InboundHandler for which. It returns the moment before.
func (p *Participant) CutHandler(url string) (time.Time, error) {
	h, ok := p.handlers.Current(url)
	if !ok || !h.Open {
		return time.Time{}, fmt.Errorf("cutting the connection to media handler %s: %w", url, media.ErrNoConnection)
	}
	cut := Cut{Kind: CutKindHandler, At: time.Now(), URL: url, ConnEpoch: h.ConnEpoch}
	p.noteCut(cut)
	return cut.At, p.handlers.Cut(url)
}

// RedialHandler connects again to the handler that was cut last. MC is not told:
// a session reports its handlers once.
func (p *Participant) RedialHandler(ctx context.Context) (media.HandlerResult, error) {
	cut, ok := p.lastCut(CutKindHandler)
	if !ok {
		return media.HandlerResult{}, errors.New("redialing a media handler: none was cut")
	}
	r := p.handlers.Connect(ctx, cut.URL, p.Ticket().Token.Reveal())
	return r, r.Err
}

// Migrate moves the MC session and all handler connections to new local
// addresses, together. It returns the moment before.
func (p *Participant) Migrate() (time.Time, error) {
	s, err := p.current()
	if err != nil {
		return time.Time{}, fmt.Errorf("migrating: %w", err)
	}
	cut := Cut{Kind: CutKindMigrate, At: time.Now()}
	p.noteCut(cut)
	if err := errors.Join(p.handlers.Rebind(), s.Transport().Path().Rebind()); err != nil {
		return cut.At, fmt.Errorf("migrating: %w", err)
	}
	return cut.At, nil
}

// InboundHandler is the URL of the handler that carries the participant's inbound
// media: that of the first slot with a source, an ACTIVE one if there is any. It
// is empty when there is none.
func (p *Participant) InboundHandler() string {
	return inbound(p.View())
}

func inbound(v signaling.View) string {
	url := ""
	for _, a := range v.Slots {
		switch {
		case a.HandlerURL == "":
		case a.State == signalingv1.SlotState_SLOT_STATE_ACTIVE:
			return a.HandlerURL
		case url == "":
			url = a.HandlerURL
		}
	}
	return url
}

// MadeAfterCut reports whether r came over a connection or path that the newest
// cut cannot have touched: a new connection after CutClean and CutAbrupt, any but
// the one that was cut after CutHandler, the new address after Migrate.
func (p *Participant) MadeAfterCut(r media.Received) bool {
	cut, ok := p.lastCut()
	if !ok {
		return false
	}
	switch cut.Kind {
	case CutKindMigrate:
		return r.At.After(cut.At)
	case CutKindHandler:
		return r.At.After(cut.At) && (r.HandlerURL != cut.URL || r.ConnEpoch > cut.ConnEpoch)
	}
	since, ok := p.handlers.Since(r.HandlerURL, r.ConnEpoch)
	return ok && since.After(cut.At)
}

// SentAfter reports whether r, received by somebody else, is a frame that this
// participant handed to a connection after t.
func (p *Participant) SentAfter(r media.Received, t time.Time) bool {
	handed, ok := p.sender.HandedAt(r.SenderID, r.Sequence, r.HandlerURL)
	return ok && handed.After(t)
}

// Leave stops the sending and closes all connections with QUIC code 0, handlers
// first: MC takes the participant off the roster at once (platform contract, MC
// B.10). Connections that were cut off in the dark are closed in the light, so
// that no ghost stays behind. Leaving twice is leaving once.
func (p *Participant) Leave(context.Context) error {
	p.sender.Stop()
	p.mu.Lock()
	sessions := append([]*signaling.Session(nil), p.sessions...)
	p.mu.Unlock()
	errs := []error{p.handlers.CloseAll()}
	for _, s := range sessions {
		errs = append(errs, leaveInTheLight(s))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("leaving: %w", err)
	}
	return nil
}

// leaveInTheLight leaves such that MC learns of it, whatever became of the path.
func leaveInTheLight(s *signaling.Session) error {
	s.Transport().Path().BlackHole(false)
	return s.Leave()
}

// Release leaves, if that was not done, and frees all that the participant holds.
// Its records and statistics stay readable. Any number of calls is one.
func (p *Participant) Release() {
	p.mu.Lock()
	again := p.released
	p.released = true
	p.mu.Unlock()
	if again {
		<-p.freed
		return
	}
	_ = p.Leave(context.Background()) // reported to whoever called Leave itself
	_ = p.handlers.Close()
	p.receiver.Close()
	close(p.freed)
}
