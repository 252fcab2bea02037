package people

import (
	"slices"
	"sync"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
)

// A transcript collects what the people of a run and the platform say.
type transcript struct {
	mu       sync.Mutex // protects all following fields
	messages []spoken
	omitted  int
}

// spoken is a message at a moment, not yet since the run's start.
type spoken struct {
	at time.Time
	flows.Message
}

// A voice is one person's part in a transcript.
type voice struct {
	to    *transcript
	actor string
}

func (v *voice) note(m darktower.Message) {
	out := flows.Message{Actor: v.actor, Hop: flows.MC, Direction: flows.ReceivedMessage, Kind: m.Kind, Bytes: m.Bytes, Note: m.Note}
	if m.Handler {
		out.Hop = flows.MH
	}
	if m.Sent {
		out.Direction = flows.SentMessage
	}
	v.to.mu.Lock()
	defer v.to.mu.Unlock()
	if len(v.to.messages) == flows.MaxTranscript {
		v.to.omitted++
		return
	}
	v.to.messages = append(v.to.messages, spoken{m.At, out})
}

// since is the transcript of a run that started at a moment.
func (t *transcript) since(started time.Time) flows.Transcript {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Clone(t.messages)
	slices.SortStableFunc(all, func(a, b spoken) int { return a.at.Compare(b.at) })
	out := flows.Transcript{Omitted: t.omitted, Messages: slices.Grow([]flows.Message(nil), len(all))} // no larger: it is kept for hours
	for _, m := range all {
		m.Message.At = m.at.Sub(started)
		out.Messages = append(out.Messages, m.Message)
	}
	return out
}
