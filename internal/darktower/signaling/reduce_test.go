package signaling

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fold applies messages to a view; the last one may fail.
func fold(t *testing.T, v View, messages ...*signalingv1.ServerMessage) (View, error) {
	t.Helper()
	for i, m := range messages {
		var err error
		if v, err = apply(v, m, noon.Add(time.Duration(v.Messages)*time.Second)); err != nil {
			if i != len(messages)-1 {
				t.Fatalf("message %d of %d: %v", i+1, len(messages), err)
			}
			return v, err
		}
	}
	return v, nil
}

func mustFold(t *testing.T, v View, messages ...*signalingv1.ServerMessage) View {
	t.Helper()
	v, err := fold(t, v, messages...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func joined(t *testing.T) View {
	t.Helper()
	return mustFold(t, View{}, joinResponse(existing(person(bobID, 1))))
}

func TestAJoinResponseFillsTheView(t *testing.T) {
	v := joined(t)
	if !v.Joined || v.Messages != 1 || !v.At.Equal(noon) {
		t.Errorf("joined %t after %d messages at %v", v.Joined, v.Messages, v.At)
	}
	if v.Self.ParticipantID != ownID || v.Self.SenderID != 3 || v.Self.CorrelationID == "" ||
		v.Self.BindingToken.Reveal() != "binding-token-of-this-session" {
		t.Errorf("self: %+v", v.Self)
	}
	if !slices.Equal(v.Handlers, []string{urlX, urlY}) {
		t.Errorf("handlers: %q", v.Handlers)
	}
	if !bytes.Equal(v.KEK.Key.Bytes(), kek(0x42)) || v.KEK.Generation != 0 || v.KEK.RotationDebounce != time.Minute {
		t.Errorf("key: %+v", v.KEK)
	}
	bob := v.Roster[bobID]
	if len(v.Roster) != 1 || bob.SenderID != 1 || bob.Name.Reveal() != "Person Number 1" || len(bob.IdentityKey) != 32 {
		t.Errorf("roster: %+v", v.Roster)
	}
	if v.JoinTraceParent != traceOfJoin {
		t.Errorf("trace parent %q", v.JoinTraceParent)
	}
	if v.Directive != nil || v.SlotsKnown || v.Invalid != nil || v.Unhandled != nil {
		t.Errorf("unexpected: %v", v)
	}
}

func TestAJoinResponseWithoutTheEssentialsIsAProtocolError(t *testing.T) {
	for name, edit := range map[string]func(*signalingv1.JoinResponse){
		"no participant id":       func(r *signalingv1.JoinResponse) { r.ParticipantId = "" },
		"an endless one":          func(r *signalingv1.JoinResponse) { r.ParticipantId = strings.Repeat("x", maxID+1) },
		"no sender id":            func(r *signalingv1.JoinResponse) { r.SenderId = nil },
		"sender id zero":          func(r *signalingv1.JoinResponse) { r.SenderId = proto.Uint32(0) },
		"sender id over 16 bits":  func(r *signalingv1.JoinResponse) { r.SenderId = proto.Uint32(65536) },
		"no key":                  func(r *signalingv1.JoinResponse) { r.MeetingKek = nil },
		"a key too short":         func(r *signalingv1.JoinResponse) { r.MeetingKek = kek(1)[:31] },
		"a key too long":          func(r *signalingv1.JoinResponse) { r.MeetingKek = append(kek(1), 1) },
		"a key of zeros":          func(r *signalingv1.JoinResponse) { r.MeetingKek = kek(0) },
		"generation over 16 bits": func(r *signalingv1.JoinResponse) { r.KekGeneration = 65536 },
		"only unusable handlers": func(r *signalingv1.JoinResponse) {
			r.MediaServers = []*signalingv1.MediaServerInfo{{MediaHandlerUrl: "http://mh:1"}, {MediaHandlerUrl: ""}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := fold(t, View{}, joinResponse(edit))
			var broken *ProtocolError
			if !errors.As(err, &broken) || broken.Message != "join_response" {
				t.Fatalf("error %v", err)
			}
			if v.Joined {
				t.Error("the view says joined")
			}
		})
	}
	if _, err := fold(t, View{}, &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_JoinResponse{}}); err == nil {
		t.Error("an absent JoinResponse joined")
	}
}

func TestAJoinResponseWithFlawsIsUsedAndCounted(t *testing.T) {
	many := make([]*signalingv1.MediaServerInfo, MaxHandlers+2)
	for i := range many {
		many[i] = &signalingv1.MediaServerInfo{MediaHandlerUrl: fmt.Sprintf("https://mh-%d:4434", i)}
	}
	short := person(eveID, 9)
	short.IdentityPublicKey = []byte{1, 2, 3}
	for name, c := range map[string]struct {
		edit  func(*signalingv1.JoinResponse)
		count string
		check func(View) bool
	}{
		"one handler of two is unusable": {
			func(r *signalingv1.JoinResponse) { r.MediaServers[0].MediaHandlerUrl = "https://user:pw@mh:1/" },
			"media_server_url", func(v View) bool { return slices.Equal(v.Handlers, []string{urlY}) },
		},
		"a handler twice": {
			func(r *signalingv1.JoinResponse) { r.MediaServers[1].MediaHandlerUrl = urlX },
			"media_server_twice", func(v View) bool { return slices.Equal(v.Handlers, []string{urlX}) },
		},
		"too many handlers": {
			func(r *signalingv1.JoinResponse) { r.MediaServers = many },
			"media_servers_too_many", func(v View) bool { return len(v.Handlers) == MaxHandlers },
		},
		"an endless correlation id": {
			func(r *signalingv1.JoinResponse) { r.CorrelationId = strings.Repeat("x", maxID+1) },
			"correlation_id", func(v View) bool { return v.Self.CorrelationID == "" },
		},
		"an endless binding token": {
			func(r *signalingv1.JoinResponse) { r.BindingToken = strings.Repeat("x", maxToken+1) },
			"binding_token", func(v View) bool { return v.Self.BindingToken.Empty() },
		},
		"somebody without an id":         {existing(person("", 9)), "roster_participant_id", func(v View) bool { return len(v.Roster) == 0 }},
		"this client on its own roster":  {existing(person(ownID, 9)), "roster_self", func(v View) bool { return len(v.Roster) == 0 }},
		"somebody with this sender id":   {existing(person(eveID, 3)), "roster_sender_id_own", func(v View) bool { return v.Roster[eveID].SenderID == 0 }},
		"somebody with sender id zero":   {existing(person(eveID, 0)), "roster_sender_id", func(v View) bool { return v.Roster[eveID].SenderID == 0 }},
		"somebody with a wide sender id": {existing(person(eveID, 1<<20)), "roster_sender_id", func(v View) bool { return len(v.Roster) == 1 }},
		"somebody with half a key":       {existing(short), "roster_identity_key", func(v View) bool { return v.Roster[eveID].IdentityKey == nil }},
		"two with one sender id": {
			existing(person(bobID, 1), person(eveID, 1)), "roster_sender_id_twice",
			func(v View) bool { p, ok := v.PersonOf(1); return ok && p.ParticipantID == eveID && len(v.Roster) == 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := mustFold(t, View{}, joinResponse(c.edit))
			if v.Invalid[c.count] == 0 || !c.check(v) {
				t.Errorf("counted %v, view %v", v.Invalid, v)
			}
		})
	}
	m := joinResponse()
	m.TraceParent = "00-this-is-not-a-trace-parent-but-it-is-55-bytes-long!!"
	if v := mustFold(t, View{}, m); v.JoinTraceParent != "" {
		t.Errorf("trace parent %q", v.JoinTraceParent)
	}
}

func TestAnErrorWhileJoiningEndsTheSession(t *testing.T) {
	_, err := fold(t, View{}, serverError(signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND, "Meeting not found"))
	var refusal *ServerError
	if !errors.As(err, &refusal) || refusal.Phase != PhaseJoin || refusal.Code != signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND {
		t.Fatalf("error %v", err)
	}
	if want := `MC refused in join: NOT_FOUND "Meeting not found"`; refusal.Error() != want {
		t.Errorf("it reads %q", refusal.Error())
	}
}

func TestARefusalNamesTheTraceItWasMadeIn(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for given, want := range map[string]string{"": "", parent: parent, "00-nonsense": "", parent + "0": ""} {
		m := serverError(signalingv1.ErrorCode_ERROR_CODE_NOT_FOUND, "Meeting not found")
		m.TraceParent = given
		_, err := fold(t, View{}, m)
		var refusal *ServerError
		if !errors.As(err, &refusal) || refusal.TraceParent != want {
			t.Errorf("traceparent %q became %q", given, refusal.TraceParent)
		}
	}
}

func TestAnErrorAfterJoiningIsKept(t *testing.T) {
	v := mustFold(t, joined(t), serverError(signalingv1.ErrorCode_ERROR_CODE_FORBIDDEN, "Server mute request refused"))
	if len(v.Refusals) != 1 || v.RefusalCount != 1 || v.Refusals[0].Phase != PhaseSession || v.Refusals[0].OfDeclaration() {
		t.Errorf("refusals %v", v.Refusals)
	}
	for range MaxKept + 5 {
		v = mustFold(t, v, serverError(signalingv1.ErrorCode_ERROR_CODE_INVALID_REQUEST, "receive capability rejected: too many slots"))
	}
	if len(v.Refusals) != MaxKept || v.RefusalCount != MaxKept+6 || !v.Refusals[MaxKept-1].OfDeclaration() {
		t.Errorf("%d refusals kept of %d", len(v.Refusals), v.RefusalCount)
	}
}

func TestErrorTextsAreShortAndPrintable(t *testing.T) {
	hostile := "\x1b[31mred\r\nnew line\x00\u202eright to left\u2028" + strings.Repeat("€", 200)
	_, err := fold(t, View{}, serverError(99, hostile))
	var refusal *ServerError
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v", err)
	}
	if len(refusal.Message) > maxText || strings.ContainsAny(err.Error(), "\x1b\r\n\x00\u202e\u2028") {
		t.Errorf("message %q", refusal.Message)
	}
	if !strings.HasSuffix(refusal.Message, "€") || !strings.Contains(err.Error(), "error code 99") {
		t.Errorf("error %q", err)
	}
}

