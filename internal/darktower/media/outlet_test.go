package media

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/webtransport"
)

// departingConn takes frames and tells of their departure when told to.
type departingConn struct {
	took   int
	refuse bool
	tell   func(webtransport.Departure)
	done   chan struct{}
}

func (c *departingConn) SendDatagram([]byte) error {
	if c.refuse {
		return errors.New("refused")
	}
	c.took++
	return nil
}

func (c *departingConn) Done() <-chan struct{} { return c.done }

func (c *departingConn) OnDeparture(f func(webtransport.Departure)) { c.tell = f }

func TestAFrameLeavesWhenItsPacketDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSender(SenderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		conn := &departingConn{done: make(chan struct{})}
		o := s.attach(hereURL, 1, conn)
		defer o.close(DropStopped)
		voice := newSpeaker(t)
		frames := voice.frames(t, 5, 1)
		start := time.Now()
		at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
		push := func(n int) {
			rec := s.record(Sent{Sequence: uint32(n), Due: time.Now()}, []string{hereURL})
			o.push(frames[n], rec, 0)
			synctest.Wait()
		}
		push(0)
		conn.refuse = true
		push(1) // does not count
		conn.refuse = false
		push(2)
		push(3)
		push(4)
		conn.tell(webtransport.Departure{Datagram: 0, At: at(1), Free: true})
		conn.tell(webtransport.Departure{Datagram: 1, At: at(2), Free: true})
		conn.tell(webtransport.Departure{Datagram: 2, At: at(3)})                         // the network may have held it back
		conn.tell(webtransport.Departure{Datagram: 3 + maxFlying, At: at(4), Free: true}) // nothing like it flies
		var left []int
		for _, f := range s.Sent() {
			if f.Targets[0].Left.IsZero() {
				left = append(left, -1)
				continue
			}
			left = append(left, int(f.Targets[0].Left.Sub(start)/time.Millisecond))
		}
		if !slices.Equal(left, []int{1, -1, 2, -1, -1}) || conn.took != 4 {
			t.Errorf("left after %v ms", left)
		}
	})
}

func TestALatencyRunsFromLeavingToArriving(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var p Pair
	p.From, p.To, p.Settle = start, at(1000), time.Second
	for n, to := range []SentTo{
		{Handed: at(10)},
		{Handed: at(30), Left: at(35)},
		{Handed: at(50), Left: at(49)},  // nothing leaves before it is handed over
		{Handed: at(70), Left: at(700)}, // or after it has arrived
	} {
		to.URL, to.ConnEpoch, to.Hop = hereURL, 1, uint32(n)
		p.Sent = append(p.Sent, Sent{Epoch: 1, SenderID: speakerID, Sequence: uint32(n), Due: at(20 * n), Built: at(20 * n), Targets: []SentTo{to}})
		p.Received = append(p.Received, Received{
			At: at(20*n + 100), ReadLateness: time.Duration(n), HandlerURL: hereURL, ConnEpoch: 1, SlotID: 1, Hop: uint32(n), Declared: true, Decoded: true,
			SenderID: speakerID, Sequence: uint32(n),
		})
	}
	e := Legs(p)
	var latency, leaving, reading []int
	for i, s := range e.Latency {
		if s.Latency != s.ArrivedAt.Sub(s.StartedAt) {
			t.Errorf("%+v", s)
		}
		latency = append(latency, int(s.Latency/time.Millisecond))
		leaving = append(leaving, int(e.LeaveLateness[i]/time.Millisecond))
		reading = append(reading, int(e.ReadLateness[i]))
	}
	if !slices.Equal(latency, []int{90, 85, 90, 90}) || !slices.Equal(leaving, []int{0, 5, 0, 0}) || !slices.Equal(reading, []int{0, 1, 2, 3}) {
		t.Errorf("latencies %v ms, leaving took %v ms, reading %v ns", latency, leaving, reading)
	}
}
