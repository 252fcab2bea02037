package webtransport

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dark-tower/prober/internal/webtransport/internal/wtdouble"
)

// slack is how exactly two clocks can be related.
const slack = 100 * time.Microsecond

// answering answers each question.
func answering(birth time.Time) func(*wtdouble.Session) {
	return func(s *wtdouble.Session) {
		for {
			b, err := s.ReceiveDatagram(context.Background())
			if err != nil {
				return
			}
			for range b[0] {
				if s.SendDatagram(binary.BigEndian.AppendUint64(nil, uint64(time.Since(birth)))) != nil {
					return
				}
			}
		}
	}
}

// ask asks for n datagrams and gives how many came with a receive time, which must
// lie between sending and receiving. Nothing is sent before all of the last answer
// is there: the time of another answer's packet would not fit.
func ask(t *testing.T, s *Session, birth time.Time, n int) (timed int) {
	t.Helper()
	if err := s.SendDatagram([]byte{byte(n)}); err != nil {
		t.Fatal(err)
	}
	for range n {
		b, at, err := s.ReceiveArrival(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if at.Kernel.IsZero() {
			continue
		}
		timed++
		sent := birth.Add(time.Duration(binary.BigEndian.Uint64(b)))
		if at.Kernel.Before(sent.Add(-slack)) || at.Kernel.After(at.At) {
			t.Fatalf("received %v after it was sent and %v before it was in hand", at.Kernel.Sub(sent), at.At.Sub(at.Kernel))
		}
	}
	return timed
}

func skipWithoutReceiveTimes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("receive times are known on Linux only")
	}
}

