package webtransport

import (
	"slices"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

func TestADatagramDepartsBetweenItsBeingTakenAndItsAnswer(t *testing.T) {
	url, cfg := double(t, wtdouble.Config{OnSession: wtdouble.Echo})
	s := dial(t, url, cfg)
	left := make(chan Departure, 1000)
	s.OnDeparture(func(d Departure) { left <- d })
	const rounds = 200
	var taken, answered [2 * rounds]time.Time
	round := func(n int) {
		taken[n] = time.Now()
		if err := s.SendDatagram([]byte("always the same")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReceiveDatagram(testContext(t)); err != nil {
			t.Fatal(err)
		}
		answered[n] = time.Now()
	}
	for n := range rounds {
		round(n)
	}
	// What is refused does not count, and what vanishes in the dark is not reported.
	if err := s.SendDatagram(make([]byte, 5000)); err == nil {
		t.Fatal("no error")
	}
	if s.MaxDatagramSize() == 0 {
		t.Fatal("no size")
	}
	s.Path().BlackHole(true)
	if err := s.SendDatagram([]byte("always the same")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the datagram to vanish", func() bool { return s.Path().Stats().SwallowedSent > 0 })
	s.Path().BlackHole(false)
	for n := range rounds - 1 {
		round(rounds + 1 + n)
	}
	reported, free, last := 0, 0, -1
	for len(left) > 0 {
		d := <-left
		n := int(d.Datagram)
		switch {
		case n <= last:
			t.Fatalf("datagram %d departs after %d", n, last)
		case n == rounds:
			t.Error("a datagram has departed into the dark")
		case d.At.Before(taken[n]) || d.At.After(answered[n]):
			t.Fatalf("datagram %d departed %v after it was taken and %v before its answer came", n, d.At.Sub(taken[n]), answered[n].Sub(d.At))
		}
		last = n
		reported++
		if d.Free {
			free++
		}
	}
	if reported < 2*rounds*9/10 || free < reported*9/10 {
		t.Errorf("of %d datagrams, %d departures are known, %d of them free", 2*rounds, reported, free)
	}
}

func TestDeparturesFollowPacketsInOrder(t *testing.T) {
	base := time.Now()
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	var got []Departure
	fresh := func() *departures {
		got = nil
		d := &departures{observe: func(x Departure) { got = append(got, x) }}
		d.start()
		return d
	}
	want := func(t *testing.T, want ...Departure) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	}
	t.Run("several packets are told of before one is written", func(t *testing.T) {
		d := fresh()
		d.taken(0)
		d.packetTold(100, 1)
		d.packetTold(100, 0)
		d.packetTold(100, 1)
		d.packetWritten(100, at(1))
		d.packetWritten(100, at(2))
		d.packetWritten(100, at(3))
		want(t, Departure{0, at(1), true}, Departure{1, at(3), false})
	})
	t.Run("a packet that vanishes takes its datagrams along", func(t *testing.T) {
		d := fresh()
		d.packetTold(100, 1)
		d.packetTold(100, 1)
		d.packetWritten(100, time.Time{})
		d.packetWritten(100, at(1))
		want(t, Departure{Datagram: 1, At: at(1)})
	})
	t.Run("a datagram that QUIC throws away has its number", func(t *testing.T) {
		d := fresh()
		d.datagramDropped()
		d.packetTold(100, 1)
		d.packetWritten(100, at(1))
		want(t, Departure{Datagram: 1, At: at(1)})
	})
	t.Run("a packet that nobody told of has no datagrams", func(t *testing.T) {
		d := fresh()
		d.packetWritten(100, at(1))
		d.packetTold(101, 1)
		d.packetWritten(100, at(2))
		d.packetWritten(101, at(3))
		want(t, Departure{Datagram: 0, At: at(3)})
	})
	t.Run("before the handshake is over nothing is known", func(t *testing.T) {
		d := fresh()
		d.ready = false
		d.packetTold(100, 1)
		d.packetWritten(100, at(1))
		d.start()
		d.packetTold(100, 1)
		d.packetWritten(100, at(2))
		want(t, Departure{Datagram: 1, At: at(2)})
	})
	t.Run("nothing is written, and memory is bounded", func(t *testing.T) {
		d := fresh()
		for range 1000 {
			d.packetTold(100, 1)
		}
		if len(d.packed) > maxPacked {
			t.Errorf("%d packets are kept", len(d.packed))
		}
	})
	t.Run("a half full window is not free", func(t *testing.T) {
		d := fresh()
		d.window.Store(1000)
		for i, inFlight := range []int64{500, 501} {
			d.inFlight.Store(inFlight)
			d.taken(uint64(i))
			d.packetTold(100, 1)
			d.packetWritten(100, at(i))
		}
		want(t, Departure{0, at(0), true}, Departure{1, at(1), false})
	})
}