func TestPeopleComeAndGo(t *testing.T) {
	start := joined(t)
	v := mustFold(t, start, participantJoined(person(eveID, 4)), serverMuted(eveID, bobID), serverMuted(ownID, bobID))
	if eve := v.Roster[eveID]; eve.SenderID != 4 || !eve.Mute.AudioServer || eve.Mute.By != bobID {
		t.Errorf("she is %+v", eve)
	}
	if !v.Self.Mute.AudioServer {
		t.Errorf("self %+v", v.Self)
	}
	if len(start.Roster) != 1 {
		t.Error("the older view has changed")
	}
	again := mustFold(t, v, participantJoined(person(eveID, 5)))
	if eve := again.Roster[eveID]; eve.SenderID != 5 || !eve.Mute.AudioServer {
		t.Errorf("after a second announcement she is %+v", eve)
	}
	left := mustFold(t, v, participantLeft(bobID, signalingv1.LeaveReason_LEAVE_REASON_TIMEOUT))
	if len(left.Roster) != 1 || len(v.Roster) != 2 || len(left.Left) != 1 || left.LeftCount != 1 {
		t.Fatalf("after a departure: %v, before: %v", left, v)
	}
	if l := left.Left[0]; l.ParticipantID != bobID || l.SenderID != 1 || l.Reason != signalingv1.LeaveReason_LEAVE_REASON_TIMEOUT || l.At.IsZero() {
		t.Errorf("departure %+v", l)
	}
}