func TestADatagramHasTheReceiveTimeOfItsPacket(t *testing.T) {
	skipWithoutReceiveTimes(t)
	birth := time.Now()
	url, cfg := double(t, wtdouble.Config{OnSession: answering(birth)})
	s := dial(t, url, cfg)
	timed, all := 0, 0
	for i, n := range []int{1, 20, 3, 100, 1, 2} {
		for range 20 {
			timed += ask(t, s, birth, n)
			all += n
		}
		if i != 2 {
			continue
		}
		if err := s.Path().Rebind(); err != nil { // the rest is after a change of the address
			t.Fatal(err)
		}
		eventually(t, "an answer at the new address", func() bool {
			if err := s.SendDatagram([]byte{1}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
			defer cancel()
			_, _, err := s.ReceiveArrival(ctx)
			return err == nil
		})
	}
	if timed < all*9/10 {
		t.Errorf("%d of %d datagrams have a receive time", timed, all)
	}
}

func TestReceiveTimesAreRightWhereOthersMeddle(t *testing.T) {
	skipWithoutReceiveTimes(t)
	birth := time.Now()
	url, cfg := double(t, wtdouble.Config{OnSession: answering(birth)})
	cfg.DisablePathMTUDiscovery = true
	cfg.Endpoints = EndpointMap{url[len("https://"):]: meddler(t, url[len("https://"):])}
	s := dial(t, url, cfg)
	timed := 0
	const rounds = 100
	for range rounds {
		timed += ask(t, s, birth, 1)
	}
	if timed < rounds*8/10 {
		t.Errorf("%d of %d datagrams have a receive time", timed, rounds)
	}
}

// meddler stands between a client and a server. With each packet for the client
// it sends others of the same size: damaged ones, repeated ones, some of nobody's
// connection, some that are no QUIC at all.
func meddler(t *testing.T, server string) string {
	t.Helper()
	front := listenUDP(t)
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var client net.Addr
	wg.Go(func() {
		b := make([]byte, 2000)
		for {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			mu.Lock()
			client = from
			mu.Unlock()
			_, _ = back.Write(b[:n])
		}
	})
	wg.Go(func() {
		dice := rand.New(rand.NewPCG(1, 2))
		b, last := make([]byte, 2000), []byte(nil)
		for {
			n, err := back.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			to := client
			mu.Unlock()
			send := func(bend func([]byte)) {
				bad := append([]byte(nil), b[:n]...)
				bend(bad)
				_, _ = front.WriteTo(bad, to)
			}
			short := b[0]&0x80 == 0
			for range dice.IntN(4) * btoi(short) {
				switch dice.IntN(4) {
				case 0:
					send(func(p []byte) { p[len(p)-1]++ }) // damaged
				case 1:
					send(func(p []byte) { p[1]++ }) // of no connection
				case 2:
					send(func(p []byte) { p[0] = 1 }) // not QUIC
				case 3:
					_, _ = front.WriteTo(last, to)
				}
			}
			_, _ = front.WriteTo(b[:n], to)
			if short {
				send(func([]byte) {})
				last = append(last[:0], b[:n]...)
			}
		}
	})
	t.Cleanup(func() {
		_, _ = front.Close(), back.Close()
		wg.Wait()
	})
	return front.LocalAddr().String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTimesFollowPacketsAndDatagramsFollowTimes(t *testing.T) {
	base := time.Now()
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	short := func(size int) []byte { b := make([]byte, size); b[0] = 0x40; return b }
	fresh := func() *arrivals {
		a := newArrivals()
		a.start()
		return a
	}
	want := func(t *testing.T, a *arrivals, from uint64, want ...time.Time) {
		t.Helper()
		for i, w := range want {
			if got := a.of(from + uint64(i)); !got.Equal(w) {
				t.Errorf("datagram %d: %v after the origin, want %v", from+uint64(i), got.Sub(base), w.Sub(base))
			}
		}
	}
	none := time.Time{}
	t.Run("one by one", func(t *testing.T) {
		a := fresh()
		for i := range 5 {
			a.packetRead(short(100), at(i), at(i))
			a.packetTold(100, 1)
			want(t, a, uint64(i), at(i))
		}
	})
	t.Run("many under way, some without datagrams, some with several", func(t *testing.T) {
		a := fresh()
		for i := range 4 {
			a.packetRead(short(100), at(i), at(i))
		}
		for _, n := range []int{1, 0, 3, 1} {
			a.packetTold(100, n)
		}
		want(t, a, 0, at(0), at(2), at(2), at(2), at(3))
	})
	t.Run("packets that cannot hold datagrams are not waited for", func(t *testing.T) {
		a := fresh()
		for _, first := range []byte{0xc0, 0x00, 0x80} {
			b := short(100)
			b[0] = first
			a.packetRead(b, at(1), at(1))
		}
		a.packetRead(nil, at(1), at(1))
		a.packetRead(short(100), at(2), at(2))
		a.packetTold(100, 1)
		want(t, a, 0, at(2))
	})
	t.Run("a packet of nobody's connection is taken back", func(t *testing.T) {
		a := fresh()
		a.packetRead(short(100), at(1), at(1))
		a.packetRead(short(100), at(2), at(2))
		a.packetStray(100)
		a.packetRead(short(100), at(3), at(3))
		a.packetTold(100, 1)
		a.packetTold(100, 1)
		want(t, a, 0, at(1), at(3))
	})
	t.Run("datagrams that found the queue full have no number", func(t *testing.T) {
		a := fresh()
		a.packetRead(short(100), at(1), at(1))
		a.packetRead(short(100), at(2), at(2))
		a.datagramDropped()
		a.packetTold(100, 2)
		a.packetTold(100, 1)
		want(t, a, 0, at(1), at(2))
	})
	t.Run("a packet that was not seen has no time", func(t *testing.T) {
		a := fresh()
		a.packetTold(100, 1)
		a.packetRead(short(101), at(1), at(1))
		a.packetTold(100, 1)
		a.packetTold(101, 1)
		want(t, a, 0, none, none, at(1))
	})
	t.Run("a packet that QUIC never tells of holds up nobody for long", func(t *testing.T) {
		a := fresh()
		a.packetRead(short(100), at(0), at(0)) // the one
		for i := 20; i <= 1020; i += 20 {
			a.packetRead(short(100), at(i), at(i))
			if i == 1020 {
				break
			}
			a.packetTold(100, 0)
		}
		a.packetTold(100, 1)
		want(t, a, 0, at(1020))
	})
	t.Run("before the handshake is over there are no times", func(t *testing.T) {
		a := newArrivals()
		a.packetRead(short(100), at(1), at(1))
		a.packetTold(100, 1)
		a.start()
		a.packetRead(short(100), at(2), at(2))
		a.packetTold(100, 1)
		want(t, a, 0, none, at(2))
	})
	t.Run("nobody receives, and memory is bounded", func(t *testing.T) {
		a := fresh()
		for i := range 5000 {
			a.packetRead(short(100), at(0), at(0))
			if i%2 == 0 {
				a.packetTold(100, 1)
			}
		}
		if len(a.reads) > maxReads || len(a.stamps) > maxStamps {
			t.Errorf("%d packets and %d datagrams are kept", len(a.reads), len(a.stamps))
		}
		want(t, a, 0, none)
	})
}

func TestAReceiveTimeIsWaitedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArrivals()
		a.start()
		a.packetRead([]byte{0x40}, time.Now(), time.Now())
		received := time.Now()
		time.AfterFunc(lookup/2, func() { a.packetTold(1, 1) })
		if got := a.of(0); !got.Equal(received) {
			t.Errorf("got %v", got)
		}
		start := time.Now()
		if got := a.of(1); !got.IsZero() || time.Since(start) != lookup {
			t.Errorf("got %v after %v", got, time.Since(start))
		}
		// It comes too late, and the next one has its own all the same.
		a.packetTold(1, 1)
		a.packetRead([]byte{0x40}, received.Add(1), time.Now())
		a.packetTold(1, 1)
		if got := a.of(2); !got.Equal(received.Add(1)) {
			t.Errorf("got %v", got)
		}
	})
}
