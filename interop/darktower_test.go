package interop

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/dark-tower/prober/internal/darktower/media"
	"github.com/dark-tower/prober/internal/darktower/seal"
	"github.com/dark-tower/prober/internal/darktower/signaling"
	"github.com/dark-tower/prober/internal/darktower/wire/signalingv1"
)

const speaker = 11

// say is the step that answers with a message of MC.
func say(t *testing.T, m *signalingv1.ServerMessage) string {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return with("answer", b)
}

func welcome() *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_JoinResponse{JoinResponse: &signalingv1.JoinResponse{
		ParticipantId:              "22222222-2222-4222-8222-222222222222",
		SenderId:                   proto.Uint32(speaker),
		MediaServers:               []*signalingv1.MediaServerInfo{{MediaHandlerUrl: "https://mh.test:4434"}},
		CorrelationId:              "44444444-4444-4444-8444-444444444444",
		BindingToken:               "binding-token",
		MeetingKek:                 bytes.Repeat([]byte{7}, signaling.KeyLen),
		KekRotationDebounceSeconds: 60,
	}}}
}

func arrival(sender uint32) *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_ParticipantJoined{
		ParticipantJoined: &signalingv1.ParticipantJoined{Participant: &signalingv1.Participant{
			ParticipantId: "33333333-3333-4333-8333-333333333333", Name: "Somebody Else",
			SenderId: proto.Uint32(sender), IdentityPublicKey: bytes.Repeat([]byte{byte(sender)}, ed25519.PublicKeySize),
		}},
	}}
}

func refusal() *signalingv1.ServerMessage {
	return &signalingv1.ServerMessage{Message: &signalingv1.ServerMessage_Error{Error: &signalingv1.ErrorMessage{
		Code: signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED, Message: "Invalid or expired token",
	}}}
}

func joinRequest() signaling.JoinRequest {
	return signaling.JoinRequest{
		MeetingID: "meeting-1", Token: "the.meeting.token", Name: "Ada Lovelace",
		IdentityKey: ed25519.PublicKey(bytes.Repeat([]byte{7}, ed25519.PublicKeySize)),
	}
}

// controllerSession connects to a peer as to MC.
func controllerSession(t *testing.T, s *server, steps ...string) *signaling.Session {
	t.Helper()
	session, err := signaling.Connect(testContext(t), s.url(steps...), signaling.Config{Transport: s.cfg, JoinTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Leave() })
	return session
}