func TestNewsOfStrangersIsToleratedAndCounted(t *testing.T) {
	v := mustFold(t, joined(t),
		participantLeft("somebody", signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY),
		participantLeft("", signalingv1.LeaveReason_LEAVE_REASON_VOLUNTARY),
		serverMuted("somebody", bobID),
		serverMuted(bobID, strings.Repeat("x", maxID+1)),
		participantJoined(nil),
	)
	want := map[string]uint64{"left_stranger": 1, "left_participant_id": 1, "mute_stranger": 1, "mute_by": 1, "roster_participant_id": 1}
	if !maps.Equal(v.Invalid, want) || len(v.Roster) != 1 || len(v.Left) != 1 {
		t.Errorf("counted %v, view %v", v.Invalid, v)
	}
}

func TestTheRosterIsBounded(t *testing.T) {
	v := joined(t)
	v.Roster = maps.Clone(v.Roster)
	for i := len(v.Roster); i < MaxRoster-1; i++ {
		id := fmt.Sprint("filler ", i)
		v.Roster[id] = Person{ParticipantID: id}
	}
	v = mustFold(t, v, participantJoined(person(eveID, 60001)), participantJoined(person("one too many", 60002)))
	if len(v.Roster) != MaxRoster || v.Invalid["roster_too_large"] != 1 {
		t.Errorf("%d people, counted %v", len(v.Roster), v.Invalid)
	}
}

