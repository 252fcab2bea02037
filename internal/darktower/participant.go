package darktower

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/webtransport"
)

// Participant is one fake client in one meeting. Its steps are called in order:
//
//	SignIn, RequestJoin, ConnectMC, JoinMC, ConnectHandlers, Declare, Talk, ... Leave, Release
//
// After CutClean or CutAbrupt the same steps, from RequestJoin or ConnectMC on,
// bring it back. Release must be called on every path.
//
// Steps are called one at a time; everything that only looks may be called from
// any goroutine at any time.
type Participant struct {
	platform  *Platform
	deadlines Deadlines
	cred      account.Credentials
	opts      Options
	log       *slog.Logger
	identity  *seal.Identity
	sender    *media.Sender
	receiver  *media.Receiver
	handlers  *media.Handlers

	mu       sync.Mutex // protects all following fields
	token    account.Token
	ticket   meeting.Ticket
	session  *signaling.Session   // the newest; nil before ConnectMC
	sessions []*signaling.Session // all there ever were, oldest first
	listener *listener            // of session
	timings  webtransport.Timings // of the last dial of MC, also a failed one
	member   *membership          // nil before the first JoinMC
	present  *signaling.Self      // what the next JoinMC presents to resume
	resumed  bool
	cuts     []Cut
	obeyErr  error // why MC could not be obeyed, the last time
	slotLog  []SlotChange
	muteLog  []MuteChange
	released bool
	freed    chan struct{} // closed when everything is released
}

var (
	// ErrNotSignedIn is a request to GC without a token.
	ErrNotSignedIn = errors.New("the participant has not signed in")
	// ErrNoTicket is a dial of MC before GC has assigned one.
	ErrNoTicket = errors.New("the participant has not been assigned to an MC")
	// ErrNotConnected is a step that needs a session with MC.
	ErrNotConnected = errors.New("the participant has no session with MC")
	// ErrNoHandlers is the cause when MC offered no media handler.
	ErrNoHandlers = errors.New("MC offered no media handler")
	// ErrReleased is a step after Release.
	ErrReleased = media.ErrReleased
)

// New returns a participant who has done nothing yet. It holds goroutines from
// now on: Release must be called.
func New(p *Platform, cred account.Credentials, opts Options) (*Participant, error) {
	if opts.Slots <= 0 {
		opts.Slots = 2
	}
	if opts.OnMessage == nil {
		opts.OnMessage = func(Message) {}
	}
	identity, err := seal.NewIdentity()
	if err != nil {
		return nil, fmt.Errorf("making a participant: %w", err)
	}
	sender, err := media.NewSender(media.SenderConfig{PlaintextLen: opts.PlaintextLen, MaxRecords: opts.MaxRecords})
	if err != nil {
		return nil, fmt.Errorf("making a participant: %w", err)
	}
	log := p.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if opts.Name != "" {
		log = log.With("participant", opts.Name)
	}
	deadlines := p.Deadlines.withDefaults()
	receiver := media.NewReceiver(media.ReceiverConfig{MaxRecords: opts.MaxRecords})
	return &Participant{
		platform: p, deadlines: deadlines, cred: cred, opts: opts, log: log,
		identity: identity, sender: sender, receiver: receiver,
		handlers: media.NewHandlers(media.Config{
			Transport: p.MH, Timeout: deadlines.MH, Log: log,
			OnConnectMessage: func(at time.Time, bytes int) {
				opts.OnMessage(Message{Handler: true, Message: signaling.Message{At: at, Sent: true, Kind: "MhConnectRequest", Bytes: bytes}})
			},
		}, sender, receiver),
		freed: make(chan struct{}),
	}, nil
}

// Format prints the participant's name and place in the meeting, for every verb:
// what else it holds is nobody's business.
func (p *Participant) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "participant %q (sender %d)", p.opts.Name, p.SenderID())
}

// LogValue logs the same as Format.
func (p *Participant) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// MarshalText encodes the same as Format.
func (p *Participant) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	_, err := io.WriteString(&b, fmt.Sprint(p))
	return b.Bytes(), err
}

// SenderID is what MC calls the participant on the wire, 1 to 65535; 0 before
// JoinMC.
func (p *Participant) SenderID() uint16 { return p.View().Self.SenderID }

// ParticipantID is what MC calls the participant on rosters; empty before JoinMC.
func (p *Participant) ParticipantID() string { return p.View().Self.ParticipantID }

// IdentityKey is the public key that the participant presents to MC.
func (p *Participant) IdentityKey() ed25519.PublicKey { return p.identity.Public() }

// View is all that MC has said in the newest session.
func (p *Participant) View() signaling.View {
	p.mu.Lock()
	s := p.session
	p.mu.Unlock()
	if s == nil {
		return signaling.View{}
	}
	return s.View()
}

// Ticket is the newest answer of GC.
func (p *Participant) Ticket() meeting.Ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ticket
}

// Resumed reports whether the newest JoinMC gave the participant its former
// identity back.
func (p *Participant) Resumed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resumed
}

// Redialed reports whether the newest session came after another.
func (p *Participant) Redialed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sessions) > 1
}

// Dead returns why the participant cannot go on: its MC session, or every one of
// its handler connections, has ended, and not through the participant's own doing.
// It returns nil while it can.
func (p *Participant) Dead() error {
	s, err := p.current()
	if err != nil {
		return nil // not connected yet is not dead
	}
	if err := s.Err(); err != nil && !errors.Is(err, signaling.ErrLeft) {
		return err
	}
	var last error
	for _, h := range p.handlers.Status() {
		switch {
		case !h.Current:
		case h.Open:
			return nil
		default:
			last = fmt.Errorf("the connection to media handler %s has ended: %w", h.URL, h.Err)
		}
	}
	if last == nil || ownDoing(last) {
		return nil
	}
	return last
}

// ownDoing reports whether a session ended because this side closed it.
func ownDoing(err error) bool {
	var ended *webtransport.SessionError
	return errors.As(err, &ended) && ended.Via == webtransport.ViaLocal
}

// SessionEnd waits until the newest MC session has ended and returns why.
func (p *Participant) SessionEnd() error {
	s, err := p.current()
	if err != nil {
		return err
	}
	<-s.Done()
	return s.Err()
}

// SessionContext ends with the newest MC session.
func (p *Participant) SessionContext() context.Context {
	s, err := p.current()
	if err != nil {
		return context.Background()
	}
	return s.Transport().Context()
}

// current returns the newest MC session.
func (p *Participant) current() (*signaling.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.released:
		return nil, ErrReleased
	case p.session == nil:
		return nil, ErrNotConnected
	}
	return p.session, nil
}
