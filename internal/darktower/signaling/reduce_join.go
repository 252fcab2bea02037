package signaling

import (
	"fmt"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// applyJoin makes a joined view of a JoinResponse (platform contract, MC A.2
// and D). It insists on what no participant can do without: an identity in the
// meeting, the meeting key, and a handler address that could be dialed if any
// handler is offered at all.
func applyJoin(v View, m *signalingv1.ServerMessage) (View, error) {
	r := m.GetJoinResponse()
	if !validID(r.GetParticipantId()) {
		return v, broken("participant_id of %d bytes", len(r.GetParticipantId()))
	}
	if r.SenderId == nil {
		return v, broken("no sender_id")
	}
	if !validSender(r.GetSenderId()) {
		return v, broken("sender_id %d is not in 1..65535", r.GetSenderId())
	}
	kek, flaw := parseKEK(r.GetMeetingKek(), r.GetKekGeneration(), r.GetKekRotationDebounceSeconds())
	if flaw != "" {
		return v, broken("%s", flaw)
	}
	v.Self = Self{ParticipantID: r.GetParticipantId(), SenderID: uint16(r.GetSenderId())}
	v.KEK = kek

	for _, info := range r.GetMediaServers() {
		switch u := info.GetMediaHandlerUrl(); {
		case !validURL(u):
			v = invalid(v, "media_server_url")
		case slices.Contains(v.Handlers, u):
			v = invalid(v, "media_server_twice")
		case len(v.Handlers) == MaxHandlers:
			v = invalid(v, "media_servers_too_many")
		default:
			v.Handlers = append(v.Handlers[:len(v.Handlers):len(v.Handlers)], u)
		}
	}
	if n := len(r.GetMediaServers()); n > 0 && len(v.Handlers) == 0 {
		return v, broken("none of %d media_servers has an https address", n)
	}

	v.Roster = make(map[string]Person, min(len(r.GetExistingParticipants()), MaxRoster))
	for _, p := range r.GetExistingParticipants() {
		v = admit(v, p)
	}
	if len(r.GetCorrelationId()) <= maxID {
		v.Self.CorrelationID = r.GetCorrelationId()
	} else {
		v = invalid(v, "correlation_id")
	}
	if len(r.GetBindingToken()) <= maxToken {
		v.Self.BindingToken = newSecret(r.GetBindingToken())
	} else {
		v = invalid(v, "binding_token")
	}
	if validTraceParent(m.GetTraceParent()) {
		v.JoinTraceParent = m.GetTraceParent()
	}
	v.Joined = true
	return v, nil
}

func broken(format string, args ...any) error {
	return &ProtocolError{Message: "join_response", Detail: fmt.Sprintf(format, args...)}
}

// parseKEK judges a meeting key as every receiver must (platform contract, media
// B.8): 32 bytes, not all zero, a generation of 16 bits. The flaw it names
// carries nothing of the key.
func parseKEK(key []byte, generation, debounceSeconds uint32) (_ *KEK, flaw string) {
	if len(key) != KeyLen {
		return nil, fmt.Sprintf("meeting_kek of %d bytes, not %d", len(key), KeyLen)
	}
	if generation > 65535 {
		return nil, fmt.Sprintf("kek_generation %d is not in 0..65535", generation)
	}
	b := [KeyLen]byte(key)
	if b == ([KeyLen]byte{}) {
		return nil, "meeting_kek is all zero"
	}
	return &KEK{
		Key:              newKey(b),
		Generation:       uint16(generation),
		RotationDebounce: time.Duration(debounceSeconds) * time.Second,
	}, ""
}

// applyKEK installs a newer meeting key. The same key again changes nothing; an
// older one, or another key of the same generation, is refused and the held one
// kept (platform contract, media B.8).
func applyKEK(v View, u *signalingv1.MeetingKekUpdate) View {
	kek, flaw := parseKEK(u.GetMeetingKek(), u.GetKekGeneration(), u.GetKekRotationDebounceSeconds())
	switch {
	case flaw != "":
		return invalid(v, "kek_malformed")
	case kek.Generation > v.KEK.Generation:
		v.KEK = kek
		return v
	case kek.Generation < v.KEK.Generation:
		return invalid(v, "kek_older")
	case !kek.Key.equal(v.KEK.Key):
		return invalid(v, "kek_conflicting")
	}
	return v
}
