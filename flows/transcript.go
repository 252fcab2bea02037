package flows

import "time"

// Transcript is the signaling conversation of a run: who said what kind of thing,
// and when. It holds no id, name, code, token, address or key.
type Transcript struct {
	Messages []Message // in order of time
	Omitted  int       // further ones, for which there was no room
}

// MaxTranscript bounds the messages of a Transcript.
const MaxTranscript = 200

// Message is one message on a stream to MC or to a handler.
type Message struct {
	At        time.Duration // since the run's start
	Actor     string
	Hop       Hop // MC or MH
	Direction Direction
	Kind      string // the message's type, such as "JoinRequest"
	Bytes     int    // of its body
	Note      string // counts and states, such as "2 slots: 1 ACTIVE, 1 SOURCE_MUTED"; may be empty
}

// Direction is seen from the people of the run.
type Direction string

// The directions.
const (
	SentMessage     Direction = "sent"
	ReceivedMessage Direction = "received"
)
