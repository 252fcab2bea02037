package darktower

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/meeting"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
	"github.com/dark-tower/prober/internal/webtransport"
)

// SignIn gets a user token, from the cache or from AC.
func (p *Participant) SignIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.deadlines.SignIn)
	defer cancel()
	token, err := p.platform.Accounts.Token(ctx, p.cred)
	if err != nil {
		return err // names AC and what it was asked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = token
	return nil
}

// SignedIn reports whether a token is at hand: the participant's own, or one that
// the account's last sign-in left in the cache.
func (p *Participant) SignedIn() bool {
	_, ok := p.userToken()
	return ok
}

func (p *Participant) userToken() (httpapi.Secret, bool) {
	p.mu.Lock()
	own := p.token
	p.mu.Unlock()
	if own.Value != "" && time.Now().Before(own.ExpiresAt) {
		return own.Value, true
	}
	cached, ok := p.platform.Accounts.Remembered(p.cred)
	return cached.Value, ok
}

// RequestJoin asks GC to join the meeting with this code.
func (p *Participant) RequestJoin(ctx context.Context, code httpapi.Secret) (meeting.Ticket, error) {
	ctx, cancel := context.WithTimeout(ctx, p.deadlines.GC)
	defer cancel()
	token, ok := p.userToken()
	if !ok {
		return meeting.Ticket{}, fmt.Errorf("asking GC to join: %w", ErrNotSignedIn)
	}
	ticket, err := p.platform.Meetings.Join(ctx, token, code)
	if err != nil {
		var status *httpapi.StatusError
		if errors.As(err, &status) && status.Status == http.StatusUnauthorized {
			p.forgetToken()
		}
		return meeting.Ticket{}, err // names GC and what it was asked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticket = ticket
	return ticket, nil
}

// forgetToken drops a token that GC does not take, so that the next run asks AC.
func (p *Participant) forgetToken() {
	p.platform.Accounts.Forget(p.cred)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = account.Token{}
}

// ConnectMC opens the WebTransport session to the MC that GC assigned.
func (p *Participant) ConnectMC(ctx context.Context) error {
	p.mu.Lock()
	ticket, released := p.ticket, p.released
	p.timings = webtransport.Timings{}
	p.mu.Unlock()
	switch {
	case released:
		return ErrReleased
	case ticket.MCURL == "":
		return ErrNoTicket
	}
	l := &listener{p: p}
	s, err := signaling.Connect(ctx, ticket.MCURL, signaling.Config{
		Transport:    p.platform.MC,
		JoinTimeout:  p.deadlines.MC,
		WriteTimeout: p.deadlines.Default,
		ReplyTimeout: p.deadlines.Default,
		OnView:       l.onView,
		OnMessage:    func(m signaling.Message) { p.opts.OnMessage(Message{Message: m}) },
		Log:          p.log,
	})
	if err != nil {
		var dial *webtransport.DialError
		if errors.As(err, &dial) {
			p.mu.Lock()
			p.timings = dial.Timings
			p.mu.Unlock()
		}
		return err
	}
	p.mu.Lock()
	released = p.released
	if !released {
		p.timings = s.Transport().Timings()
		p.session, p.listener = s, l
		p.sessions = append(p.sessions, s)
	}
	p.mu.Unlock()
	if released {
		return errors.Join(ErrReleased, s.Leave())
	}
	return nil
}

// MCTimings are the phases of the newest dial of MC, as far as it came.
func (p *Participant) MCTimings() webtransport.Timings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timings
}

// JoinMC joins the meeting. After a cut it presents what it needs to be given its
// former identity back: see Resumed.
func (p *Participant) JoinMC(ctx context.Context) error {
	s, err := p.current()
	if err != nil {
		return fmt.Errorf("joining at MC: %w", err)
	}
	p.mu.Lock()
	r := signaling.JoinRequest{
		MeetingID:   p.ticket.MeetingID,
		Token:       p.ticket.Token.Reveal(),
		Name:        p.cred.DisplayName,
		IdentityKey: p.identity.Public(),
	}
	if p.present != nil {
		r.CorrelationID, r.BindingToken = p.present.CorrelationID, p.present.BindingToken.Reveal()
	}
	p.mu.Unlock()
	if _, err := s.Join(ctx, r); err != nil {
		return err
	}
	return nil
}

