package signaling

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

// messageFields are the variants a ServerMessage can carry.
func messageFields() []protoreflect.FieldDescriptor {
	oneof := new(signalingv1.ServerMessage).ProtoReflect().Descriptor().Oneofs().ByName("message")
	fields := make([]protoreflect.FieldDescriptor, oneof.Fields().Len())
	for i := range fields {
		fields[i] = oneof.Fields().Get(i)
	}
	return fields
}

// FuzzApply feeds a sequence of arbitrary messages, each behind a length of two
// bytes, to a fresh view.
func FuzzApply(f *testing.F) {
	seed := func(messages ...*signalingv1.ServerMessage) {
		var stream []byte
		for _, m := range messages {
			body, err := proto.Marshal(m)
			if err != nil {
				f.Fatal(err)
			}
			stream = binary.BigEndian.AppendUint16(stream, uint16(len(body)))
			stream = append(stream, body...)
		}
		f.Add(stream)
	}
	join := joinResponse(existing(person(bobID, 1)))
	seed(join, participantJoined(person(eveID, 4)), serverMuted(eveID, bobID), participantLeft(bobID, 5))
	seed(join, directive(urlX, urlY), assignments(active(0, 1), vacant(1)), kekUpdate(kek(9), 1, 60))
	seed(join, serverError(1, "receive capability rejected: too many slots"), directive())
	seed(serverError(2, "Invalid or expired token"))
	seed(directive(urlX), join, join)
	for _, field := range messageFields() {
		m := new(signalingv1.ServerMessage)
		m.ProtoReflect().Set(field, m.ProtoReflect().NewField(field))
		seed(m)
		seed(join, m)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var v View
		for len(stream) >= 2 {
			size := int(binary.BigEndian.Uint16(stream))
			stream = stream[2:]
			if size > len(stream) {
				return
			}
			m := new(signalingv1.ServerMessage)
			err := proto.Unmarshal(stream[:size], m)
			stream = stream[size:]
			if err != nil {
				return
			}
			before := v
			text := before.String()
			v, err = apply(v, m, time.Unix(0, 0))
			if got := before.String(); got != text {
				t.Fatalf("the view before changed from %q to %q", text, got)
			}
			if err != nil {
				var (
					refusal *ServerError
					broken  *ProtocolError
				)
				if !errors.As(err, &refusal) && !errors.As(err, &broken) || before.Joined {
					t.Fatalf("joined %t, error %v", before.Joined, err)
				}
				if len(err.Error()) > 2*maxText+200 {
					t.Fatalf("an error of %d bytes", len(err.Error()))
				}
				return
			}
			checkBounds(t, v)
		}
	})
}

func checkBounds(t *testing.T, v View) {
	t.Helper()
	for name, c := range map[string]struct{ n, limit int }{
		"people": {len(v.Roster), MaxRoster}, "handlers": {len(v.Handlers), MaxHandlers}, "slots": {len(v.Slots), MaxSlots},
		"unreachable": {len(v.Unreachable), MaxRoster}, "refusals": {len(v.Refusals), MaxKept}, "departures": {len(v.Left), MaxKept},
		"unmute requests": {len(v.UnmuteRequests), MaxKept}, "unhandled": {len(v.Unhandled), 64}, "invalid": {len(v.Invalid), 64},
		"description": {len(v.String()), 8192},
	} {
		if c.n > c.limit {
			t.Fatalf("%d %s, the limit is %d", c.n, name, c.limit)
		}
	}
	if v.Joined && (v.KEK == nil || len(v.KEK.Key.Bytes()) != KeyLen || bytes.Equal(v.KEK.Key.Bytes(), make([]byte, KeyLen)) || v.Self.SenderID == 0) {
		t.Fatalf("joined without key or sender id: %v", v)
	}
	for id, p := range v.Roster {
		if id != p.ParticipantID || !validID(id) || len(p.Name.Reveal()) > maxText || id == v.Self.ParticipantID ||
			p.IdentityKey != nil && len(p.IdentityKey) != 32 || len(p.Mute.By) > maxID {
			t.Fatalf("person %q: %+v", id, p)
		}
	}
	for _, r := range v.Refusals {
		if len(r.Message) > maxText || r.Message != plain(r.Message) {
			t.Fatalf("refusal %q", r.Message)
		}
	}
	if v.Directive != nil {
		if len(v.Directive.Streams) > MaxStreams {
			t.Fatalf("%d streams", len(v.Directive.Streams))
		}
		for _, s := range v.Directive.Streams {
			if len(s.Targets) > MaxTargets {
				t.Fatalf("%d targets", len(s.Targets))
			}
		}
	}
}
