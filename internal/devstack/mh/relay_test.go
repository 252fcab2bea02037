package mh_test

import (
	"bytes"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/wire/internalv1"
	"github.com/dark-tower/prober/internal/devstack/fault"
	"github.com/dark-tower/prober/internal/devstack/mh"
)

func TestOnlyTheRelayBytesOfAFrameChange(t *testing.T) {
	s := newStand(t)
	s.register(s.request(egress(1, 2, 513, 1)))
	a, b := s.join("user-a", 1), s.join("user-b", 2)
	sent := audio(t, 77, 104)
	a.send(sent)
	got := b.hear()
	if got.StreamID() != 513 || got.HopSequence() != 0 || got.StreamSequence() != 77 {
		t.Errorf("heard slot %d, hop %d, sequence %d", got.StreamID(), got.HopSequence(), got.StreamSequence())
	}
	want := bytes.Clone(sent)
	if err := frame.RewriteRelay(want, 513, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("more than the relay bytes changed:\nsent  %x\nheard %x", sent, got.Bytes())
	}
	s.wait("ground truth", func(fw []mh.Forwarded, _ []mh.Dropped) bool {
		return slices.Equal(fw, []mh.Forwarded{{MeetingID: meetingID, Sender: 1, Sequence: 77, Subscriber: 2, Slot: 513, Hop: 0}})
	})
	s.poll("the counts", func(st mh.Stats) bool {
		return st.ForwardedIngress == 1 && st.ForwardedEgress == 1 && len(st.Dropped) == 0
	})
}

func TestThreeParticipantsHearEachOtherInTheirSlots(t *testing.T) {
	s := newStand(t)
	s.register(s.request(
		egress(1, 2, 10, 1), egress(2, 3, 20, 1), // A is heard by B and C
		egress(3, 1, 30, 2), egress(4, 3, 21, 2), // B by A and C
		egress(5, 1, 31, 3), // C by A
	))
	a, b, c := s.join("user-a", 1), s.join("user-b", 2), s.join("user-c", 3)
	const frames = 5
	a.talk(100, 100+frames)
	b.talk(200, 200+frames)
	c.talk(300, 300+frames)
	type source struct {
		slot uint16
		from uint32
	}
	for _, tt := range []struct {
		name  string
		who   *client
		hears []source
	}{
		{"A", a, []source{{30, 200}, {31, 300}}},
		{"B", b, []source{{10, 100}}},
		{"C", c, []source{{20, 100}, {21, 200}}},
	} {
		next := make(map[uint16]uint32) // frames heard by slot
		for range len(tt.hears) * frames {
			v := tt.who.hear()
			i := slices.IndexFunc(tt.hears, func(src source) bool { return src.slot == v.StreamID() })
			if i < 0 {
				t.Fatalf("%s hears slot %d", tt.name, v.StreamID())
			}
			if n := next[v.StreamID()]; v.HopSequence() != n || v.StreamSequence() != tt.hears[i].from+n {
				t.Errorf("%s, slot %d: hop %d and sequence %d, want %d and %d", tt.name, v.StreamID(),
					v.HopSequence(), v.StreamSequence(), n, tt.hears[i].from+n)
			}
			next[v.StreamID()]++
		}
	}
}

func TestAFrameThatIsNotForwardedHasAReason(t *testing.T) {
	s := newStand(t)
	none := s.request()
	none.PolicyGeneration = 0
	if resp := s.register(none); resp.GetAppliedGeneration() != 0 || !resp.GetAccepted() {
		t.Errorf("generation 0: %v", resp)
	}
	s.generation = 0
	a := s.join("user-a", 1)
	expect := func(what string, b []byte, want mh.Dropped) {
		t.Helper()
		a.send(b)
		want.MeetingID, want.Sender = meetingID, 1
		s.wait(what, func(_ []mh.Forwarded, dr []mh.Dropped) bool { return slices.Contains(dr, want) })
	}
	expect("no policy", audio(t, 1, 104), mh.Dropped{Reason: mh.NoPolicy, Sequence: 1, Decoded: true})
	s.register(s.request())
	expect("no subscriber", audio(t, 2, 104), mh.Dropped{Reason: mh.NoSubscriber, Sequence: 2, Decoded: true})
	s.register(s.request(egress(1, 2, 9, 1)))
	expect("no local subscriber", audio(t, 3, 104), mh.Dropped{Reason: mh.NoLocalSubscriber, Sequence: 3, Decoded: true, Subscriber: 2, Slot: 9})
	expect("trailing bytes", append(audio(t, 4, 104), 0), mh.Dropped{Reason: "trailing_bytes"})
	expect("unknown version", []byte{1}, mh.Dropped{Reason: "unknown_version"})
	expect("truncated", audio(t, 4, 104)[:40], mh.Dropped{Reason: "truncated"})

	muted := s.request(egress(1, 2, 9, 1))
	muted.ServerMutedSources = []*internalv1.MutedSource{{SenderId: 1}}
	s.register(muted)
	expect("server mute, before the header is read", []byte{1}, mh.Dropped{Reason: mh.ServerMuted})

	b := s.join("user-b", 2)
	s.register(s.request(egress(1, 2, 9, 1)))
	a.send(audio(t, 5, 104))
	if v := b.hear(); v.StreamSequence() != 5 || v.HopSequence() != 0 {
		t.Errorf("heard sequence %d as hop %d: a frame without a subscriber must use no hop number", v.StreamSequence(), v.HopSequence())
	}
}

