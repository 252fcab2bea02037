package interop

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/dark-tower/prober/internal/darktower/frame"
	"github.com/dark-tower/prober/internal/darktower/framing"
	"github.com/dark-tower/prober/internal/webtransport"
)

// mediaFrame is a media frame with count as its payload; key-bearing ones, as every
// frame of the prober is, are 156 bytes longer than their plaintext.
func mediaFrame(t *testing.T, h frame.Header, count int) []byte {
	t.Helper()
	payload := fmt.Appendf(nil, "%0104d", count)
	h.Sequence = uint32(count)
	b, err := frame.AppendPublisher(nil, h, len(payload))
	if err != nil {
		t.Fatal(err)
	}
	b = frame.AppendRelay(b, 0xffff, 0xdeadbeef)
	b = append(b, payload...)
	return append(b, bytes.Repeat([]byte{0xaa}, frame.SignatureLen)...)
}

func datagrams() []testCase {
	return []testCase{
		{name: "datagrams of every size come back", run: func(t *testing.T, p peer) {
			s := p.start(t, options{mh: true})
			session := s.dial("accept", "echo-datagrams")
			for _, size := range []int{0, 1, 100, 236, 1100, 1162, session.MaxDatagramSize()} {
				want := bytes.Repeat([]byte{byte(size)}, size)
				if err := session.SendDatagram(want); err != nil {
					t.Fatal(err)
				}
				got, err := session.ReceiveDatagram(testContext(t))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes came back of %d: %v", len(got), size, err)
				}
			}
			var tooLarge *webtransport.DatagramTooLargeError
			if err := session.SendDatagram(make([]byte, 2000)); !errors.As(err, &tooLarge) || tooLarge.Max < 1162 {
				t.Errorf("a datagram of 2000 bytes: %v", err)
			}
			if st := session.Stats(); st.DatagramsSent != 7 || st.DatagramsReceived != 7 || st.DatagramsDropped != 0 || st.DatagramsForeign != 0 {
				t.Errorf("statistics %+v", st)
			}
		}},
		{name: "a media handler changes the relay region and nothing else", run: func(t *testing.T, p peer) {
			s := p.start(t, options{mh: true})
			session := s.dial("accept", "relay:513")
			salience := uint8(9)
			wrap := bytes.Repeat([]byte{7}, frame.WrapLen)
			for i, h := range []frame.Header{
				{}, {Salience: &salience},
				{Flags: frame.FlagKeyBearing, Wrap: wrap},
				{Flags: frame.FlagKeyBearing | frame.FlagIndependent, Wrap: wrap, Salience: &salience},
			} {
				sent := mediaFrame(t, h, i)
				if err := session.SendDatagram(sent); err != nil {
					t.Fatal(err)
				}
				got, err := session.ReceiveDatagram(testContext(t))
				if err != nil {
					t.Fatal(err)
				}
				view, err := frame.Decode(got)
				if err != nil {
					t.Fatal(err)
				}
				if view.StreamID() != 513 || view.HopSequence() != uint32(i) {
					t.Errorf("slot %d, hop %d", view.StreamID(), view.HopSequence())
				}
				if err := frame.RewriteRelay(got, 0xffff, 0xdeadbeef); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, sent) {
					t.Errorf("more than the relay region changed:\n%x\n%x", sent, got)
				}
			}
		}},
		{name: "fifty frames there and back come in order, and none is lost", run: func(t *testing.T, p peer) {
			s := p.start(t, options{mh: true})
			session := s.dial("accept", "relay:1")
			for i := range 50 {
				if err := session.SendDatagram(mediaFrame(t, frame.Header{}, i)); err != nil {
					t.Fatal(err)
				}
				got, err := session.ReceiveDatagram(testContext(t))
				if err != nil {
					t.Fatal(err)
				}
				view, err := frame.Decode(got)
				if err != nil || view.HopSequence() != uint32(i) || view.StreamSequence() != uint32(i) {
					t.Fatalf("frame %d came as %d, hop %d: %v", i, view.StreamSequence(), view.HopSequence(), err)
				}
			}
		}},
		{
			name: "frames before the handler reads are dropped, the oldest first, and nobody says so",
			not:  map[program]string{webtransportGo: "it queues datagrams by number, not by bytes"},
			run: func(t *testing.T, p peer) {
				const frames = 40
				// A packet that has a message in it has also the next datagram that is due:
				// after as many messages as there are datagrams, all of them have gone.
				do := append([]string{"accept", "bidi"}, slices.Repeat([]string{"message", "answer:6f6b"}, frames)...)
				s := p.start(t, options{mh: true})
				session := s.dial(append(do, fmt.Sprintf("datagrams:%d", frames))...)
				st := open(t, session, "one")
				for i := range frames {
					if err := session.SendDatagram(mediaFrame(t, frame.Header{Flags: frame.FlagKeyBearing, Wrap: make([]byte, frame.WrapLen)}, i)); err != nil {
						t.Fatal(err)
					}
				}
				for range frames - 1 {
					reply(t, st, "ok")
					if err := framing.Write(st, []byte("more")); err != nil {
						t.Fatal(err)
					}
				}
				reply(t, st, "ok") // and now the handler reads
				for range frames {
					s.await("message")
				}
				seen, last := 0, -1
				for last != frames-1 {
					view, err := frame.Decode(s.await("datagram").content(t))
					if err != nil {
						t.Fatal(err)
					}
					seen, last = seen+1, int(view.StreamSequence())
				}
				// 2048 bytes hold eight frames of 236, and wtransport may have two in its hands.
				if seen > 12 {
					t.Errorf("%d of %d frames arrived, want about ten at most", seen, frames)
				}
				if session.Err() != nil || session.Stats().DatagramsSent != frames {
					t.Errorf("the client learned of it: %v, %+v", session.Err(), session.Stats())
				}
			},
		},
	}
}
