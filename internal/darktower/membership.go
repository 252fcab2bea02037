package darktower

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/darktower/signaling"
)

// A membership is what belongs to one identity at MC: keys, sequence, replay
// state. It outlives a session that MC resumes, and nothing else: under a new
// sender id everything starts anew but the identity key.
type membership struct {
	participantID string
	senderID      uint16
	ring          *seal.Keyring
	opener        *seal.Opener
	sealer        *seal.Sealer // nil before the first directive with a target
}

// A listener takes in what MC says in one session. Its fields belong to the
// goroutine that reads from MC.
type listener struct {
	p         *Participant
	member    *membership
	kek       *signaling.KEK
	directive *signaling.Directive
	slotsAt   time.Time
}

// onView installs a view before anybody acts on it: the meeting key first, the
// roster before a newcomer's frames, the directive last.
func (l *listener) onView(v signaling.View) {
	if !v.Joined || !l.p.listensTo(l) {
		return
	}
	if l.member == nil {
		l.member = l.p.begin(v.Self)
	}
	if v.KEK != l.kek {
		l.kek = v.KEK
		l.install(v.KEK)
	}
	roster := make([]seal.RosterEntry, 0, len(v.Roster))
	for _, who := range v.Roster {
		if who.SenderID != 0 {
			roster = append(roster, seal.RosterEntry{Sender: who.SenderID, PublicKey: who.IdentityKey})
		}
	}
	l.member.opener.ReplaceRoster(roster)
	l.member.opener.SetAssigned(v.AssignedSenders())
	l.p.noteMute(v)
	if !v.SlotsAt.Equal(l.slotsAt) {
		l.slotsAt = v.SlotsAt
		l.p.noteSlots(v)
	}
	if v.Directive != l.directive {
		l.directive = v.Directive
		l.direct(v.Directive)
	}
}

// listensTo reports whether l is the newest session's: what an older one still
// has to say must not steer the sender.
func (p *Participant) listensTo(l *listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listener == l && !p.released
}

// begin finds out whether MC gave the former identity back. If so, the sender
// goes on where it was, with a transmit key of a new generation; if not, every
// state that belongs to a sender id is new.
func (p *Participant) begin(self signaling.Self) *membership {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.member
	p.resumed = m != nil && m.participantID == self.ParticipantID && m.senderID == self.SenderID
	if !p.resumed {
		ring := seal.NewKeyring()
		m = &membership{
			participantID: self.ParticipantID, senderID: self.SenderID,
			ring: ring, opener: seal.NewOpener(ring),
		}
		p.member = m
	}
	p.present = &self
	p.sender.Direct(nil) // what the former session directed ended with it
	if p.resumed {
		p.sender.Rotate()
	}
	p.receiver.Adopt(m.opener, p.slotIDs())
	return m
}

func (l *listener) install(k *signaling.KEK) {
	if k == nil {
		return
	}
	if _, err := l.member.ring.Install(k.Key.Bytes(), uint32(k.Generation), k.RotationDebounce, time.Now()); err != nil {
		l.fail(fmt.Errorf("installing the meeting key: %w", err))
	}
}

// direct obeys a directive. The stream number is that of the first directive with
// a target, for good (platform contract, client 2).
func (l *listener) direct(d *signaling.Directive) {
	audio, _ := d.Audio()
	if len(audio.Targets) > 0 && l.member.sealer == nil {
		sealer, err := seal.NewSealer(l.p.identity, l.member.ring, l.member.senderID, audio.Number)
		if err != nil {
			l.fail(fmt.Errorf("beginning to send: %w", err))
			return
		}
		l.member.sealer = sealer
		l.p.sender.Adopt(media.Voice{Sealer: sealer, SenderID: l.member.senderID, Stream: audio.Number})
	}
	l.p.sender.Direct(audio.Targets)
}

// fail keeps the reason why the participant cannot do what MC says.
func (l *listener) fail(err error) {
	l.p.log.Warn("cannot obey MC", "error", err)
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.obeyErr = err
}
