package signaling

import (
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// A View is everything MC has told this client so far. It is a snapshot: the
// session never changes it, and its maps, slices and pointers must not be
// written to by anyone else either. It prints without names, tokens or keys.
type View struct {
	// Messages counts the messages from MC that went into this view, and At is
	// when the last of them was read.
	Messages uint64
	At       time.Time

	// Joined is set by the JoinResponse; everything below is empty before.
	Joined bool
	Self   Self
	// Roster holds the others, by participant id; never this client itself.
	Roster map[string]Person
	// Handlers are the media handlers offered at join, byte for byte as MC
	// spelled them: they are looked up by exact string (platform contract, MC
	// D.5). Their order means nothing.
	Handlers []string
	// KEK is the current meeting key; set once Joined.
	KEK *KEK

	// Directive says what to send and where; nil until the first one came.
	Directive *Directive
	// Slots is the latest snapshot, one entry per declared slot; SlotsKnown is set by
	// the first snapshot, which may be empty. SlotsAt is when it was read.
	Slots      []Assignment
	SlotsKnown bool
	SlotsAt    time.Time
	// Unreachable are senders that share no handler with this client.
	Unreachable []uint16

	// Refusals are the last errors MC answered with on the open session, oldest
	// first; RefusalCount counts all there were.
	Refusals     []*ServerError
	RefusalCount uint64
	// Left are the last departures, oldest first; LeftCount counts all.
	Left      []Leave
	LeftCount uint64
	// UnmuteRequests are the last requests relayed to this client as host,
	// oldest first; UnmuteRequestCount counts all.
	UnmuteRequests     []UnmuteRequest
	UnmuteRequestCount uint64
	// Redirect is set when MC asks this client to go elsewhere.
	Redirect *Redirect

	// Unhandled counts messages nothing was done with, by name: the proto name
	// of the variant, "unknown" for one this client's proto does not have,
	// "empty" for none at all, and "<name>_before_join" for one that came
	// before the JoinResponse.
	Unhandled map[string]uint64
	// Invalid counts what was refused in MC's messages, by a fixed name such as
	// "kek_older" or "send_directive_too_large".
	Invalid map[string]uint64

	// JoinTraceParent is the W3C traceparent of the JoinResponse; empty when MC
	// sent none (platform contract, MC F).
	JoinTraceParent string
}

// Self is this client as MC knows it.
type Self struct {
	ParticipantID string
	// SenderID is 1 to 65535.
	SenderID uint16
	// CorrelationID and BindingToken are what a later session would present to
	// resume this one (platform contract, MC E).
	CorrelationID string
	BindingToken  Secret
	Mute          Mute
}

// A Person is somebody else on the roster.
type Person struct {
	ParticipantID string
	Name          Secret
	// SenderID is 1 to 65535, or 0 when MC gave none that is valid.
	SenderID uint16
	// IdentityKey is nil when the person published none, or none of 32 bytes.
	IdentityKey ed25519.PublicKey
	// Mute is what the last mute update said. The roster itself carries no mute
	// state, so somebody who is muted only by their own choice never shows here.
	Mute Mute
}

// Mute is a participant's mute state.
type Mute struct {
	AudioSelf, VideoSelf     bool
	AudioServer, VideoServer bool
	// By is the participant id of the host behind a server mute.
	By string
}

// A KEK is a meeting key with its generation.
type KEK struct {
	Key        Key
	Generation uint16
	// RotationDebounce is W, how long MC waits between a departure and the next
	// rotation; 0 when MC did not say.
	RotationDebounce time.Duration
}

// A Directive says what this client is to send. It replaces the one before.
type Directive struct {
	Streams []DirectedStream
	// HeaderVersion is the frame header version MC asks for; 2 today.
	HeaderVersion uint32
	// At is when the directive was read.
	At time.Time
}

// A DirectedStream is one stream to send to every target.
type DirectedStream struct {
	Number   uint8
	Kind     signalingv1.MediaKind
	Encoding Encoding
	// Targets are handler URLs that take one frame per datagram. Empty means:
	// send nothing.
	Targets []string
}

// Encoding is what MC asks an encoder for. Zero means MC did not say.
type Encoding struct {
	Codec signalingv1.Codec
	// MaxBitrate is in bits per second, FrameRate in frames per second.
	MaxBitrate, FrameRate uint32
	Width, Height         uint32
}

// Audio returns the first audio stream, the only kind there is today.
func (d *Directive) Audio() (DirectedStream, bool) {
	if d == nil {
		return DirectedStream{}, false
	}
	i := slices.IndexFunc(d.Streams, func(s DirectedStream) bool {
		return s.Kind == signalingv1.MediaKind_MEDIA_KIND_AUDIO
	})
	if i < 0 {
		return DirectedStream{}, false
	}
	return d.Streams[i], true
}

// An Assignment is the state of one declared receive slot.
type Assignment struct {
	SlotID uint16
	// SenderID is nil when nobody is in the slot.
	SenderID *uint16
	Kind     signalingv1.MediaKind
	// HandlerURL is where the slot's frames arrive; empty when there is no source.
	HandlerURL string
	State      signalingv1.SlotState
}

// Sender returns the sender in the slot.
func (a Assignment) Sender() (uint16, bool) {
	if a.SenderID == nil {
		return 0, false
	}
	return *a.SenderID, true
}

// Active reports whether frames of sender are expected in this slot.
func (a Assignment) Active(sender uint16) bool {
	id, ok := a.Sender()
	return ok && id == sender && a.State == signalingv1.SlotState_SLOT_STATE_ACTIVE
}

// A Leave is one departure from the roster.
type Leave struct {
	ParticipantID string
	// SenderID is 0 when the person was not on this client's roster.
	SenderID uint16
	Reason   signalingv1.LeaveReason
	At       time.Time
}

// An UnmuteRequest is a server-muted person asking the host to be unmuted.
type UnmuteRequest struct {
	ParticipantID string
	Audio, Video  bool
	At            time.Time
}

// A Redirect names another MC. No MC sends it today.
type Redirect struct {
	Endpoint, MeetingID, Reason string
}

// SlotOf returns the slot that holds sender, in whatever state.
func (v View) SlotOf(sender uint16) (Assignment, bool) {
	for _, a := range v.Slots {
		if id, ok := a.Sender(); ok && id == sender {
			return a, true
		}
	}
	return Assignment{}, false
}

// Slot returns the state of one declared slot.
func (v View) Slot(id uint16) (Assignment, bool) {
	for _, a := range v.Slots {
		if a.SlotID == id {
			return a, true
		}
	}
	return Assignment{}, false
}

// AssignedSenders are the senders in any slot, in slot order.
func (v View) AssignedSenders() []uint16 {
	var ids []uint16
	for _, a := range v.Slots {
		if id, ok := a.Sender(); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// PersonOf returns the person on the roster with the given sender id.
func (v View) PersonOf(sender uint16) (Person, bool) {
	for _, p := range v.Roster {
		if p.SenderID == sender && sender != 0 {
			return p, true
		}
	}
	return Person{}, false
}