func TestEveryOtherMessageIsCountedByName(t *testing.T) {
	unknown := new(signalingv1.ServerMessage)
	raw := protowire.AppendTag(nil, 4000, protowire.BytesType)
	raw = protowire.AppendBytes(raw, []byte("from the future"))
	if err := proto.Unmarshal(raw, unknown); err != nil {
		t.Fatal(err)
	}
	v := mustFold(t, joined(t),
		joinResponse(),
		&signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_StreamPublished{StreamPublished: &signalingv1.StreamPublished{}}},
		&signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_StreamQualityUpdate{StreamQualityUpdate: &signalingv1.StreamQualityUpdate{}}},
		&signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_UnmuteResponse{UnmuteResponse: &signalingv1.UnmuteResponse{}}},
		unknown, unknown,
		&signalingv1.ServerMessage{TraceParent: traceOfJoin},
	)
	want := map[string]uint64{
		"join_response": 1, "stream_published": 1, "stream_quality_update": 1, "unmute_response": 1, "unknown": 2, "empty": 1,
	}
	if !maps.Equal(v.Unhandled, want) {
		t.Errorf("counted %v", v.Unhandled)
	}
	early := mustFold(t, View{}, directive(urlX), unknown)
	if !maps.Equal(early.Unhandled, map[string]uint64{"send_directive_before_join": 1, "unknown_before_join": 1}) || early.Directive != nil {
		t.Errorf("before the join: %v", early.Unhandled)
	}
}

func TestEveryVariantOfTheProtoIsHandledOrCounted(t *testing.T) {
	for _, field := range messageFields() {
		m := new(signalingv1.ServerMessage)
		m.ProtoReflect().Set(field, m.ProtoReflect().NewField(field))
		before := joined(t)
		v := mustFold(t, before, m)
		after := v
		after.Messages, after.At = before.Messages, before.At
		if reflect.DeepEqual(before, after) {
			t.Errorf("an empty %s left no trace", field.Name())
		}
	}
}

func TestAHostIsAskedToUnmute(t *testing.T) {
	ask := func(id string) *signalingv1.ServerMessage {
		return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_UnmuteRequest{
			UnmuteRequest: &signalingv1.UnmuteRequest{ParticipantId: id, RequestAudio: true},
		}}
	}
	v := mustFold(t, joined(t), ask(bobID), ask(""))
	if len(v.UnmuteRequests) != 1 || v.UnmuteRequestCount != 1 || v.UnmuteRequests[0].ParticipantID != bobID || !v.UnmuteRequests[0].Audio {
		t.Errorf("requests %+v", v.UnmuteRequests)
	}
	if v.Invalid["unmute_request_participant_id"] != 1 {
		t.Errorf("counted %v", v.Invalid)
	}
	for range MaxKept {
		v = mustFold(t, v, ask(eveID))
	}
	if len(v.UnmuteRequests) != MaxKept || v.UnmuteRequests[0].ParticipantID != eveID {
		t.Errorf("%d requests kept, the oldest from %s", len(v.UnmuteRequests), v.UnmuteRequests[0].ParticipantID)
	}
}

func TestARedirectIsShownInPlainText(t *testing.T) {
	v := mustFold(t, joined(t), &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_RedirectToMc{
		RedirectToMc: &signalingv1.RedirectToMc{NewMcEndpoint: "https://mc-1:4435", MeetingId: "m", Reason: "dr\nain"},
	}})
	if v.Redirect == nil || *v.Redirect != (Redirect{"https://mc-1:4435", "m", "dr ain"}) {
		t.Errorf("redirect %+v", v.Redirect)
	}
}