// darkTower are cases of the Dark Tower client on top.
func darkTower() []testCase {
	return []testCase{
		{name: "a participant joins a meeting, sees another come, and leaves at once", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := controllerSession(t, s, "accept", "bidi", "message", say(t, welcome()), say(t, arrival(12)), "message")
			view, err := session.Join(testContext(t), joinRequest())
			if err != nil {
				t.Fatal(err)
			}
			if view.Self.SenderID != speaker || len(view.Handlers) != 1 || view.KEK == nil {
				t.Errorf("view %v", view)
			}
			if _, err := session.Wait(testContext(t), "the other", func(v signaling.View) bool { return len(v.Roster) == 1 }); err != nil {
				t.Error(err)
			}
			got := s.await("message")
			var m signalingv1.ClientMessage
			if err := proto.Unmarshal(got.content(t), &m); err != nil || m.GetJoinRequest().GetJoinToken() != "the.meeting.token" {
				t.Errorf("the server read %v: %v", got, err)
			}
			if p.program == wtransport && !slices.Equal(got.Pieces, []int{4 + got.Length}) {
				t.Errorf("the join request came as %v", got.Pieces)
			}
			if err := session.Leave(); err != nil {
				t.Error(err)
			}
			told(t, "connection", s.await("end").Closed, "ApplicationClosed", 0, "")
		}},
		{name: "a participant that closes only its session says why", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := controllerSession(t, s, "accept", "bidi", "message", say(t, welcome()), "message")
			if _, err := session.Join(testContext(t), joinRequest()); err != nil {
				t.Fatal(err)
			}
			if err := session.Close(someCode, someReason); err != nil {
				t.Error(err)
			}
			told(t, "wait for a stream", s.await("end").Accept, "ApplicationClosed", someCode, someReason)
		}},
		{
			name: "a refused join is the server's own error, though the session goes at once",
			not:  map[program]string{webtransportGo: "quic-go does not tell what was acknowledged"},
			run: func(t *testing.T, p peer) {
				s := p.start(t, options{})
				s.cfg = s.far()
				for range 3 {
					session := controllerSession(t, s, "accept", "bidi", "message", say(t, refusal()), "finish", "drop")
					_, err := session.Join(testContext(t), joinRequest())
					var refused *signaling.ServerError
					if !errors.As(err, &refused) || refused.Code != signalingv1.ErrorCode_ERROR_CODE_UNAUTHORIZED || refused.Message != "Invalid or expired token" {
						t.Fatalf("joining: %v", err)
					}
					_ = session.Leave()
				}
			},
		},
		{name: "a session that the server drops amid a meeting is lost, with the cause", run: func(t *testing.T, p peer) {
			s := p.start(t, options{})
			session := controllerSession(t, s, "accept", "bidi", "message", say(t, welcome()), "message", "drop")
			if _, err := session.Join(testContext(t), joinRequest()); err != nil {
				t.Fatal(err)
			}
			if err := session.Declare(testContext(t), []signaling.Slot{{ID: 0, Kind: signalingv1.MediaKind_MEDIA_KIND_AUDIO}}); err != nil {
				t.Fatal(err)
			}
			select {
			case <-session.Done():
			case <-testContext(t).Done():
				t.Fatal("the session did not end")
			}
			var lost *signaling.ClosedError
			if !errors.As(session.Err(), &lost) {
				t.Errorf("the session ended with %v", session.Err())
			}
		}},
		{name: "voice goes through two media handlers and back, and is opened", run: func(t *testing.T, p peer) {
			a, b := p.start(t, options{mh: true}), p.start(t, options{mh: true})
			urls := []string{a.url("accept", "bidi", "message", "relay:1"), b.url("accept", "bidi", "message", "relay:2")}
			handlers, sender, receiver := voice(t, a, b)
			for _, r := range handlers.ConnectAll(testContext(t), urls, "the.meeting.token") {
				if !r.Connected() {
					t.Fatal(r.Err)
				}
			}
			for _, s := range []*server{a, b} {
				got := s.await("message")
				var m signalingv1.MhClientMessage
				if err := proto.Unmarshal(got.content(t), &m); err != nil || m.GetConnectRequest().GetJoinToken() != "the.meeting.token" {
					t.Errorf("the handler read %v: %v", got, err)
				}
				if p.program == wtransport && !slices.Equal(got.Pieces, []int{4 + got.Length}) {
					t.Errorf("the connect message came as %v", got.Pieces)
				}
			}
			sender.Direct(urls)
			sender.Start()
			for slot, url := range urls {
				// The same frames come back over both: whichever is second is a replay.
				_, err := receiver.AwaitFrame(testContext(t), func(r media.Received) bool {
					return r.HandlerURL == url && r.SlotID == uint16(slot+1) && r.Decoded && r.Hop >= 25
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			sender.Stop()
			if err := handlers.CloseAll(); err != nil {
				t.Error(err)
			}
			for _, s := range []*server{a, b} {
				told(t, "connection", s.await("end").Closed, "ApplicationClosed", 0, "")
			}
			st := receiver.Stats()
			if st.Accepted < 26 || st.Undeclared != 0 || st.QueueDropped != 0 {
				t.Errorf("received: %+v", st)
			}
		}},
	}
}

// voice is the media of a participant that hears itself through two handlers.
func voice(t *testing.T, a, b *server) (*media.Handlers, *media.Sender, *media.Receiver) {
	t.Helper()
	identity, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ring := seal.NewKeyring()
	if _, err := ring.Install(bytes.Repeat([]byte{7}, 32), 0, time.Minute, time.Now()); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(identity, ring, speaker, 0)
	if err != nil {
		t.Fatal(err)
	}
	opener := seal.NewOpener(ring)
	opener.SetRoster(speaker, identity.Public())
	opener.SetAssigned([]uint16{speaker})

	sender, err := media.NewSender(media.SenderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	sender.Adopt(media.Voice{Sealer: sealer, SenderID: speaker})
	receiver := media.NewReceiver(media.ReceiverConfig{})
	receiver.Adopt(opener, []uint16{1, 2})
	cfg := a.cfg
	cfg.RootCAs = a.cfg.RootCAs.Clone()
	cfg.RootCAs.AddCert(b.ca.cert)
	handlers := media.NewHandlers(media.Config{Transport: cfg, Timeout: patience}, sender, receiver)
	t.Cleanup(func() {
		sender.Stop()
		_ = handlers.Close()
		receiver.Close()
	})
	return handlers, sender, receiver
}
