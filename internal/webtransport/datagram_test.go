package webtransport

import (
	"testing"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestEveryDatagramThatIsDroppedInsideIsCounted(t *testing.T) {
	const flood, queue = 200, 128 // fewer than the 256 packets that QUIC itself queues
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
		for range flood {
			if s.SendDatagram([]byte("x")) != nil {
				return
			}
		}
	}})
	s := dial(t, url, cfg)
	eventually(t, "the flood", func() bool { return s.Stats().DatagramsParsed == flood })
	st := s.Stats()
	if st.DatagramsDropped != flood-queue {
		t.Errorf("%d datagrams arrived, %d were dropped, though nobody received any", st.DatagramsParsed, st.DatagramsDropped)
	}
	for range queue {
		if _, err := s.ReceiveDatagram(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.DatagramsParsed != st.DatagramsReceived+st.DatagramsDropped || st.DatagramsReceived != queue {
		t.Errorf("the counts do not add up: %+v", st)
	}
}

func TestDatagramsOfOtherSessionsAreCountedAndLeftOut(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
		for _, b := range []string{"\x01other", "", "\x40", "\x00ours"} {
			_ = s.Conn.SendDatagram([]byte(b))
		}
	}})
	s := dial(t, url, cfg)
	if b, err := s.ReceiveDatagram(testContext(t)); err != nil || string(b) != "ours" {
		t.Errorf("received %q, %v", b, err)
	}
	// A packet is told of after its datagrams have been handed over.
	eventually(t, "all to be counted", func() bool { return s.Stats().DatagramsParsed == 4 })
	if st := s.Stats(); st.DatagramsForeign != 3 || st.DatagramsReceived != 1 {
		t.Errorf("counted: %+v", st)
	}
}

func TestWhatIsQueuedWhenTheSessionEndsIsStillReceived(t *testing.T) {
	ready := make(chan struct{})
	url, cfg := double(t, wtdouble.Config{OnSession: func(s *wtdouble.Session) {
		_ = s.SendDatagram([]byte("last words"))
		<-ready
		s.Close(0, "")
	}})
	s := dial(t, url, cfg)
	eventually(t, "the datagram", func() bool { return s.Stats().DatagramsParsed == 1 })
	close(ready)
	end := awaitEnd(t, s)
	if b, err := s.ReceiveDatagram(testContext(t)); err != nil || string(b) != "last words" {
		t.Errorf("received %q, %v", b, err)
	}
	if _, err := s.ReceiveDatagram(testContext(t)); err != error(end) {
		t.Errorf("then: %v", err)
	}
}
