package people

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower"
	"github.com/dark-tower/prober/internal/darktower/signaling"
)

func TestATranscriptIsInOrderOfTimeAndBounded(t *testing.T) {
	started := time.Now()
	var log transcript
	v := &voice{to: &log, actor: flows.ActorPerson}
	say := func(after time.Duration, sent, handler bool) {
		v.note(darktower.Message{Handler: handler, Message: signaling.Message{At: started.Add(after), Sent: sent, Kind: "K", Bytes: 7, Note: "n"}})
	}
	say(3*time.Second, false, false)
	say(time.Second, true, true)
	got := log.since(started)
	want := flows.Transcript{Messages: []flows.Message{
		{At: time.Second, Actor: flows.ActorPerson, Hop: flows.MH, Direction: flows.SentMessage, Kind: "K", Bytes: 7, Note: "n"},
		{At: 3 * time.Second, Actor: flows.ActorPerson, Hop: flows.MC, Direction: flows.ReceivedMessage, Kind: "K", Bytes: 7, Note: "n"},
	}}
	if len(got.Messages) != 2 || got.Messages[0] != want.Messages[0] || got.Messages[1] != want.Messages[1] || got.Omitted != 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
	for range flows.MaxTranscript {
		say(time.Minute, false, false)
	}
	if got = log.since(started); len(got.Messages) != flows.MaxTranscript || got.Omitted != 2 {
		t.Errorf("%d messages, %d omitted", len(got.Messages), got.Omitted)
	}
}