func TestFramesBeforeTheBindingWaitInTwoKilobytes(t *testing.T) {
	s := newStand(t)
	s.register(s.request(egress(1, 2, 9, 1)))
	b := s.join("user-b", 2)
	held := make(chan struct{})
	s.mc.admit("user-a", 1)
	s.mc.hold(held)
	a := s.connect(connectMessage(s.meetingToken("user-a")))
	receive(s, s.mc.connected, "MC to be told of A")
	const sent, size = 20, 260
	fits := uint32(2048 / (size + 1))
	for seq := range uint32(sent) {
		a.send(audio(t, seq, size-132)) // a frame is 132 bytes longer than its payload
	}
	s.poll("all frames to arrive", func(mh.Stats) bool { return s.Unread() == sent })
	close(held)
	for seq := uint32(sent) - fits; seq < sent; seq++ {
		if v := b.hear(); v.StreamSequence() != seq {
			t.Fatalf("heard %d, want %d: the oldest must have been pushed out", v.StreamSequence(), seq)
		}
	}
	a.Conn.CloseWithError(0, "")
	s.poll("the drops to be counted", func(st mh.Stats) bool {
		return st.Dropped[mh.TransportReceiveDropped] == uint64(sent-fits)
	})
}

func TestASecondConnectionTakesOver(t *testing.T) {
	s := newStand(t)
	s.register(s.request(egress(1, 2, 9, 1), egress(2, 1, 8, 2)))
	a, old := s.join("user-a", 1), s.join("user-b", 2)
	a.talk(0, 3)
	for range 3 {
		old.hear()
	}
	fresh := s.join("user-b", 2)
	a.talk(3, 6)
	for want := uint32(3); want < 6; want++ {
		if v := fresh.hear(); v.HopSequence() != want {
			t.Errorf("hop %d on the new connection, want %d: the publisher's count goes on", v.HopSequence(), want)
		}
	}
	old.talk(100, 102)
	fresh.talk(200, 202)
	for _, want := range []struct{ seq, hop uint32 }{{100, 0}, {101, 1}, {200, 0}, {201, 1}} {
		if v := a.hear(); v.StreamSequence() != want.seq || v.HopSequence() != want.hop {
			t.Errorf("heard %d as hop %d, want %+v: each publishing connection counts for itself", v.StreamSequence(), v.HopSequence(), want)
		}
	}
	old.Conn.CloseWithError(0, "")
	receive(s, s.mc.disconnected, "the old connection's end")
	a.talk(6, 7)
	if v := fresh.hear(); v.StreamSequence() != 6 {
		t.Errorf("heard %d after the old connection has gone", v.StreamSequence())
	}
}

func TestASubscriberWhoComesBackIsHeardFromHopZeroByItsPublisherOnly(t *testing.T) {
	s := newStand(t)
	s.register(s.request(egress(1, 2, 9, 1)))
	a, b := s.join("user-a", 1), s.join("user-b", 2)
	a.talk(0, 2)
	b.hear()
	b.hear()
	a.stream.Close()
	a.dropped()
	receive(s, s.mc.disconnected, "A's end")
	again := s.join("user-a", 1)
	again.talk(50, 51)
	if v := b.hear(); v.HopSequence() != 0 || v.StreamSequence() != 50 {
		t.Errorf("heard %d as hop %d: a publisher that reconnects counts anew", v.StreamSequence(), v.HopSequence())
	}
}

