package signaling

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

func applyJoined(v View, p *signalingv1.Participant) View {
	v.Roster = maps.Clone(v.Roster)
	return admit(v, p)
}

// admit puts one person on v.Roster, which must be this view's own. A person
// with an unusable sender id or identity key is there all the same: MC admits
// them, and nobody can open their frames.
func admit(v View, p *signalingv1.Participant) View {
	id := p.GetParticipantId()
	old, known := v.Roster[id]
	switch {
	case !validID(id):
		return invalid(v, "roster_participant_id")
	case id == v.Self.ParticipantID:
		return invalid(v, "roster_self")
	case !known && len(v.Roster) >= MaxRoster:
		return invalid(v, "roster_too_large")
	}
	person := Person{ParticipantID: id, Name: newSecret(plain(p.GetName())), Mute: old.Mute}
	switch sender := p.GetSenderId(); {
	case !validSender(sender):
		v = invalid(v, "roster_sender_id")
	case uint16(sender) == v.Self.SenderID:
		v = invalid(v, "roster_sender_id_own")
	default:
		person.SenderID = uint16(sender)
		// Sender ids are unique (platform contract, MC D.2): whoever still holds
		// this one has left, and the message that said so was lost.
		for other, q := range v.Roster {
			if other != id && q.SenderID == person.SenderID {
				delete(v.Roster, other)
				v = invalid(v, "roster_sender_id_twice")
			}
		}
	}
	switch key := p.GetIdentityPublicKey(); len(key) {
	case 0:
	case ed25519.PublicKeySize:
		person.IdentityKey = bytes.Clone(key)
	default:
		v = invalid(v, "roster_identity_key")
	}
	v.Roster[id] = person
	return v
}

func applyLeft(v View, l *signalingv1.ParticipantLeft, at time.Time) View {
	id := l.GetParticipantId()
	if !validID(id) {
		return invalid(v, "left_participant_id")
	}
	person, known := v.Roster[id]
	if known {
		v.Roster = maps.Clone(v.Roster)
		delete(v.Roster, id)
	} else {
		v = invalid(v, "left_stranger")
	}
	v.Left = keep(v.Left, Leave{ParticipantID: id, SenderID: person.SenderID, Reason: l.GetReason(), At: at})
	v.LeftCount++
	return v
}

func applyMute(v View, u *signalingv1.ParticipantMuteUpdate) View {
	mute := Mute{
		AudioSelf: u.GetAudioSelfMuted(), VideoSelf: u.GetVideoSelfMuted(),
		AudioServer: u.GetAudioServerMuted(), VideoServer: u.GetVideoServerMuted(),
	}
	if by := u.GetServerMutedBy(); len(by) <= maxID {
		mute.By = by
	} else {
		v = invalid(v, "mute_by")
	}
	if u.GetParticipantId() == v.Self.ParticipantID {
		v.Self.Mute = mute
		return v
	}
	person, known := v.Roster[u.GetParticipantId()]
	if !known {
		return invalid(v, "mute_stranger")
	}
	v.Roster = maps.Clone(v.Roster)
	person.Mute = mute
	v.Roster[person.ParticipantID] = person
	return v
}