// ConnectHandlers connects to every handler that MC offered, all at once, waits
// until each has settled, and then tells MC how it went: once in a session
// (platform contract, client 1.1). It fails when none could be connected; the
// results, in the order of the offer, are returned all the same.
func (p *Participant) ConnectHandlers(ctx context.Context) ([]media.HandlerResult, error) {
	s, err := p.current()
	if err != nil {
		return nil, fmt.Errorf("connecting to media handlers: %w", err)
	}
	urls := s.View().Handlers
	results := p.handlers.ConnectAll(ctx, urls, p.Ticket().Token.Reveal())

	reports := make([]signaling.HandlerStatus, len(results))
	var failures []error
	for i, r := range results {
		reports[i] = signaling.HandlerStatus{URL: r.URL, Connected: r.Connected(), At: r.At}
		if r.Err != nil {
			failures = append(failures, r.Err)
			var failed *media.ConnectError
			if errors.As(r.Err, &failed) {
				reports[i].Reason, reports[i].Code = failed.Reason, failed.Code
			}
		}
	}
	reported := s.ReportHandlers(ctx, reports)
	switch {
	case len(results) == 0:
		return nil, errors.Join(fmt.Errorf("connecting to media handlers: %w", ErrNoHandlers), reported)
	case len(failures) == len(results):
		return results, fmt.Errorf("connecting to media handlers: none of %d: %w", len(results), errors.Join(failures...))
	case reported != nil:
		return results, fmt.Errorf("telling MC of the media handlers: %w", reported)
	}
	return results, nil
}

// Declare asks MC for the participant's receive slots and waits for the answer.
// Without it MC never tells anybody anything of media.
func (p *Participant) Declare(ctx context.Context) error {
	s, err := p.current()
	if err != nil {
		return fmt.Errorf("declaring receive slots: %w", err)
	}
	var slots []signaling.Slot
	for _, id := range p.slotIDs() {
		slots = append(slots, signaling.Slot{ID: id, Kind: signalingv1.MediaKind_MEDIA_KIND_AUDIO})
	}
	if _, err := s.DeclareAndConfirm(ctx, slots); err != nil {
		return fmt.Errorf("declaring receive slots: %w", err)
	}
	return nil
}

// slotIDs are the slots that the participant declares, as the platform's own
// client numbers them (platform contract, client 1.1).
func (p *Participant) slotIDs() []uint16 {
	ids := make([]uint16, p.opts.Slots)
	for i := range ids {
		ids[i] = uint16(i)
	}
	return ids
}

// Talk starts to send a frame every 20 ms to whatever handlers MC directs to,
// now and later; while it directs to none, nothing is built. Talking already, it
// goes on.
func (p *Participant) Talk(context.Context) error {
	if _, err := p.current(); err != nil {
		return fmt.Errorf("starting to talk: %w", err)
	}
	p.sender.Start()
	return nil
}

// Quiet stops the sending. The record stays.
func (p *Participant) Quiet() { p.sender.Stop() }

// Mute stops or resumes the building of frames, and then tells MC. The sender goes
// by its own word: what MC makes of it is for others.
func (p *Participant) Mute(ctx context.Context, muted bool) error {
	s, err := p.current()
	if err != nil {
		return fmt.Errorf("muting: %w", err)
	}
	p.sender.SetMuted(muted)
	if err := s.Mute(ctx, muted, false); err != nil {
		return fmt.Errorf("telling MC of the mute: %w", err)
	}
	return nil
}

// MuteOther mutes somebody else's audio for everybody, or lifts that. MC takes it
// only from the meeting's host, and says nothing (platform contract, MC D.8).
func (p *Participant) MuteOther(ctx context.Context, participantID string, muted bool) error {
	s, err := p.current()
	if err != nil {
		return fmt.Errorf("muting somebody else: %w", err)
	}
	if err := s.ServerMute(ctx, participantID, muted, false); err != nil {
		return fmt.Errorf("muting somebody else: %w", err)
	}
	return nil
}

// Targets are the handlers that MC directs the participant to send to.
func (p *Participant) Targets() []string {
	audio, _ := p.View().Directive.Audio()
	return slices.Clone(audio.Targets)
}