func TestFaults(t *testing.T) {
	hops := func(n ...uint32) []uint32 { return n }
	tests := []struct {
		name   string
		faults fault.MH
		sent   uint32
		hears  []uint32 // sequence numbers
		hops   []uint32
		truth  int // frames rewritten
	}{
		{"another handler's switches do not matter", fault.MH{Only: "mh-9", Silent: true, LoseIngressEvery: 1}, 3, hops(0, 1, 2), hops(0, 1, 2), 3},
		{"losing at ingress leaves no hop gap", fault.MH{LoseIngressEvery: 3}, 6, hops(0, 1, 3, 4), hops(0, 1, 2, 3), 4},
		{"losing at egress leaves a hop gap", fault.MH{LoseEgressEvery: 3}, 6, hops(0, 1, 3, 4), hops(0, 1, 3, 4), 6},
		{"silence after three frames", fault.MH{SilentAfter: 3}, 6, hops(0, 1, 2), hops(0, 1, 2), 3},
		{"silence", fault.MH{Silent: true}, 3, nil, nil, 0},
		{"a frame behind its successor", fault.MH{ReorderEvery: 3}, 7, hops(0, 1, 3, 2, 4, 6, 5), hops(0, 1, 3, 2, 4, 6, 5), 7},
		{"a frame twice", fault.MH{DuplicateEvery: 2}, 4, hops(0, 1, 1, 2, 3, 3), hops(0, 1, 1, 2, 3, 3), 4},
		{"a delay keeps the order", fault.MH{Delay: 20_000_000}, 4, hops(0, 1, 2, 3), hops(0, 1, 2, 3), 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.register(s.request(egress(1, 2, 9, 1)))
			a, b := s.join("user-a", 1), s.join("user-b", 2)
			for round := range 2 { // setting the switches starts their counts anew
				s.panel.Set(fault.Faults{MH: tt.faults})
				base := uint32(round) * 100
				a.talk(base, base+tt.sent)
				for i, want := range tt.hears {
					v := b.hear()
					if v.StreamSequence() != base+want {
						t.Errorf("round %d: heard %d, want %d", round, v.StreamSequence()-base, want)
					}
					if wantHop := tt.hops[i] + uint32(round*tt.truth); v.HopSequence() != wantHop {
						t.Errorf("round %d: sequence %d came as hop %d, want %d", round, want, v.HopSequence(), wantHop)
					}
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.forwarded) != 2*tt.truth {
				t.Errorf("ground truth has %d frames, want %d", len(s.forwarded), 2*tt.truth)
			}
		})
	}
}

func TestACorruptedFrameDiffersInOneBitOfItsPayload(t *testing.T) {
	s := newStand(t)
	s.register(s.request(egress(1, 2, 9, 1)))
	a, b := s.join("user-a", 1), s.join("user-b", 2)
	s.panel.Set(fault.Faults{MH: fault.MH{CorruptEvery: 2}})
	a.talk(0, 2)
	for seq := range uint32(2) {
		v, sent := b.hear(), audio(t, seq, 104)
		want, err := frame.Decode(sent)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(v.Publisher(), want.Publisher()) || !bytes.Equal(v.Signature(), want.Signature()) {
			t.Errorf("frame %d: more than the payload changed", seq)
		}
		if intact := bytes.Equal(v.Payload(), want.Payload()); intact != (seq == 0) {
			t.Errorf("frame %d: payload intact is %v", seq, intact)
		}
	}
}

func TestAConnectDelayHoldsTheBindingBack(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	s := newStand(t, func(cfg *mh.Config) {
		cfg.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	s.register(s.request())
	s.panel.Set(fault.Faults{MH: fault.MH{ConnectDelay: 1}})
	s.join("user-a", 1)
	s.panel.Set(fault.Faults{MH: fault.MH{ConnectDelay: 1 << 60}})
	c := s.connect(connectMessage(s.meetingToken("user-b")))
	s.poll("the connect message to be read", func(mh.Stats) bool { return len(connectionSpans(spans.Started())) == 2 })
	c.Conn.CloseWithError(0, "")
	s.poll("the session to be given up", func(st mh.Stats) bool { return st.Starts[mh.ConnectAbandoned] == 1 })
	if n := len(s.mc.connected); n != 0 {
		t.Errorf("MC was told of a connection that was held back")
	}
}
